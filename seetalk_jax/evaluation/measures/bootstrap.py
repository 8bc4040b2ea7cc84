"""Percentile bootstrap: confidence interval of a statistic over samples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def interval(
  values, statistic: Callable = np.mean, *, confidence: float = 0.95, rounds: int = 1000, seed: int = 0
) -> tuple[float, float]:
  """(low, high) of `statistic(values)` over `rounds` resamplings of the first axis with replacement.

  Args:
    values: `[n, ...]`; whole rows are resampled, so pairs `[n, 2]` stay pairs.
    statistic: maps `[n, ...]` to a number.

  Fewer than two values give (nan, nan). Rounds whose statistic is not finite are left out.
  """
  values = np.asarray(values, np.float64)
  if len(values) < 2:
    return float('nan'), float('nan')
  rng = np.random.default_rng(seed)
  resampled = [float(statistic(values[rng.integers(0, len(values), len(values))])) for _ in range(rounds)]
  resampled = [value for value in resampled if np.isfinite(value)]
  if not resampled:
    return float('nan'), float('nan')
  tail = (1.0 - confidence) / 2
  low, high = np.quantile(resampled, [tail, 1.0 - tail])
  return float(low), float(high)
