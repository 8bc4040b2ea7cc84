"""Speech activity and audio-visual offset of a clip."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seetalk_jax.constants import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME

SILENCE_DBFS = -60.0  # a track that never exceeds this level is silent
_FRAME = SAMPLES_PER_FRAME // 2  # 20 ms
_ABOVE_FLOOR_DB = 9.0
_FLOOR_PERCENTILE = 10.0
_WINDOWS = 512  # whose spectra are in memory at a time
_BAND_HZ = (200.0, 4000.0)  # band of voices, without mains hum
_MIN_SILENCE_SECONDS, _MIN_SPEECH_SECONDS, _PAD_SECONDS = 0.1, 0.25, 0.03
MAX_LAG = 15  # frames
_DETREND = 25  # frames; slower changes carry no information about sync
# Parts of a track, 3 s or a little longer, in which the lag is measured again.
_PART = 75  # frames
_CLEAR_PART = 0.25  # correlation of a part whose lag counts
_SAME_LAG = 1  # frames between the lag of a part and that of the track
# A lag of this many frames is certain with this correlation, z-score, and gain in correlation over lag 0.
_SURE_LAG, _SURE_CORRELATION, _SURE_Z, _SURE_GAIN = 4, 0.4, 3.5, 0.3
# A certain lag is corrected if this number and this share of the parts agree on it.
_MIN_PARTS, _AGREEING_PARTS = 2, 0.75


class Offset(NamedTuple):
  """Offset between audio and mouth motion.

  Attributes:
    frames: lag with the highest correlation; positive if the audio is late.
    correlation: correlation of mouth opening and loudness at that lag.
    at_zero: correlation at lag 0.
    z: z-score of the best correlation, relative to the correlations at lags more than 4 frames away.
    parts: number of parts of 3 s or a little longer.
    agreeing: number of parts that have the same lag, within a frame, and a clear correlation.
  """

  frames: int
  correlation: float
  at_zero: float
  z: float
  parts: int = 0
  agreeing: int = 0

  @property
  def is_clear(self) -> bool:
    """Whether the best correlation stands out; the lag of sound that does not belong to the mouth rarely is clear."""
    return self.z >= _SURE_Z

  @property
  def certain(self) -> int:
    """Number of frames by which the audio is certainly late (or early, if negative); 0 if it is not certain."""
    sure = self.correlation >= _SURE_CORRELATION and self.is_clear
    sure = sure and self.correlation - self.at_zero >= _SURE_GAIN
    return self.frames if sure and abs(self.frames) >= _SURE_LAG else 0

  @property
  def is_short(self) -> bool:
    """Whether the track is too short for a correction of its own."""
    return self.parts < _MIN_PARTS

  @property
  def correction(self) -> int:
    """Number of frames by which the audio may be moved back: a certain lag that is the same throughout; else 0."""
    throughout = self.agreeing >= _MIN_PARTS and self.agreeing >= _AGREEING_PARTS * self.parts
    return self.certain if throughout else 0


def is_silent(waveform: np.ndarray) -> bool:
  """Whether float `[n]` never exceeds -60 dBFS after its mean is removed."""
  if not len(waveform):
    return True
  mean = waveform.mean()
  return float(max(waveform.max() - mean, mean - waveform.min())) < 10 ** (SILENCE_DBFS / 20)


def speech_share(waveform: np.ndarray) -> float:
  """Share of 20 ms frames of float `[n]` at 16 kHz that are louder than the background, as syllables are.

  Loudness in the voice band is compared with the noise floor of the recording, so steady noise of any level
  gives about 0.
  """
  loud = _loud_frames(waveform)
  return float(loud.mean()) if len(loud) else 0.0


def speech_segments(waveform: np.ndarray) -> np.ndarray:
  """Finds the stretches of speech in float `[n]` at 16 kHz by their energy (voice activity detection).

  Frames count as for `speech_share`. Silence under 0.1 s within speech is speech, speech under 0.25 s is left
  out, and every stretch is extended by 0.03 s at both ends: the defaults of Silero VAD.

  Returns:
    float64 `[k, 2]`, start and end in seconds, in order and without overlap.
  """
  segments: list[list[float]] = []
  for start, stop in runs(_loud_frames(waveform)) * (_FRAME / SAMPLE_RATE_HZ):
    if segments and start - segments[-1][1] < _MIN_SILENCE_SECONDS:
      segments[-1][1] = stop
    else:
      segments.append([start, stop])
  kept = [segment for segment in segments if segment[1] - segment[0] >= _MIN_SPEECH_SECONDS]
  padded = np.array(kept).reshape(-1, 2) + np.array([-_PAD_SECONDS, _PAD_SECONDS])
  return np.clip(padded, 0.0, len(waveform) / SAMPLE_RATE_HZ)


def _loud_frames(waveform: np.ndarray) -> np.ndarray:
  """Bool `[n // 320]`: 20 ms frames of float `[n]` that are louder than the background, as syllables are."""
  count = len(waveform) // _FRAME
  if not count or is_silent(waveform):
    return np.zeros(count, bool)
  level = _levels(waveform, count, _FRAME)
  if not _varies(level):
    return np.zeros(count, bool)
  floor = max(float(np.percentile(level, _FLOOR_PERCENTILE)), SILENCE_DBFS - 20)
  # Speech without pauses has no noise floor: then the floor is 25 dB below the loud frames.
  floor = min(floor, float(np.percentile(level, 95)) - 25.0)
  return (level > floor + _ABOVE_FLOOR_DB) & (level > SILENCE_DBFS)


def runs(flags: np.ndarray) -> np.ndarray:
  """Start and end `[k, 2]` of the runs of True in bool `[n]`; the end is exclusive."""
  edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
  return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], axis=1)


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
  return lag_of_sound(opening[:n], np.maximum(level, float(np.percentile(level, 95)) - 40.0))


def lag_of_sound(opening: np.ndarray, expected: np.ndarray) -> Offset:
  """Finds the lag with the highest correlation between mouth opening and what the sound leads one to expect of it.

  Args:
    opening: `[n]`, distance between the lips at 25 fps; at least 30 frames.
    expected: `[n]`, such as loudness.
  """
  n = len(opening)
  mouth, loud = _detrended(opening), _detrended(expected)
  correlations = _correlations(mouth, loud)
  best = int(np.argmax(correlations))
  parts = [
    _correlations(mouth[rows], loud[rows]) for rows in np.array_split(np.arange(n), max(1, n // _PART))
  ]
  agreeing = [part.max() >= _CLEAR_PART and abs(int(np.argmax(part)) - best) <= _SAME_LAG for part in parts]
  away = np.abs(np.arange(len(correlations)) - best) > 4
  z = (correlations[best] - correlations[away].mean()) / max(float(correlations[away].std()), 1e-3)
  return Offset(
    frames=best - MAX_LAG,
    correlation=float(correlations[best]),
    at_zero=float(correlations[MAX_LAG]),
    z=float(z),
    parts=len(parts),
    agreeing=int(np.sum(agreeing)),
  )


def _levels(waveform: np.ndarray, count: int, frame: int) -> np.ndarray:
  """Level of the voice band in dB for `count` frames of `frame` samples, each with a window of twice that length."""
  half = frame // 2
  shape = np.hanning(2 * frame)
  hertz = np.fft.rfftfreq(2 * frame, 1 / SAMPLE_RATE_HZ)
  band = (hertz >= _BAND_HZ[0]) & (hertz <= _BAND_HZ[1])
  sums = np.zeros(count)
  for first in range(0, count, _WINDOWS):  # the spectra of an hour would need gigabytes
    num = min(_WINDOWS, count - first)
    part = padded_part(waveform, first * frame - half, (first + num + 1) * frame - half)
    windows = np.lib.stride_tricks.sliding_window_view(part, 2 * frame)[::frame]
    power = np.abs(np.fft.rfft(windows * shape, axis=1)) ** 2
    sums[first : first + num] = power[:, band].sum(axis=1)
  mean_square = 2 * sums / (np.square(shape).sum() * 2 * frame)
  return 10 * np.log10(mean_square + 1e-12)


def padded_part(waveform: np.ndarray, start: int, stop: int) -> np.ndarray:
  """Samples `start .. stop - 1` of `[n]` as float64 `[stop - start]`; zeros where there are none."""
  part = np.zeros(stop - start)
  found = np.asarray(waveform)[max(start, 0) : max(stop, 0)]
  offset = max(-start, 0)
  part[offset : offset + len(found)] = found
  return part


def _detrended(values: np.ndarray) -> np.ndarray:
  half = _DETREND // 2
  padded = np.pad(values, half, mode='edge')
  return values - np.convolve(padded, np.ones(2 * half + 1) / (2 * half + 1), mode='valid')


def _correlations(mouth: np.ndarray, loud: np.ndarray) -> np.ndarray:
  """Correlation of mouth opening and loudness at every lag from -MAX_LAG to MAX_LAG."""
  return np.array([_correlation(mouth, loud, lag) for lag in range(-MAX_LAG, MAX_LAG + 1)])


def _correlation(mouth: np.ndarray, loud: np.ndarray, lag: int) -> float:
  a, b = (mouth[: len(mouth) - lag], loud[lag:]) if lag >= 0 else (mouth[-lag:], loud[:lag])
  a, b = a - a.mean(), b - b.mean()
  return float((a * b).sum() / np.sqrt(max((a * a).sum() * (b * b).sum(), 1e-12)))
