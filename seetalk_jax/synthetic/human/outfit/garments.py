"""Clothes and collars as grids over the body: how far from the skin, and from which neckline to where."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic.human import noise
from seetalk_jax.synthetic.human.outfit import parts, surface

# Where absent things lie: inside of the head.
NOWHERE = (0.0, 7.3, 0.3)


class Garment(NamedTuple):
  """A layer of cloth from a neckline downwards; float32 scalars, decimeters unless said.

  Attributes:
    present: 1 or 0.
    front, side, back: how far the neckline lies below the base of the neck.
    vee: 0: the neckline is round, 1: it ends in a point in front.
    width: angle from the middle at which a pointed neckline begins, radians.
    offset: distance from the skin.
    loose: growth of the distance per decimeter below the neckline.
    folds: height of folds.
    sleeveless: 1: it ends at the shoulders.
    seed: of its folds.
  """

  present: jax.Array
  front: jax.Array
  side: jax.Array
  back: jax.Array
  vee: jax.Array
  width: jax.Array
  offset: jax.Array
  loose: jax.Array
  folds: jax.Array
  sleeveless: jax.Array
  seed: jax.Array


class Collar(NamedTuple):
  """A band that stands at a neckline and may fold outwards; float32 scalars, decimeters unless said.

  Attributes:
    present: 1 or 0.
    stand, stand_front: height above the neckline at the back and in front.
    lean: distance from the neck at the upper edge.
    leaf, leaf_front: how far the part that is folded outwards reaches beyond the neckline, at the back and in front.
    spread: angle by which the front ends of the leaf lie apart, radians.
    bulge: how much the leaf rises in its middle; `bulge_back` is added at the back, as for a hood.
    notch: depth of a notch in the leaf, as in lapels.
    taper: length over which the leaf runs out at the lower end of a pointed neckline.
    rest: 1: the leaf rests on the garment, 0: it hangs free at the distance `lean`.
    wave: height of random folds.
  """

  present: jax.Array
  stand: jax.Array
  stand_front: jax.Array
  lean: jax.Array
  leaf: jax.Array
  leaf_front: jax.Array
  spread: jax.Array
  bulge: jax.Array
  bulge_back: jax.Array
  notch: jax.Array
  taper: jax.Array
  rest: jax.Array
  wave: jax.Array


class Tie(NamedTuple):
  """A tie; float32 scalars. `present` is 1 or 0, `width` the half width of its knot in decimeters."""

  present: jax.Array
  width: jax.Array


class Piece(NamedTuple):
  """A grid: points `[rows, columns, 3]` and their share of the head's turn `[rows, columns]`."""

  points: jax.Array
  turning: jax.Array


def absent_unless(present: jax.Array, piece: Piece) -> Piece:
  """The piece, or all of its points in one place inside of the head."""
  there = present > 0.5
  return Piece(jnp.where(there, piece.points, jnp.asarray(NOWHERE)), jnp.where(there, piece.turning, 1.0))


def _columns(start: float) -> np.ndarray:
  """Angles of the columns, denser in front: from `start` turns, once around."""
  turns = np.linspace(start, start + 1, parts.AROUND)
  return (2 * np.pi * (turns - 0.09 * np.sin(2 * np.pi * turns))).astype(np.float32)


def neckline(garment: Garment, theta: jax.Array) -> jax.Array:
  """`q` of the neckline at angles `theta` in (-pi, 2 pi)."""
  cos = jnp.cos(theta)
  apart = jnp.arccos(jnp.clip(cos, -1, 1))
  rounded = 0.5 + 0.5 * jnp.cos(jnp.pi * jnp.clip(apart / 1.2, 0, 1))
  pointed = jnp.clip(1 - apart / garment.width, 0, 1)
  drop = garment.front * (rounded * (1 - garment.vee) + pointed * garment.vee)
  drop += garment.side * jnp.sin(theta) ** 2 + garment.back * jnp.clip(-cos, 0, 1) ** 2
  return 1.075 + 0.15 * cos + drop


def _bottom(garment: Garment, theta: jax.Array) -> jax.Array:
  """`q` of the lower end: the end of the body, or the armhole."""
  apart = jnp.abs(theta)
  end = 2.9 + 1.75 * jnp.exp(-(((apart - 1.55) / 0.36) ** 2))
  armhole = 1.85 + 5 * (apart - 1.57) ** 2
  return jnp.where(garment.sleeveless > 0.5, jnp.minimum(end, armhole), end)


