"""What the sound of a clip says: is there speech, and does it come when the mouth moves?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seetalk_jax.constants import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME

SILENCE_DBFS = -60.0  # a track that never rises over this is silent
_FRAME = SAMPLES_PER_FRAME // 2  # 20 ms
_ABOVE_FLOOR_DB = 9.0
_FLOOR_PERCENTILE = 10.0
_BAND_HZ = (200.0, 4000.0)  # where voices are and hum is not
MAX_LAG = 15  # frames
_DETREND = 25  # frames: slower changes say nothing about sync


class Offset(NamedTuple):
  """How far sound and mouth are apart.

  Attributes:
    frames: positive where the sound comes late.
    correlation: of mouth opening and loudness at that lag.
    at_zero: the same without a lag.
    z: how far the best lag stands out from the others, in their standard deviations.
  """

  frames: int
  correlation: float
  at_zero: float
  z: float


def is_silent(waveform: np.ndarray) -> bool:
  """Whether nothing in float `[n]` rises over -60 dBFS (around its mean)."""
  if not len(waveform):
    return True
  return float(np.abs(waveform - waveform.mean()).max()) < 10 ** (SILENCE_DBFS / 20)


def speech_share(waveform: np.ndarray) -> float:
  """The share of 20 ms frames of float `[n]` at 16 kHz that stand out of the background, as syllables do.

  Loudness in the band of voices, against the recording's own floor: steady noise of any level scores about 0.
  """
  count = len(waveform) // _FRAME
  if not count or is_silent(waveform):
    return 0.0
  level = _levels(waveform, count, _FRAME)
  floor = max(float(np.percentile(level, _FLOOR_PERCENTILE)), SILENCE_DBFS - 20)
  # Speech without a pause has no floor: its own loud frames then stand for it, 25 dB up.
  floor = min(floor, float(np.percentile(level, 95)) - 25.0)
  loud = (level > floor + _ABOVE_FLOOR_DB) & (level > SILENCE_DBFS)
  return float(loud.mean()) if _varies(level) else 0.0


def _varies(level: np.ndarray) -> bool:
  """Syllables make loudness rise and fall by several dB; a hum or a hiss does not."""
  return float(np.percentile(level, 90) - np.percentile(level, 20)) > 4.0


def find_offset(opening: np.ndarray, waveform: np.ndarray) -> Offset:
  """The lag at which the loudness of voice follows the mouth best.

  Args:
    opening: `[n]`, how far the lips are apart, at 25 fps.
    waveform: `[n * 640]` (or about so much) at 16 kHz, on the same clock.
  """
  n = min(len(opening), len(waveform) // SAMPLES_PER_FRAME)
  if n < 2 * MAX_LAG or float(np.std(opening[:n])) < 1e-6 or is_silent(waveform):
    return Offset(0, 0.0, 0.0, 0.0)
  level = _levels(waveform, n, SAMPLES_PER_FRAME)
  loud = np.maximum(level, float(np.percentile(level, 95)) - 40.0)
  mouth, loud = _detrended(opening[:n]), _detrended(loud)
  lags = range(-MAX_LAG, MAX_LAG + 1)
  found = np.array([_correlation(mouth, loud, lag) for lag in lags])
  best = int(np.argmax(found))
  away = np.abs(np.arange(len(found)) - best) > 4
  z = (found[best] - found[away].mean()) / max(float(found[away].std()), 1e-3)
  return Offset(best - MAX_LAG, float(found[best]), float(found[MAX_LAG]), float(z))


def _levels(waveform: np.ndarray, count: int, frame: int) -> np.ndarray:
  """dB of the voice's band in `count` frames of `frame` samples, each seen through a window of twice that."""
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
