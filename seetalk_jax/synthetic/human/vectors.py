"""Vectors: unit vectors, evenly spread directions and smooth steps, for the geometry of the human world."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np


def unit(vectors: jax.Array, axis: int = -1) -> jax.Array:
  """Vectors scaled to length 1, of the same shape; shorter than 1e-6 they stay short.

  The gradient is finite for all vectors, also for those of length 0.

  Args:
    vectors: x, y and z along `axis`.
    axis: -1 for `[..., 3]`, 0 for planes `[3, ...]`.
  """
  # The root of 0 has no derivative, so the bound is below the root.
  return vectors / jnp.sqrt(jnp.maximum((vectors * vectors).sum(axis, keepdims=True), 1e-12))


def fibonacci_sphere(count: int, lowest: float = -1.0) -> np.ndarray:
  """Evenly spread unit vectors, a Fibonacci lattice, from the top down to height `lowest`: float32 `[count, 3]`."""
  index = np.arange(count) + 0.5
  y = 1 - (1 - lowest) * index / count
  turn = np.pi * (1 + 5**0.5) * index
  side = np.sqrt(1 - y * y)
  return np.stack([side * np.cos(turn), y, side * np.sin(turn)], -1).astype(np.float32)


def smoothstep(
  values: np.ndarray | jax.Array, low: float | jax.Array, high: float | jax.Array
) -> np.ndarray | jax.Array:
  """0 at `low`, 1 at `high`, a cubic between, constant beyond; `low` may be above `high`. NumPy or JAX, any shape."""
  share = ((values - low) / (high - low)).clip(0, 1)
  return share * share * (3 - 2 * share)
