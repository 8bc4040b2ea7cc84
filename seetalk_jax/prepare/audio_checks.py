"""Speech activity and audio-visual offset of a clip."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seetalk_jax.constants import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME

SILENCE_DBFS = -60.0  # a track that never exceeds this level is silent
_FRAME = SAMPLES_PER_FRAME // 2  # 20 ms
_ABOVE_FLOOR_DB = 9.0
_FLOOR_PERCENTILE = 10.0
_BAND_HZ = (200.0, 4000.0)  # band of voices, without mains hum
MAX_LAG = 15  # frames
_DETREND = 25  # frames; slower changes carry no information about sync


class Offset(NamedTuple):
  """Offset between audio and mouth motion.

  Attributes:
    frames: lag with the highest correlation; positive if the audio is late.
    correlation: correlation of mouth opening and loudness at that lag.
    at_zero: correlation at lag 0.
    z: z-score of the best correlation, relative to the correlations at lags more than 4 frames away.
  """

  frames: int
  correlation: float
  at_zero: float
  z: float


def is_silent(waveform: np.ndarray) -> bool:
  """Whether float `[n]` never exceeds -60 dBFS after its mean is removed."""
  if not len(waveform):
    return True
  return float(np.abs(waveform - waveform.mean()).max()) < 10 ** (SILENCE_DBFS / 20)


def speech_share(waveform: np.ndarray) -> float:
  """Share of 20 ms frames of float `[n]` at 16 kHz that are louder than the background, as syllables are.

  Loudness in the voice band is compared with the noise floor of the recording, so steady noise of any level
  gives about 0.
  """
  count = len(waveform) // _FRAME
  if not count or is_silent(waveform):
    return 0.0
  level = _levels(waveform, count, _FRAME)
  floor = max(float(np.percentile(level, _FLOOR_PERCENTILE)), SILENCE_DBFS - 20)
  # Speech without pauses has no noise floor: then the floor is 25 dB below the loud frames.
  floor = min(floor, float(np.percentile(level, 95)) - 25.0)
  loud = (level > floor + _ABOVE_FLOOR_DB) & (level > SILENCE_DBFS)
  return float(loud.mean()) if _varies(level) else 0.0


def _varies(level: np.ndarray) -> bool:
  """Whether loudness varies by several dB, as with syllables; hum and hiss do not vary."""
  return float(np.percentile(level, 90) - np.percentile(level, 20)) > 4.0


def find_offset(opening: np.ndarray, waveform: np.ndarray) -> Offset:
  """Finds the lag with the highest correlation between voice loudness and mouth opening.

  Args:
    opening: `[n]`, distance between the lips at 25 fps.
    waveform: about `[n * 640]` at 16 kHz, aligned to the frames.
  """
  n = min(len(opening), len(waveform) // SAMPLES_PER_FRAME)
  if n < 2 * MAX_LAG or float(np.std(opening[:n])) < 1e-6 or is_silent(waveform):
    return Offset(0, 0.0, 0.0, 0.0)
  level = _levels(waveform, n, SAMPLES_PER_FRAME)
  loud = np.maximum(level, float(np.percentile(level, 95)) - 40.0)
  mouth, loud = _detrended(opening[:n]), _detrended(loud)
  lags = range(-MAX_LAG, MAX_LAG + 1)
  correlations = np.array([_correlation(mouth, loud, lag) for lag in lags])
  best = int(np.argmax(correlations))
  away = np.abs(np.arange(len(correlations)) - best) > 4
  z = (correlations[best] - correlations[away].mean()) / max(float(correlations[away].std()), 1e-3)
  return Offset(best - MAX_LAG, float(correlations[best]), float(correlations[MAX_LAG]), float(z))


def _levels(waveform: np.ndarray, count: int, frame: int) -> np.ndarray:
  """Level of the voice band in dB for `count` frames of `frame` samples, each with a window of twice that length."""
  half = frame // 2
  padded = np.pad(np.asarray(waveform, np.float64), (half, half + frame))
  windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * frame)[: count * frame : frame]
  shape = np.hanning(2 * frame)
  power = np.abs(np.fft.rfft(windows * shape, axis=1)) ** 2
  hertz = np.fft.rfftfreq(2 * frame, 1 / SAMPLE_RATE_HZ)
  band = (hertz >= _BAND_HZ[0]) & (hertz <= _BAND_HZ[1])
  mean_square = 2 * power[:, band].sum(axis=1) / (np.square(shape).sum() * 2 * frame)
  return 10 * np.log10(mean_square + 1e-12)


def _detrended(values: np.ndarray) -> np.ndarray:
  half = _DETREND // 2
  padded = np.pad(values, half, mode='edge')
  return values - np.convolve(padded, np.ones(2 * half + 1) / (2 * half + 1), mode='valid')


def _correlation(mouth: np.ndarray, loud: np.ndarray, lag: int) -> float:
  a, b = (mouth[: len(mouth) - lag], loud[lag:]) if lag >= 0 else (mouth[-lag:], loud[:lag])
  a, b = a - a.mean(), b - b.mean()
  return float((a * b).sum() / np.sqrt(max((a * a).sum() * (b * b).sum(), 1e-12)))
