"""Figures that a batch may lack: metrics of rows whose truth is known, and means over the batches that have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

# Value of a metric in a batch without a row that it is measured on. NaN and +inf are errors of training.
ABSENT = -np.inf


def measured(metrics: Mapping[str, jax.Array], weight: jax.Array) -> dict[str, jax.Array]:
  """The metrics, scalars, as they are where any weight is above 0, and `ABSENT` where none is.

  A mean over no rows is 0 in a loss, and a log would show it as a perfect result.
  """
  there = jnp.any(weight > 0)
  return {name: jnp.where(there, value, ABSENT) for name, value in metrics.items()}


def mean_of_pieces(values: jax.Array) -> jax.Array:
  """Mean of `values [n]` over those that are there; `ABSENT` if none is."""
  there = values != ABSENT
  total = jnp.sum(jnp.where(there, values, 0.0))
  return jnp.where(jnp.any(there), total / jnp.maximum(jnp.sum(there), 1), ABSENT)


def means(batches: Sequence[Mapping[str, float]]) -> dict[str, float]:
  """Mean of each metric over the batches that have it, without metrics that no batch has."""
  found = {name: [batch[name] for batch in batches if batch[name] != ABSENT] for name in batches[0]}
  return {name: float(np.mean(values)) for name, values in found.items() if values}
