"""Mouth opening that speech leads one to expect: a ridge regression from log-mel windows, fitted on real videos.

A judge of lip sync without a pretrained network: the regression is fitted on real clips, and its correlation with the
seen opening of other real clips is the reference. It is not a published measure.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seetalk_jax.constants import FPS, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from seetalk_jax.evaluation.measures import series
from seetalk_jax.prepare import audio_checks

NUM_BANDS = 40
_CONTEXT = 6  # frames before and after
_WIDTH = NUM_BANDS * (2 * _CONTEXT + 1)
_PENALTY = 3000.0
_HOP = SAMPLES_PER_FRAME // 4
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 7600.0
_SMOOTHING = (0.25, 0.5, 0.25)
_ROWS = 1024  # windows whose spectra are in memory at a time


class SoundAndMouth(NamedTuple):
  """A talk: `waveform`, about `[640 n]` at 16 kHz, and the mouth's `opening [n]` at 25 fps in any unit, without NaN."""

  waveform: np.ndarray
  opening: np.ndarray


class Agreement(NamedTuple):
  """Agreement of expected and seen opening.

  Attributes:
    correlation: Pearson's r.
    shifted: r when the sound is moved by a second: the value without agreement.
    lag: shift in frames at which the detrended series agree best; positive: the mouth is late. NaN without a clear
      peak within 15 frames.
  """

  correlation: float
  shifted: float
  lag: float


@dataclasses.dataclass(frozen=True)
class Moments:
  """What a regression needs of talks: `square [520, 520]` and `product [520]`. Moments add up over talks.

  A talk is left out by subtraction, so that many talks need not be in memory at once.
  """

  square: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((_WIDTH, _WIDTH)))
  product: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(_WIDTH))

  @classmethod
  def of(cls, talk: SoundAndMouth) -> Moments:
    """The moments of one talk."""
    opening = _standardized(_smoothed(talk.opening))
    windows, found = sound_windows(talk.waveform, len(opening)), cls()
    for start in range(0, len(opening), _ROWS):
      rows = windows[start : start + _ROWS]
      found = found + cls(rows.T @ rows, rows.T @ opening[start : start + _ROWS])
    return found

  def __add__(self, other: Moments) -> Moments:
    return Moments(self.square + other.square, self.product + other.product)

  def __sub__(self, other: Moments) -> Moments:
    return Moments(self.square - other.square, self.product - other.product)


class MouthRegression:
  """Ridge regression from the sound around a frame to the opening of the mouth.

  Args:
    weights: `[13 * 40]`, as `fit` makes them.
  """

  def __init__(self, weights: np.ndarray):
    self.weights = np.asarray(weights, np.float64)

  @classmethod
  def fit(cls, talks: Sequence[SoundAndMouth]) -> MouthRegression:
    """Fits the standardized openings of real talks.

    Raises:
      ValueError: no talks.
    """
    return cls.solve(sum((Moments.of(talk) for talk in talks), Moments()))

  @classmethod
  def solve(cls, moments: Moments) -> MouthRegression:
    """Fits talks of which only the moments are known.

    Raises:
      ValueError: moments of no talks.
    """
    if not np.any(moments.square):
      raise ValueError('a regression needs at least one talk')
    return cls(np.linalg.solve(moments.square + _PENALTY * np.eye(_WIDTH), moments.product))

  def expected(self, waveform: np.ndarray, num_frames: int) -> np.ndarray:
    """Expected opening `[num_frames]` in standard deviations."""
    windows = sound_windows(waveform, num_frames)
    parts = [windows[start : start + _ROWS] @ self.weights for start in range(0, num_frames, _ROWS)]
    return np.concatenate(parts) if parts else np.zeros(0)

  def agreement(self, talk: SoundAndMouth) -> Agreement:
    """Agreement of the opening that the sound of `talk` leads one to expect with the one that is seen."""
    seen = _smoothed(talk.opening)
    expected = self.expected(talk.waveform, len(seen))
    shifted = series.correlation(np.roll(expected, FPS), seen)
    lag = math.nan
    if len(seen) >= 2 * audio_checks.MAX_LAG and np.std(seen) > 0:
      found = audio_checks.lag_of_sound(seen, expected)
      lag = float(-found.frames) if found.is_clear else math.nan
    return Agreement(series.correlation(expected, seen), shifted, lag)


def sound_windows(waveform: np.ndarray, num_frames: int) -> np.ndarray:
  """Standardized log-mel energies of a frame and the 6 before and after it: float64 `[num_frames, 13 * 40]`.

  Rows share memory, which cannot be written to.
  """
  window = SAMPLES_PER_FRAME
  count, half = 4 * num_frames, window // 2
  bands, shape, filters = np.zeros((count, NUM_BANDS)), np.hanning(window), _mel_filters(window).T
  for first in range(0, count, _ROWS):
    num = min(_ROWS, count - first)
    part = audio_checks.padded_part(waveform, first * _HOP - half, (first + num - 1) * _HOP + half)
    rows = np.lib.stride_tricks.sliding_window_view(part, window)[::_HOP]
    energy = np.abs(np.fft.rfft(rows * shape, axis=1)) ** 2 @ filters
    bands[first : first + num] = np.log(np.maximum(energy, 1e-7))
  bands = (bands - bands.mean(axis=0)) / (bands.std(axis=0) + 1e-3)
  bands = bands.reshape(num_frames, 4, NUM_BANDS).mean(axis=1)
  around = np.pad(bands, ((_CONTEXT, _CONTEXT), (0, 0)))
  return np.lib.stride_tricks.sliding_window_view(around.ravel(), _WIDTH)[::NUM_BANDS]


def _mel_filters(window: int) -> np.ndarray:
  """Triangular filters `[40, window / 2 + 1]`, even on the mel scale."""

  def mel(hertz):
    return 2595 * np.log10(1 + hertz / 700)

  edges = 700 * (10 ** (np.linspace(mel(_LOWEST_HZ), mel(_HIGHEST_HZ), NUM_BANDS + 2) / 2595) - 1)
  hertz = np.fft.rfftfreq(window, 1 / SAMPLE_RATE_HZ)
  low, center, high = (edges[i : i + NUM_BANDS, None] for i in range(3))
  return np.maximum(0.0, np.minimum((hertz - low) / (center - low), (high - hertz) / (high - center)))


def _smoothed(opening: np.ndarray) -> np.ndarray:
  return np.convolve(np.pad(np.asarray(opening, np.float64), 1, mode='edge'), _SMOOTHING, mode='valid')


def _standardized(values: np.ndarray) -> np.ndarray:
  return (values - values.mean()) / (values.std() + 1e-6)
