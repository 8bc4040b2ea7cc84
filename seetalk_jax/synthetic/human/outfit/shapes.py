"""Tubes and balls as grids, for frames, chains and jewelry."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic.human.vectors import unit


def tube(
  path: jax.Array, side: jax.Array, half_width: jax.Array, half_height: jax.Array, sections: int
) -> jax.Array:
  """A tube along a path.

  Args:
    path: points, `[n, 3]`.
    side: a direction across the path, `[3]` or `[n, 3]`.
    half_width: half extent along `side`, decimeters, `[]` or `[n]`.
    half_height: half extent across `side`.
    sections: points around, the last as the first.

  Returns:
    `[n, sections, 3]`.
  """
  tangent = unit(jnp.gradient(path, axis=0))
  across = jnp.broadcast_to(jnp.asarray(side, jnp.float32), path.shape)
  across = unit(across - (across * tangent).sum(-1, keepdims=True) * tangent)
  up = jnp.cross(across, tangent)
  angle = np.linspace(0, 2 * np.pi, sections)
  width, height = (
    jnp.broadcast_to(value, path.shape[:1])[:, None, None] for value in (half_width, half_height)
  )
  cos, sin = (jnp.asarray(f(angle), jnp.float32)[None, :, None] for f in (np.cos, np.sin))
  return path[:, None] + width * across[:, None] * cos + height * up[:, None] * sin


def ball(middle: jax.Array, radii: jax.Array, rows: int, columns: int) -> jax.Array:
  """An ellipsoid with half axes `radii` `[3]`: `[rows, columns, 3]`."""
  down, around = np.linspace(0, np.pi, rows)[:, None], np.linspace(0, 2 * np.pi, columns)[None]
  ring = np.sin(down)
  points = np.stack([ring * np.sin(around), np.cos(down) + 0 * around, ring * np.cos(around)], -1)
  return middle + jnp.asarray(points, jnp.float32) * radii
