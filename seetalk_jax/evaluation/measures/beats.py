"""Beat alignment of head motion and speech: how near head beats are to onsets of the voice.

The score of arXiv 2101.08779 (dance and music) as papers on talking heads use it: beats of motion are the frames where
the head's angular speed has a local minimum, beats of sound are onsets of loudness. The published code takes onsets
from librosa; here they are rises of the level of the voice band, so values do not compare with published ones.
"""

from __future__ import annotations

import numpy as np

from seetalk_jax.constants import FPS, SAMPLE_RATE_HZ

SIGMA = 3.0  # frames, as published for 60 fps music; the tolerance of the score
_HOP = SAMPLE_RATE_HZ // 100  # samples
_SMOOTHING = 5  # frames, of the angular speed
_MIN_RISE_DB = 3.0  # of an onset, within 50 ms
_MIN_GAP = 10  # hops of 10 ms between two onsets


def beat_alignment(angles: np.ndarray, waveform: np.ndarray, *, sigma: float = SIGMA) -> float:
  """Mean over motion beats of `exp(-d^2 / (2 sigma^2))`, d the distance in frames to the nearest onset: 0 to 1.

  Args:
    angles: `[n, 3]` head angles at 25 fps; frames with NaN are interpolated.
    waveform: about `[640 n]` at 16 kHz.
    sigma: in frames.

  Returns:
    NaN without a motion beat or without an onset. Compare with the value for shuffled speech: chance is not 0.
  """
  motion, sound = motion_beats(angles), onsets(waveform)
  if not len(motion) or not len(sound):
    return float('nan')
  distance = np.abs(motion[:, None] - sound[None] * FPS).min(axis=1)
  return float(np.exp(-np.square(distance) / (2 * sigma**2)).mean())


def motion_beats(angles: np.ndarray) -> np.ndarray:
  """Frames `[k]` where the smoothed angular speed of `angles [n, 3]` has a local minimum."""
  angles = np.asarray(angles, np.float64)
  seen = np.isfinite(angles).all(axis=1)
  if seen.sum() < _SMOOTHING + 2:
    return np.zeros(0)
  frames = np.arange(len(angles))
  filled = np.stack([np.interp(frames, frames[seen], column[seen]) for column in angles.T], axis=1)
  speed = np.linalg.norm(np.gradient(filled, axis=0), axis=1)
  shape = np.hanning(_SMOOTHING + 2)[1:-1]
  speed = np.convolve(np.pad(speed, _SMOOTHING // 2, mode='edge'), shape / shape.sum(), mode='valid')
  inner = (speed[1:-1] < speed[:-2]) & (speed[1:-1] <= speed[2:])
  return (np.flatnonzero(inner) + 1).astype(np.float64)


def onsets(waveform: np.ndarray) -> np.ndarray:
  """Times `[k]` in seconds at which the level of `[m]` at 16 kHz rises by 3 dB or more within 50 ms."""
  count = len(waveform) // _HOP
  if count < 8:
    return np.zeros(0)
  blocks = np.asarray(waveform[: count * _HOP]).reshape(count, _HOP)
  power = np.einsum('tn,tn->t', blocks, blocks, dtype=np.float64) / _HOP
  level = 10 * np.log10(power + 1e-8)
  level = np.maximum(level, level.max() - 45.0)  # what is quieter is background
  rise = np.zeros(count)
  rise[5:] = level[5:] - level[:-5]
  found: list[int] = []
  for i in np.argsort(-rise, kind='stable'):
    if rise[i] < _MIN_RISE_DB:
      break
    if all(abs(i - other) >= _MIN_GAP for other in found):
      found.append(int(i))
  return np.sort(np.array(found, np.float64)) * _HOP / SAMPLE_RATE_HZ
