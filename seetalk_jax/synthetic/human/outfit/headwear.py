"""Hats and headscarves of a person, and the hair that they hide."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic.human import noise
from seetalk_jax.synthetic.human.outfit import parts, surface
from seetalk_jax.synthetic.human.outfit.garments import Piece, absent_unless
from seetalk_jax.synthetic.human.vectors import unit


class Hat(NamedTuple):
  """A hat or headscarf; float32 scalars, decimeters and radians unless said.

  A pole on the head is its middle. Angles from the pole, seen from the middle of the head, state where it ends.

  Attributes:
    present: 1 or 0.
    tilt: of the pole to the back: 0.25 for a hat; pi / 2, the back of the head, for a scarf around the face.
    front, side, back: angles from the pole to the edge; for a scarf, above, beside and below the face.
    offset: distance from the skin, with hair below.
    tall: height of the crown above that.
    cuff, cuff_height: thickness and height of a turned-up edge.
    band: height of a headband that leaves the crown free, 0 for a hat.
    peak: length of a peak in front.
    brim: width of a brim all around.
    droop: angle of the brim to the horizontal.
    all_hair: 1: hides all hair, 0: what lies above the edge.
    wave: height of random folds.
    seed: of the folds.
  """

  present: jax.Array
  tilt: jax.Array
  front: jax.Array
  side: jax.Array
  back: jax.Array
  offset: jax.Array
  tall: jax.Array
  cuff: jax.Array
  cuff_height: jax.Array
  band: jax.Array
  peak: jax.Array
  brim: jax.Array
  droop: jax.Array
  all_hair: jax.Array
  wave: jax.Array
  seed: jax.Array


def _axes(hat: Hat) -> tuple[jax.Array, jax.Array]:
  """(pole, direction of the angle 0 around it); the angle pi / 2 is the person's left."""
  sin, cos, zero = jnp.sin(hat.tilt), jnp.cos(hat.tilt), jnp.zeros(())
  return jnp.stack([zero, cos, -sin]), jnp.stack([zero, sin, cos])


def _edge(hat: Hat, around: jax.Array) -> jax.Array:
  """Angle from the pole to the edge at angles `around` the pole."""
  cos = jnp.cos(around)
  ahead, behind = jnp.clip(cos, 0, 1) ** 2, jnp.clip(-cos, 0, 1) ** 2
  return hat.side + (hat.front - hat.side) * ahead + (hat.back - hat.side) * behind


def _directions(hat: Hat, angle: jax.Array, around: jax.Array) -> jax.Array:
  pole, ahead = _axes(hat)
  left = jnp.asarray([1.0, 0.0, 0.0])
  outwards = jnp.cos(around)[..., None] * ahead + jnp.sin(around)[..., None] * left
  return jnp.cos(angle)[..., None] * pole + jnp.sin(angle)[..., None] * outwards


def wear(hat: Hat, head: surface.Head) -> dict[str, Piece]:
  """The grids of the hat on a person's head; names as in `parts.GRIDS`."""
  grid = parts.GRIDS['hat']
  around = jnp.asarray(np.linspace(-np.pi, np.pi, grid.columns, dtype=np.float32))
  edge = _edge(hat, around)
  start = jnp.where(hat.band > 0, jnp.maximum(edge - hat.band, 0), 0)
  steps = jnp.asarray(np.linspace(0, 1, grid.rows - 1) ** 0.8, jnp.float32)[:, None]
  angle = start + steps * (edge - start)
  direction = _directions(hat, angle, around)
  radius = surface.head_radius(head, direction)
  flat = (1 + jnp.cos(angle)) / 2
  lift = hat.offset + hat.tall * jnp.clip(2.2 * flat - 0.9, 0, 1)
  below = (edge - angle) * radius
  lift += hat.cuff * jnp.clip(25 * (hat.cuff_height - below) + 0.5, 0, 1)
  points = jnp.moveaxis(direction, -1, 0) + hat.seed
  lift += hat.wave * (noise.octaves(points * jnp.asarray([3.0, 2.0, 3.0])[:, None, None], 1.0, 2) - 0.4)
  shell = direction * (radius + lift)[..., None]
  # Deep enough that no gap shows beside a steep cheek.
  inside = direction[-1] * (radius[-1] - 0.3)[:, None]
  first = jnp.where(hat.band > 0, direction[0] * (radius[0] - 0.04)[:, None], shell[0])
  shell = jnp.concatenate([shell.at[0].set(first), inside[None]]) + jnp.asarray(surface.MIDDLE)
  return {
    'hat': absent_unless(hat.present, Piece(shell, jnp.ones(shell.shape[:2]))),
    'brim': _brim(hat, around, direction[-1], radius[-1]),
  }


def _brim(hat, around, direction, radius) -> Piece:
  """The peak or brim: out on the upper side, back on the lower side."""
  pole, ahead = _axes(hat)
  outwards = jnp.cos(around)[:, None] * ahead + jnp.sin(around)[:, None] * jnp.asarray([1.0, 0.0, 0.0])
  share = jnp.clip(1 - (around / 0.78) ** 2, 0, 1) ** 0.7
  length = hat.brim + hat.peak * share
  droop = hat.droop + 0.7 * (hat.peak > 0) * jnp.sin(around) ** 2
  along = outwards * jnp.cos(droop)[:, None] - pole * jnp.sin(droop)[:, None]
  reach = jnp.asarray([-0.05, 0.45, 1.0, 1.0, 0.45, -0.05])[:, None, None] * length[:, None]
  thick = jnp.asarray([0.03, 0.025, 0.012, -0.012, -0.01, -0.01])[:, None, None]
  base = direction * (radius + hat.offset)[:, None] + jnp.asarray(surface.MIDDLE)
  points = base + reach * along + thick * pole - 0.12 * reach**2 * pole * (hat.peak > 0)
  present = hat.present * ((hat.peak > 0) | (hat.brim > 0))
  return absent_unless(present, Piece(points, jnp.ones(points.shape[:2])))


def covered(hat: Hat, points: jax.Array) -> jax.Array:
  """Whether points of the neutral head `[n, 3]` lie under the hat or scarf: bool `[n]`."""
  pole, ahead = _axes(hat)
  direction = unit(points - jnp.asarray(surface.MIDDLE))
  angle = jnp.arccos(jnp.clip(direction @ pole, -1, 1))
  edge = _edge(hat, jnp.arctan2(direction[..., 0], direction @ ahead))
  under = (angle < edge) & ((hat.band <= 0) | (angle > edge - hat.band))
  return (hat.present > 0.5) & (under | (hat.all_hair > 0.5))
