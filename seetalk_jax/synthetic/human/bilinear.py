"""Bilinear lookup in maps over two coordinates, such as the height and the angle about an axis."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def lookup(values: jax.Array, rows: jax.Array, columns: jax.Array, *, periodic: bool) -> jax.Array:
  """Values of a map between the middles of its cells.

  On CPU, several maps are fastest one by one. `jax.vmap` over the maps gathers rows of them instead, which compiles
  faster and suits few places.

  Args:
    values: `[height, width]`; the middle of cell (i, j) lies at row i + 0.5, column j + 0.5.
    rows: `[...]`; rows beyond the map take its first or last row.
    columns: `[...]`.
    periodic: whether the first column follows the last one; else columns beyond the map take its edge.

  Returns:
    `[...]`.
  """
  height, width = values.shape
  rows, columns = jnp.clip(rows - 0.5, 0, height - 1.001), columns - 0.5
  low_row, low_column = jnp.floor(rows), jnp.floor(columns)
  f, g = rows - low_row, columns - low_column
  row, column = low_row.astype(jnp.int32) * width, low_column.astype(jnp.int32)
  before, after = (c % width if periodic else jnp.clip(c, 0, width - 1) for c in (column, column + 1))
  flat = values.reshape(-1)
  low = flat[row + before] * (1 - g) + flat[row + after] * g
  high = flat[row + width + before] * (1 - g) + flat[row + width + after] * g
  return low * (1 - f) + high * f
