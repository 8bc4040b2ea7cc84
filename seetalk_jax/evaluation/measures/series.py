"""Time series measures at 25 fps: correlation, lag of the peak correlation, blink count."""

from __future__ import annotations

import numpy as np


def correlation(a, b) -> float:
  """Pearson's r of two series `[n]`; NaN if either is constant or n < 3."""
  a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
  if a.shape != b.shape or a.ndim != 1:
    raise ValueError(f'correlation needs two series of one length, got {a.shape} and {b.shape}')
  if a.size < 3:
    return float('nan')
  a, b = a - a.mean(), b - b.mean()
  scale = np.sqrt(np.sum(a * a) * np.sum(b * b))
  return float(np.sum(a * b) / scale) if scale > 1e-12 else float('nan')


def lag_curve(read, true, max_lag: int = 8) -> np.ndarray:
  """Pearson's r of `read[i + lag]` with `true[i]` for lag = -max_lag .. max_lag: `[2 max_lag + 1]`.

  A positive lag means that `read` is late. Every lag is scored on the frames that both series have.
  """
  read, true = np.asarray(read, np.float64), np.asarray(true, np.float64)
  n = min(read.size, true.size)
  if n < max_lag + 3:
    raise ValueError(f'{n} frames are too few for lags of +-{max_lag}')
  read, true = read[:n], true[:n]
  curve = []
  for lag in range(-max_lag, max_lag + 1):
    late, early = max(lag, 0), max(-lag, 0)
    curve.append(correlation(read[late : n - early], true[early : n - late]))
  return np.array(curve)


def best_lag(curve) -> int:
  """The lag in frames where a `lag_curve` peaks; NaNs are ignored, ties go to the lag nearest to 0."""
  curve = np.asarray(curve, np.float64)
  max_lag = (curve.size - 1) // 2
  lags = np.arange(-max_lag, max_lag + 1)
  curve = np.where(np.isnan(curve), -np.inf, curve)
  return int(min(lags, key=lambda lag: (-curve[lag + max_lag], abs(lag))))


def count_blinks(closed, *, shut: float = 0.5, reopened: float = 0.25) -> int:
  """Number of rises of a lid series `[n]` (0 open, 1 closed) over `shut` after it was under `reopened`.

  The two thresholds (hysteresis) prevent noise around one threshold from counting as many blinks. An eye that
  is closed in the first frame is not a blink.
  """
  count, ready = 0, False
  for value in np.asarray(closed, np.float64):
    if ready and value > shut:
      count, ready = count + 1, False
    elif value < reopened:
      ready = True
  return count


def shuffled_partner(n: int) -> np.ndarray:
  """Index `[n]` of a mismatched partner of each item, half the list away; the baseline without agreement."""
  if n < 2:
    raise ValueError('shuffled speech needs two voices or more')
  return (np.arange(n) + n // 2) % n
