"""Optical flow between two frames of the same person, exact for surfaces and hair."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from seetalk_jax.synthetic.human import raster
from seetalk_jax.synthetic.human.person import Shared
from seetalk_jax.synthetic.human.render import Rendered

# A point is visible in the other frame if nothing lies this much nearer to the camera; depths span 4 dm.
_TOLERANCE = 0.004
# Other strands of a lock may cross in front.
_HAIR_TOLERANCE = 0.02


def flow(first: Rendered, second: Rendered, arrays: Shared) -> tuple[jax.Array, jax.Array]:
  """Where every visible point of the first picture lies in the second; a pure function for jit and vmap.

  Args:
    first, second: pictures of one person, of one size.
    arrays: `person.shared()`.

  Returns:
    The flow in pixels as (x, y), float32 `[size, size, 2]`, and where it holds, bool `[size, size]`: not for the
    background, nor for points that are hidden or outside of the second picture. The flow is 0 where it does not hold.
  """
  size = first.depth.shape[0]
  shown = raster.Nearest(first.triangle >= 0, jnp.maximum(first.triangle, 0), first.depth)
  hairy, piece = first.piece >= 0, jnp.maximum(first.piece, 0)

  def at_points(of_vertices, of_pieces):
    on_surface = raster.interpolate(of_vertices, shown, first.weights, arrays.triangles)
    return jnp.where(hairy, jnp.moveaxis(of_pieces[piece], (0, 1), (-2, -1)), on_surface)

  target = at_points(second.positions, second.piece_positions)
  # Labels belong to the upper left sample of a pixel.
  step = target - at_points(first.positions, first.piece_positions)
  column, row = jnp.floor(target).astype(jnp.int32)
  inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
  at = jnp.clip(row, 0, size - 1) * size + jnp.clip(column, 0, size - 1)
  depth = at_points(second.depths, second.piece_depths)
  hidden = second.depth.reshape(-1)[at] < depth - jnp.where(hairy, _HAIR_TOLERANCE, _TOLERANCE)
  holds = (shown.covered | hairy) & inside & ~hidden
  return jnp.moveaxis(jnp.where(holds, step, 0), 0, -1), holds
