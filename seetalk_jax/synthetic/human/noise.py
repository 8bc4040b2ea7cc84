"""Smooth noise in space: values of a periodic lattice, interpolated; a function of the position alone."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

_CELLS = 32  # a power of two


@functools.cache
def _lattice() -> np.ndarray:
  return np.random.default_rng(20251025).random(_CELLS**3, np.float32)


def value_noise(points: jax.Array, frequency: float | jax.Array = 1.0) -> jax.Array:
  """Noise in [0, 1] with about one bump per unit: `[3, ...]` -> `[...]`; repeats after 32 / frequency.

  Args:
    points: x, y and z, stacked in front: arrays of coordinates are faster than arrays of points.
    frequency: bumps per unit.
  """
  lattice = jnp.asarray(_lattice())
  x, y, z = points * frequency
  (x0, x1, fx), (y0, y1, fy), (z0, z1, fz) = _cells(x), _cells(y), _cells(z)

  def row(cx, cy):
    base = (cx * _CELLS + cy) * _CELLS
    return lattice[base + z0] * (1 - fz) + lattice[base + z1] * fz

  near = row(x0, y0) * (1 - fy) + row(x0, y1) * fy
  far = row(x1, y0) * (1 - fy) + row(x1, y1) * fy
  # The barrier keeps the compiler from computing the noise again for each of its uses.
  return jax.lax.optimization_barrier(near * (1 - fx) + far * fx)


def _cells(t):
  """The two lattice rows around a coordinate, and the smoothed place between them."""
  low = jnp.floor(t)
  f = t - low
  index = low.astype(jnp.int32)
  return index & (_CELLS - 1), (index + 1) & (_CELLS - 1), f * f * (3 - 2 * f)


def octaves(points: jax.Array, frequency: float | jax.Array, count: int, gain: float = 0.5) -> jax.Array:
  """Sum of `count` noises of doubled frequencies and falling weights, scaled to [0, 1]: `[3, ...]` -> `[...]`."""
  total, weight, norm = 0.0, 1.0, 0.0
  for i in range(count):
    # Another part of the lattice per octave, so that bumps do not line up.
    total += weight * value_noise(points + 7.3 * i / frequency, frequency * 2**i)
    norm, weight = norm + weight, weight * gain
  return total / norm
