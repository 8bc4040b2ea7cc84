"""Time shift between two versions of a sound."""

import numpy as np


def shift_of(before, after, within=800):
  """Samples by which `after` lags behind `before`, by cross-correlation of `[n]` and `[n]`.

  Shifts up to `within` samples (50 ms) are searched. The spectrum of `before` is flattened first: otherwise
  voiced speech correlates as well one pitch period later.
  """
  size = 2 * len(before)
  known, changed = np.fft.rfft(before, size), np.fft.rfft(after, size)
  power = np.abs(known) ** 2
  match = np.fft.irfft(np.conj(known) * changed / (power + 0.03 * power.mean()), size)
  near = np.concatenate([match[-within:], match[: within + 1]])
  return int(np.argmax(near)) - within
