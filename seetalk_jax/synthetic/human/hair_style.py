"""Hair style: the continuous parameters of a person's hair."""

from __future__ import annotations

from typing import NamedTuple

import jax


class Style(NamedTuple):
  """A hair style; scalars, lengths in decimeters. `styles.sample_style` draws them.

  Attributes:
    length: on top.
    side: length at the sides over that on top, 0 to 1.
    nape: length at the nape over that at the sides, 0 to 1.
    border: height where sides end, 7.2 to 8.3.
    blend: half the height over which sides pass into the top.
    level: height at which hair is cut off, 0 for none.
    layers: how much shorter single strands are, 0 to 1.
    fringe: share of the front hair that falls over the forehead, 0 to 1.
    fringe_length: of that hair, from the hairline.
    parting: x of the parting on the scalp, -0.5 to 0.5.
    outward: how much hair is combed away from the parting.
    forward: how much hair is combed to the front; negative: to the back.
    sweep: how much the front hair is combed to the person's left; negative: right.
    whorl: how much hair is combed away from the crown.
    lift: how far hair stands off where it leaves the scalp, 0 to 1.
    rise: how much more the front hair stands off.
    stiffness: 0: falls at once, 1: keeps its direction.
    cling: how closely hair follows the head, 0 to 1.
    curl: radius of curls.
    waves: turns of a curl along a strand.
    frizz: radius of small irregular bends.
    clumping: how far strands of a clump lie together, 0 to 1.
    locks: how far strands of a thick lock lie together, 0 to 1.
    mess: spread of directions.
    volume: distance of the outer hair from the skull.
    round: how far hair is cut to a ball around the head, 0 to 1.
    recession: how far the hairline has moved back, 0 to 1; 1 leaves a ring.
    crown: size of a bald spot on the crown, 0 to 1.
    density: share of strands that grow, 0 to 1.
    open: half the width of the face that long hair leaves free, 0.58 to 0.8.
    front: share of long hair that hangs before the shoulders, 0 to 1.
    tuck: how far hair is tucked behind the ears, 0 to 1.
    tied: share of the height of the scalp above which hair is tied: 0 none, 0.5 the upper half, 1 all.
    tie: elevation of the knot at the back, radians: -0.4 at the nape, 0 at the ears, 1.3 on the crown.
    tie_side: angle of the knot from the back, radians: 0 for one knot, about 1.2 for two at the sides.
    tie_shift: moves a single knot sideways, radians.
    tail: length of hair beyond the knot.
    tail_width: radius of a tail, or of a bun.
    bun: 1 coils the tail to a bun.
    braid: 1 plaits the tail.
  """

  length: jax.Array
  side: jax.Array
  nape: jax.Array
  border: jax.Array
  blend: jax.Array
  level: jax.Array
  layers: jax.Array
  fringe: jax.Array
  fringe_length: jax.Array
  parting: jax.Array
  outward: jax.Array
  forward: jax.Array
  sweep: jax.Array
  whorl: jax.Array
  lift: jax.Array
  rise: jax.Array
  stiffness: jax.Array
  cling: jax.Array
  curl: jax.Array
  waves: jax.Array
  frizz: jax.Array
  clumping: jax.Array
  locks: jax.Array
  mess: jax.Array
  volume: jax.Array
  round: jax.Array
  recession: jax.Array
  crown: jax.Array
  density: jax.Array
  open: jax.Array
  front: jax.Array
  tuck: jax.Array
  tied: jax.Array
  tie: jax.Array
  tie_side: jax.Array
  tie_shift: jax.Array
  tail: jax.Array
  tail_width: jax.Array
  bun: jax.Array
  braid: jax.Array
