"""Rasterization of triangles and strands: which one lies nearest at every sample of a picture.

A triangle covers the samples whose centers lie inside, a strand those that its lines pass. The nearest is found by
one `scatter-min` of keys, which hold the depth in their upper bits and the index in the lower ones, so the result
does not depend on the order of the work. All functions are pure and work under `jit` and `vmap`.
Not specified in the paper; we use this for synthetic training data.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

# Key of a sample that nothing covers.
EMPTY = jnp.uint32(0xFFFFFFFF)
_ROW = 1024


class Nearest(NamedTuple):
  """The nearest triangle, or piece of a strand, at every sample.

  Planes are `[side, side]`, or `[grid**2, side / grid, side / grid]` if pixels of a grid of samples were asked for:
  a plane for each place in the pixels, in rows.

  Attributes:
    covered: bool planes.
    index: int32 planes; 0 where nothing is covered.
    depth: float32 planes, rounded to the bits that the index leaves; 2 where nothing is covered.
  """

  covered: jax.Array
  index: jax.Array
  depth: jax.Array


def triangles(
  positions: jax.Array, depths: jax.Array, corners: jax.Array, side: int, grid: int = 1
) -> Nearest:
  """The nearest front-facing triangle at every sample.

  The cost follows the covered area, for triangles of any size.

  Args:
    positions: `[n, 2]` as (x, y) in samples; sample (row, column) has its center at (column + 0.5, row + 0.5).
    depths: `[n]` in [0, 1], growing with the distance; clipped.
    corners: int32 `[m, 3]`, rows of `positions`; front faces run counterclockwise as seen, with y downwards.
    side: of the picture, in samples.
    grid: samples along each side of a pixel, see `Nearest`.

  Returns:
    Indices are rows of `corners`.
  """
  positions, depths, corners = jnp.asarray(positions), jnp.asarray(depths), jnp.asarray(corners)
  x, y, z = (values[corners].T for values in (positions[:, 0], positions[:, 1], depths))  # [3, m] each
  area = (x[1] - x[0]) * (y[2] - y[0]) - (y[1] - y[0]) * (x[2] - x[0])
  left, right = _samples_between(x.min(0), x.max(0), side)
  top, bottom = _samples_between(y.min(0), y.max(0), side)
  width = jnp.maximum(right - left + 1, 0)
  count = jnp.where(area < 0, width * jnp.maximum(bottom - top + 1, 0), 0)
  # Weights of the second and third corner and the depth as affine functions: value = u x + v y + w. Single
  # numbers per triangle are gathered, since gathers of rows are ten times slower on CPU.
  inverse = 1 / jnp.where(area < 0, area, -1.0)
  second = _affine((y[2] - y[0]) * inverse, (x[0] - x[2]) * inverse, x[0], y[0])
  third = _affine((y[0] - y[1]) * inverse, (x[1] - x[0]) * inverse, x[0], y[0])
  steps = z[1] - z[0], z[2] - z[0]
  depth = [u * steps[0] + v * steps[1] for u, v in zip(second, third, strict=True)]
  depth[2] += z[0]

  def test(index, place):
    columns = width[index]
    row = place // jnp.maximum(columns, 1)
    column = left[index] + place - row * columns
    row += top[index]
    weight_2, weight_3, at = (
      u[index] * (column + 0.5) + v[index] * (row + 0.5) + w[index] for u, v, w in (second, third, depth)
    )
    return (weight_2 >= 0) & (weight_3 >= 0) & (weight_2 + weight_3 <= 1), row, column, at

  return _nearest(count, test, side, grid)


def strands(positions: jax.Array, depths: jax.Array, side: int, drawn: jax.Array | None = None) -> Nearest:
  """The nearest piece of a strand at every sample; lines are one sample wide.

  Args:
    positions: `[n, k, 2]`, n strands of k points as (x, y) in samples.
    depths: `[n, k]` in [0, 1], growing with the distance; clipped.
    side: of the picture, in samples.
    drawn: pieces to draw, bool `[n, k - 1]`; None draws all.

  Returns:
    Indices are `strand * (k - 1) + piece`, where a piece joins two neighboring points.
  """
  positions, depths = jnp.asarray(positions), jnp.asarray(depths)
  start, end = (part.reshape(-1, 2) for part in (positions[:, :-1], positions[:, 1:]))
  drawn = None if drawn is None else drawn.reshape(-1)
  return segments(start, end, depths[:, :-1].reshape(-1), depths[:, 1:].reshape(-1), side, drawn)


def segments(
  start: jax.Array,
  end: jax.Array,
  near: jax.Array,
  far: jax.Array,
  side: int,
  drawn: jax.Array | None = None,
  grid: int = 1,
) -> Nearest:
  """The nearest straight line at every sample; lines are one sample wide.

  Args:
    start, end: `[m, 2]` as (x, y) in samples.
    near, far: depths at the start and the end, `[m]`, in [0, 1], growing with the distance; clipped.
    side: of the picture, in samples.
    drawn: lines to draw, bool `[m]`; None draws all.
    grid: samples along each side of a pixel, see `Nearest`.

  Returns:
    Indices are rows of `start`.
  """
  step, deeper = end - start, far - near
  low, high = jnp.minimum(start, end), jnp.maximum(start, end)
  visible = ((high >= 0) & (low < side)).all(axis=-1)
  if drawn is not None:
    visible &= drawn
  count = jnp.where(visible, jnp.ceil(jnp.abs(step).max(axis=-1)).clip(1, 2 * side).astype(jnp.int32), 0)
  x, y, dx, dy = start[:, 0], start[:, 1], step[:, 0], step[:, 1]

  def test(index, place):
    along = (place + 0.5) / jnp.maximum(count[index], 1)
    column = jnp.floor(x[index] + along * dx[index]).astype(jnp.int32)
    row = jnp.floor(y[index] + along * dy[index]).astype(jnp.int32)
    inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
    return inside, row, column, near[index] + along * deeper[index]

  return _nearest(count, test, side, grid)


def _nearest(count: jax.Array, test: Callable[..., Any], side: int, grid: int) -> Nearest:
  """The nearest thing at every sample, from `count[i]` candidates of each thing i.

  The candidates are laid end to end, as one list, and tested in blocks.

  Args:
    count: int32 `[m]`.
    test: (index, place) `[block]` of candidates, place in [0, count[index]), -> (whether it covers the sample,
      row, column, depth).
    side: of the picture, in samples.
    grid: samples along each side of a pixel.
  """
  index_bits = max(count.shape[0] - 1, 1).bit_length()
  levels = float(2 ** (32 - index_bits) - 2)
  ends = jnp.cumsum(count)
  starts, total = ends - count, ends[-1]
  block = -(-max(side * side // 2, 1) // _ROW) * _ROW

  def body(carry):
    first, keys = carry
    # Things that start before a candidate, counted: the last of them is its own.
    marks = (
      jnp.zeros(block, jnp.int32).at[jnp.where(starts < first, block, starts - first)].add(1, mode='drop')
    )
    index = _running_sum(marks) + jnp.sum(starts < first) - 1
    candidate = first + jnp.arange(block)
    covers, row, column, depth = test(index, candidate - starts[index])
    key = (depth.clip(0, 1) * levels).astype(jnp.uint32) << index_bits | index.astype(jnp.uint32)
    target = jnp.where(covers & (candidate < total), _at(row, column, side, grid), side * side)
    return first + block, keys.at[target].min(key, mode='drop')

  keys = jnp.full(side * side, EMPTY, jnp.uint32)
  _, keys = jax.lax.while_loop(lambda carry: carry[0] < total, body, (jnp.int32(0), keys))
  keys = keys.reshape((side, side) if grid == 1 else (grid**2, side // grid, side // grid))
  covered = keys != EMPTY
  index = jnp.where(covered, (keys & jnp.uint32(2**index_bits - 1)).astype(jnp.int32), 0)
  return Nearest(covered, index, jnp.where(covered, (keys >> index_bits).astype(jnp.float32) / levels, 2.0))


def _at(row, column, side, grid):
  """Offset of a sample in the planes of `Nearest`."""
  place = row % grid * grid + column % grid
  return (place * (side // grid) + row // grid) * (side // grid) + column // grid


def barycentric(nearest: Nearest, positions: jax.Array, corners: jax.Array) -> jax.Array:
  """Weights of the three corners at every sample, `[3, ...]` in the planes of `nearest`, differentiable in `positions`.

  They are linear in the picture, not in space: right for what is small against its distance.

  Args:
    nearest: of `triangles`.
    positions: `[n, 2]`, those of `triangles`.
    corners: int32 `[m, 3]`, those of `triangles`.
  """
  positions, corners = jnp.asarray(positions), jnp.asarray(corners)
  row, column = _centers(nearest.index.shape)
  (x0, x1, x2), (y0, y1, y2) = (
    [values[corners[:, k]][nearest.index] for k in range(3)] for values in (positions[:, 0], positions[:, 1])
  )
  area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
  area = jnp.where(nearest.covered, area, 1.0)
  second = ((column - x0) * (y2 - y0) - (row - y0) * (x2 - x0)) / area
  third = ((x1 - x0) * (row - y0) - (y1 - y0) * (column - x0)) / area
  return jnp.stack([1 - second - third, second, third])


def _centers(shape):
  """Centers of the samples of planes: (row, column), in samples."""
  row, column = jnp.mgrid[: shape[-2], : shape[-1]]
  grid = math.isqrt(shape[0]) if len(shape) == 3 else 1
  within = jnp.arange(grid**2).reshape(-1, 1, 1) if len(shape) == 3 else 0
  return row * grid + within // grid + 0.5, column * grid + within % grid + 0.5


def interpolate(values: jax.Array, nearest: Nearest, weights: jax.Array, corners: jax.Array) -> jax.Array:
  """Values per vertex at every sample: `[n]` or `[n, c]` -> planes like `nearest`'s or `[c, ...]` of them.

  Args:
    values: per vertex.
    nearest: of `triangles`.
    weights: `[3, ...]`, see `barycentric`.
    corners: int32 `[m, 3]`.
  """
  values, one = jnp.asarray(values), interpolator(nearest, weights, corners)
  return one(values) if values.ndim == 1 else jnp.stack([one(channel) for channel in values.T])


def interpolator(
  nearest: Nearest, weights: jax.Array, corners: jax.Array
) -> Callable[[jax.Array], jax.Array]:
  """Function of one value per vertex `[n]` that gives planes like `nearest`'s; arguments as of `interpolate`."""
  corners = jnp.asarray(corners)
  vertices = jax.lax.optimization_barrier([corners[:, k][nearest.index] for k in range(3)])
  return lambda channel: sum(channel[vertices[k]] * weights[k] for k in range(3))


def _samples_between(low, high, side):
  """First and last sample whose centers lie in [low, high]; the last is before the first if none does."""
  return (
    jnp.ceil(low - 0.5).clip(0, side).astype(jnp.int32),
    jnp.floor(high - 0.5).clip(-1, side - 1).astype(jnp.int32),
  )


def _affine(u, v, x, y):
  """Coefficients of the affine function with slopes u and v that is zero at (x, y)."""
  return u, v, -(u * x + v * y)


def _running_sum(values):
  """Cumulative sum, in rows and then over rows: half the time of one long sum on CPU."""
  rows = jnp.cumsum(values.reshape(-1, _ROW), axis=1)
  before = jnp.cumsum(rows[:, -1]) - rows[:, -1]
  return (rows + before[:, None]).reshape(-1)