def cloth(garment: Garment, own: surface.Body, theta: jax.Array, q: jax.Array) -> surface.Spot:
  """Places of the garment's outer side, as spots whose place lies on the cloth and whose skin is zero."""
  spot = surface.on_body(own, theta, q)
  below = jnp.maximum(q - neckline(garment, theta), 0)
  points = jnp.moveaxis(spot.place, -1, 0) + garment.seed
  stretched = points * jnp.asarray([2.2, 0.9, 1.6]).reshape(3, *[1] * q.ndim)
  fold = noise.octaves(stretched, 1.0, 2) - 0.35
  offset = garment.offset + garment.loose * below + garment.folds * fold * jnp.clip(2.5 * below, 0, 1)
  lift = jnp.maximum(offset, 0.5 * garment.offset)
  return spot._replace(place=spot.above(lift), skin=jnp.zeros_like(spot.skin))


def grids_of_garments(main: Garment, inner: Garment, own: surface.Body) -> tuple[Piece, Piece]:
  """Both layers on a body: the outer garment, and the one below it, which ends below the neckline of the outer one."""
  theta = jnp.asarray(_columns(-0.5))
  ends = jnp.stack([_bottom(main, theta), neckline(main, theta) + 0.35])
  rows = [parts.GRIDS[name].rows for name in ('main', 'inner')]
  # Of the shorter grid, rows at its end are repeated and left out again: one program for both compiles faster.
  along = np.stack([np.pad(_along(count), (0, max(rows) - count), 'edge') for count in rows])
  grids = jax.vmap(_grid_of_garment, (0, 0, 0, None))(stacked(main, inner), ends, along, own)
  outer, under = (jax.tree.map(lambda values, k=k: values[k], grids) for k in range(2))
  return outer, jax.tree.map(lambda values: jnp.concatenate([values[: rows[1] - 1], values[-1:]]), under)


def stacked(*garments: Any) -> Any:
  """The same kind of thing several times, with a leading axis of all its values: for `jax.vmap`."""
  return jax.tree.map(lambda *values: jnp.stack([jnp.asarray(v, jnp.float32) for v in values]), *garments)


def grid_of_garment(garment: Garment, own: surface.Body, rows: int) -> Piece:
  """The garment with its edge turned in at the neckline and, below the end of the body, hanging down."""
  return _grid_of_garment(garment, _bottom(garment, jnp.asarray(_columns(-0.5))), _along(rows), own)


def _along(rows: int) -> np.ndarray:
  """Share of the way from the neckline to the end, for all rows but the last, which hangs down: `[rows - 1]`."""
  return np.concatenate([[0.0], np.linspace(0, 1, rows - 2) ** 1.25]).astype(np.float32)


def _grid_of_garment(garment, bottom, along, own) -> Piece:
  """`grid_of_garment` down to `q = bottom [columns]`, with rows at shares `along` of the way."""
  theta = jnp.asarray(_columns(-0.5))
  top = neckline(garment, theta)
  bottom = jnp.maximum(bottom, top + 0.05)
  q = top + along[:, None] * (bottom - top)
  theta = jnp.broadcast_to(theta, q.shape)
  outer = cloth(garment, own, theta, q)
  inner = surface.on_body(own, theta, q)
  edge = inner.place - 0.03 * inner.normal
  points = outer.place.at[0].set(edge[0])
  hanging = points[-1] - jnp.asarray([0.0, 0.9, 0.0])
  turned_in = garment.sleeveless * (jnp.abs(jnp.abs(theta[-1]) - 1.57) < 0.55)
  last = jnp.where(turned_in[:, None] > 0.5, edge[-1], hanging)
  piece = Piece(jnp.concatenate([points, last[None]]), jnp.concatenate([outer.turning, outer.turning[-1:]]))
  return absent_unless(garment.present, piece)


