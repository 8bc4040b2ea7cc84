"""Ground-truth flow and visibility between synthetic pictures, from canonical head coordinates per cell."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from seetalk_jax.constants import Part
from seetalk_jax.models.nn.exportable import exportable

# Cells match only within one group.
_GROUPS = {
  Part.BACKGROUND: 0,
  Part.BODY: 1,
  **dict.fromkeys((Part.NECK, Part.SKIN, Part.BROW, Part.LIP), 2),
  Part.HAIR: 3,
  Part.EYE: 4,
  Part.MOUTH: 5,
  Part.GLASSES: 6,
}


@exportable
class FlowTruth(NamedTuple):
  """Backward flow from target to source, and visibility.

  Attributes:
    flow: `[b, h, w, 2]`, (x, y) offsets target -> source in picture units.
    visible: `[b, h, w, 1]` in [0, 1]: 1 where the target's surface point is visible in the source.
  """

  flow: jax.Array
  visible: jax.Array


def _search(source, target, tall, wide):
  """Offsets (dy, dx) in cells, `[b, h, w]` each, of the nearest coordinate in a window around every cell."""
  # Planes, channels first: the search is elementwise.
  planes = jnp.moveaxis(source, -1, 0)
  wanted = jnp.moveaxis(target, -1, 0)
  far = jnp.pad(planes, ((0, 0), (0, 0), (tall, tall), (wide, wide)), constant_values=1e3)

  def compare(i, best):
    distance, winner = best
    dy, dx = i // (2 * wide + 1), i % (2 * wide + 1)
    there = jax.lax.dynamic_slice(far, (0, 0, dy, dx), planes.shape)
    # A tiny penalty on long offsets breaks ties.
    penalty = 1e-7 * ((dy - tall) ** 2 + (dx - wide) ** 2)
    candidate = jnp.sum(jnp.square(there - wanted), axis=0) + penalty
    nearer = candidate < distance
    return jnp.where(nearer, candidate, distance), jnp.where(nearer, i, winner)

  start = (jnp.full(planes.shape[1:], jnp.inf), jnp.zeros(planes.shape[1:], jnp.int32))
  _, winner = jax.lax.fori_loop(0, (2 * tall + 1) * (2 * wide + 1), compare, start)
  return winner // (2 * wide + 1) - tall, winner % (2 * wide + 1) - wide


def _refine(source, target, dy, dx, reach):
  """The best offsets within `reach` cells of `dy`, `dx`."""
  b, h, w, _ = source.shape
  flat = source.reshape(b * h * w, 3)
  first = (jnp.arange(b) * h * w)[:, None, None]
  side = 2 * reach + 1

  def compare(i, best):
    distance, winner = best
    y = jnp.clip(jnp.arange(h)[:, None] + dy + i // side - reach, 0, h - 1)
    x = jnp.clip(jnp.arange(w) + dx + i % side - reach, 0, w - 1)
    penalty = 1e-7 * ((y - jnp.arange(h)[:, None]) ** 2 + (x - jnp.arange(w)) ** 2)
    candidate = jnp.sum(jnp.square(flat[first + y * w + x] - target), axis=-1) + penalty
    nearer = candidate < distance
    return jnp.where(nearer, candidate, distance), jnp.where(nearer, i, winner)

  start = (jnp.full((b, h, w), jnp.inf), jnp.zeros((b, h, w), jnp.int32))
  _, winner = jax.lax.fori_loop(0, side * side, compare, start)
  return dy + winner // side - reach, dx + winner % side - reach


def match_canonical(
  source: jax.Array,
  target: jax.Array,
  source_parts: jax.Array,
  target_parts: jax.Array,
  *,
  reach: tuple[int, int] = (12, 12),
  tolerance: float = 0.035,
) -> FlowTruth:
  """Ground-truth flow and visibility by nearest-neighbor search in canonical coordinates.

  For each target cell, a window of source cells is searched for the nearest canonical coordinate, coarse to
  fine when the window is large. A least-squares step on the source's local gradient adds a sub-cell offset of
  at most 0.6 cells. Visibility is `exp(-residual^2 / tolerance^2)` within one part group, and 0 across
  groups. No gradient passes.

  Args:
    source, target: canonical coordinates `[b, h, w, 3]` on the head in its rest pose (head about -1 to 1; the
      background is a plane behind it).
    source_parts, target_parts: part labels `[b, h, w]` (`constants.Part`).
    reach: search radius in cells, (vertical, horizontal). Memory does not grow with it.
    tolerance: canonical distance, left after the sub-cell step, at which visibility drops to 1 / e.
  """
  source, target = jnp.asarray(source, jnp.float32), jnp.asarray(target, jnp.float32)
  source_parts, target_parts = jnp.asarray(source_parts), jnp.asarray(target_parts)
  b, h, w, _ = source.shape
  tall, wide = min(reach[0], h - 1), min(reach[1], w - 1)
  rows = jnp.arange(b)[:, None, None]
  if tall * wide > 36:
    # A search over every second cell finds the neighborhood at a sixteenth of the cost.
    dy, dx = _search(source[:, ::2, ::2], target[:, ::2, ::2], (tall + 1) // 2, (wide + 1) // 2)
    dy, dx = (2 * jnp.repeat(jnp.repeat(a, 2, axis=1), 2, axis=2)[:, :h, :w] for a in (dy, dx))
    dy, dx = _refine(source, target, dy, dx, 2)
  else:
    dy, dx = _search(source, target, tall, wide)
  y = jnp.clip(jnp.arange(h)[:, None] + dy, 0, h - 1)
  x = jnp.clip(jnp.arange(w) + dx, 0, w - 1)

  def slope(axis, index, size):
    ahead, behind = jnp.minimum(index + 1, size - 1), jnp.maximum(index - 1, 0)
    pair = (
      (source[rows, ahead, x], source[rows, behind, x])
      if axis == 1
      else (source[rows, y, ahead], source[rows, y, behind])
    )
    return (pair[0] - pair[1]) / jnp.maximum(ahead - behind, 1)[..., None]

  # Least squares of (target - source) on the two slopes, damped where they vanish.
  along_y, along_x = slope(1, y, h), slope(2, x, w)
  rest = target - source[rows, y, x]
  damping = 1e-6
  yy, xx = jnp.sum(along_y**2, -1) + damping, jnp.sum(along_x**2, -1) + damping
  xy = jnp.sum(along_x * along_y, -1)
  ry, rx = jnp.sum(along_y * rest, -1), jnp.sum(along_x * rest, -1)
  determinant = yy * xx - xy**2 + damping**2
  part_y = jnp.clip((xx * ry - xy * rx) / determinant, -0.6, 0.6)
  part_x = jnp.clip((yy * rx - xy * ry) / determinant, -0.6, 0.6)
  left = rest - part_y[..., None] * along_y - part_x[..., None] * along_x

  group = jnp.asarray([_GROUPS[part] for part in Part] + [0] * 6, jnp.int32)
  groups = [group[jnp.minimum(parts.astype(jnp.int32), 15)] for parts in (source_parts, target_parts)]
  same = groups[0][rows, y, x] == groups[1]
  near = jnp.exp(-jnp.sum(left**2, axis=-1) / tolerance**2)
  flow = jnp.stack([(dx + part_x) / w, (dy + part_y) / h], axis=-1)
  return FlowTruth(*jax.lax.stop_gradient((flow, (near * same)[..., None])))
