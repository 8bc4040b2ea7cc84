"""Loudness and pitch of a waveform over time, which movements of mouth and head follow."""

from __future__ import annotations

import numpy as np

from seetalk_jax.constants import SAMPLE_RATE_HZ
from seetalk_jax.synthetic import voice


def loudness(waveform: np.ndarray, times: np.ndarray) -> np.ndarray:
  """Loudness at `times`, 0 (40 dB below the loud parts, or silent) to 1 (loud), smoothed over 50 ms."""
  if not len(waveform):
    return np.zeros(len(times))
  power = voice.smooth(np.square(waveform, dtype=np.float64), int(0.05 * SAMPLE_RATE_HZ))
  decibel = 10 * np.log10(power + 1e-10)
  top = np.percentile(decibel[:: SAMPLE_RATE_HZ // 200], 95)
  index = np.round(times * SAMPLE_RATE_HZ).astype(int)
  inside = (index >= 0) & (index < len(waveform))
  level = np.clip(1 + (decibel[np.clip(index, 0, len(waveform) - 1)] - top) / 30.0, 0.0, 1.05)
  return np.where(inside, level, 0.0)


def pitch_track(waveform: np.ndarray, times: np.ndarray) -> np.ndarray:
  """Fundamental frequency in Hz at `times`, float64, by autocorrelation over 64 ms; NaN where unvoiced."""
  width = 1024
  padded = np.pad(np.asarray(waveform, np.float32), width)
  centres = np.clip(np.round(times * SAMPLE_RATE_HZ).astype(int), 0, len(waveform)) + width
  pieces = padded[centres[:, None] + np.arange(-width // 2, width // 2)] * np.hanning(width).astype(
    np.float32
  )
  correlation = np.fft.irfft(np.abs(np.fft.rfft(pieces, 2 * width)) ** 2)
  energy = correlation[:, :1]
  lags = np.arange(SAMPLE_RATE_HZ // 420, SAMPLE_RATE_HZ // 60)
  # Divide out the autocorrelation of the Hann window, which falls with the lag; otherwise low voices are
  # estimated one octave too high.
  window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(width), 2 * width)) ** 2)[lags]
  normal = correlation[:, lags] / np.maximum(energy, 1e-9) / (window / window.max())
  best = normal.max(axis=1)
  # The first lag that is nearly as good as the best, to avoid twice the period.
  first = (normal > 0.92 * best[:, None]).argmax(axis=1)
  peak = np.array([i + normal[k, i : i + 12].argmax() for k, i in enumerate(first)], int)
  voiced = (best > 0.45) & (energy[:, 0] > 1e-2)
  return np.where(voiced, SAMPLE_RATE_HZ / lags[np.minimum(peak, len(lags) - 1)], np.nan)
