"""Moments of known values: number, mean and spread of each column, merged over batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Moments(NamedTuple):
  """Moments of the known values in every column, `[d]` each.

  Attributes:
    count: their number.
    mean: their mean; 0 where there are none.
    squares: the sum of their squared deviations from the mean.
  """

  count: jax.Array
  mean: jax.Array
  squares: jax.Array


@jax.jit
def of_known(values: jax.Array, known: jax.Array) -> Moments:
  """Moments of a batch, which may be spread over devices and processes.

  Args:
    values: float `[*b, d]`; unknown ones may be anything finite.
    known: bool, broadcast to the shape of `values`.
  """
  known = jnp.broadcast_to(known, values.shape)
  axes = tuple(range(values.ndim - 1))
  count = jnp.sum(known, axis=axes)
  mean = jnp.sum(jnp.where(known, values, 0.0), axis=axes) / jnp.maximum(count, 1)
  squares = jnp.sum(jnp.where(known, jnp.square(values - mean), 0.0), axis=axes)
  return Moments(count, mean, squares)


def merged(batches: Sequence[Moments]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """(number, mean, population standard deviation) over all batches, float64 `[d]`; mean and deviation of none are 0."""
  count, mean, squares = (
    np.stack([np.asarray(x, np.float64) for x in part]) for part in zip(*batches, strict=True)
  )
  total = count.sum(axis=0)
  overall = (count * mean).sum(axis=0) / np.maximum(total, 1)
  squares = squares.sum(axis=0) + (count * np.square(mean - overall)).sum(axis=0)
  return total, overall, np.sqrt(squares / np.maximum(total, 1))