def grid_of_collar(collar: Collar, garment: Garment, own: surface.Body) -> Piece:
  """The collar of a garment: up on the inside, over the upper edge, and down on the outside."""
  theta = jnp.asarray(_columns(0.0))
  front = (1 + jnp.cos(theta)) / 2
  near = jnp.exp(-((jnp.minimum(theta, 2 * jnp.pi - theta) / 0.55) ** 2))
  base = neckline(garment, theta)
  stand = collar.stand + (collar.stand_front - collar.stand) * front**2
  end_theta, end_q = _leaf_end(collar, garment, theta, base, near)
  top = base - stand
  leaf_rows = parts.GRIDS['collar'].rows - 4
  steps = np.linspace(0, 1, leaf_rows)[:, None].astype(np.float32)
  q = jnp.concatenate(
    [(base + 0.04)[None], (base - 0.5 * stand)[None], top[None], top + steps * (end_q - top)]
  )
  # The front ends part slowly below the upper edge.
  outwards = theta + steps**1.4 * (end_theta - theta)
  angle = jnp.concatenate([jnp.broadcast_to(theta, (3, len(theta))), outwards])
  inner = jnp.stack([0.25 * collar.lean, 0.5 * collar.lean, collar.lean])[:, None]
  back = (1 - front) ** 2
  rise = collar.bulge + collar.bulge_back * back
  rise = rise * jnp.sin(np.pi * steps**0.8) + 0.018 * (1 - steps) + collar.lean * (1 - steps)
  spot = surface.on_body(own, angle, q)
  wave = collar.wave * (noise.octaves(1.6 * jnp.moveaxis(spot.place, -1, 0) + garment.seed, 1.5, 2) - 0.3)
  free = spot.above(
    jnp.concatenate([jnp.broadcast_to(inner, (3, len(theta))), rise + 0.5 * collar.lean * steps]) + wave
  )
  resting = cloth(garment, own, angle, q)
  lying = resting.place[3:] + spot.normal[3:] * (rise + 0.022 + wave[3:])[..., None]
  # Near the upper edge the distance counts from the neck, near the end from the garment.
  share = (collar.rest * jnp.clip(2 * steps, 0, 1))[..., None]
  outer = free[3:] * (1 - share) + lying * share
  under = resting.place[-1] - 0.01 * spot.normal[-1]
  tucked = jnp.where(collar.rest > 0.5, under, spot.place[-1] + 0.01 * spot.normal[-1])
  points = jnp.concatenate([free[:3], outer, tucked[None]])
  piece = Piece(points, jnp.concatenate([spot.turning, spot.turning[-1:]]))
  return absent_unless(collar.present * garment.present, piece)


def _leaf_end(collar, garment, theta, base, near):
  """Coordinates of the leaf's end: the neckline moved sideways to its direction."""
  radius = 0.5 + 0.35 * jnp.clip(base - 1.2, 0, 2)
  slope = jnp.gradient(base) / jnp.gradient(theta) / radius
  normal = jnp.stack([-slope, jnp.ones_like(slope)]) / jnp.sqrt(1 + slope * slope)
  length = collar.leaf + (collar.leaf_front - collar.leaf) * near
  depth = base - neckline(garment._replace(front=jnp.zeros(())), theta)
  deepest = jnp.maximum(garment.front, 0.01)
  left = deepest - depth
  length *= jnp.clip(left / jnp.maximum(collar.taper, 1e-3), 0.12, 1) ** 0.7
  length -= collar.notch * jnp.exp(-(((depth - 0.28 * deepest) / 0.045) ** 2))
  side = jnp.where(theta < jnp.pi, 1.0, -1.0)
  apart = jnp.minimum(theta, 2 * jnp.pi - theta)
  end = theta + length * normal[0] / radius + side * collar.spread * jnp.exp(-apart / 0.5)
  return end, base + length * normal[1]


def grid_of_tie(tie: Tie, garment: Garment, own: surface.Body) -> Piece:
  """A tie over the garment, with its knot at the neckline."""
  rows, columns = parts.GRIDS['tie'].rows, parts.GRIDS['tie'].columns
  # Rows of the knot, then of the blade: distance below the neckline, half width, thickness.
  down = np.array(
    [-0.12, -0.11, -0.03, 0.06, 0.14, 0.15, 0.2, 0.35, 0.6, 0.85, 1.1, 1.4, 1.7, 2.0], np.float32
  )
  wide = np.array([0.8, 0.9, 1.0, 0.9, 0.68, 0.6, 0.62, 0.75, 0.9, 1.05, 1.2, 1.35, 1.5, 1.6], np.float32)
  thick = np.array([0.0, 0.05, 0.075, 0.08, 0.06, 0.03] + [0.035] * 8, np.float32)
  across = np.linspace(-1, 1, columns, dtype=np.float32)
  q = jnp.broadcast_to((neckline(garment, jnp.zeros(())) + down)[:, None], (rows, columns))
  radius = jnp.hypot(
    *surface.on_body(own, jnp.zeros(rows), q[:, 0]).place[:, ::2].T - jnp.asarray([[0.0], [surface.AXIS_Z]])
  )
  theta = tie.width * wide[:, None] * across / radius[:, None]
  spot = cloth(garment, own, theta, q)
  # The corners stay below the collar.
  bulge = thick[:, None] * (1 - across**2) + 0.012 * (thick[:, None] > 0) - 0.006
  return absent_unless(
    tie.present * garment.present, Piece(spot.place + spot.normal * bulge[..., None], spot.turning)
  )
