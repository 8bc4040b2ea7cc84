"""Values of one video from its face landmarks and its sound: lips, head, eyes, beats, offset."""

from __future__ import annotations

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.constants import FPS
from seetalk_jax.evaluation.measures import beats, series
from seetalk_jax.evaluation.probes import landmarks
from seetalk_jax.evaluation.probes.landmarks import FaceTrack
from seetalk_jax.prepare import audio_checks, clips

AXES = ('yaw', 'pitch', 'roll')
_BLINKS = [blendshapes.NAMES.index(f'eyeBlink{side}') for side in ('Left', 'Right')]
_BLINK_SECONDS = 2.0  # a shorter video has no rate: one blink in half a second would be 120 a minute
_GAZE = [i for i, name in enumerate(blendshapes.NAMES) if name.startswith('eyeLook')]


def track_values(track: FaceTrack, waveform: np.ndarray | None) -> dict[str, float]:
  """Values by the names in `catalogue.SINGLE`; NaN for what cannot be measured.

  Args:
    track: the face of the video.
    waveform: about `[640 n]` at 16 kHz; None without sound.
  """
  count = len(track.points)
  seen = np.isfinite(track.points).all(axis=(1, 2))
  values = landmarks.measure_track(track, waveform)
  values['one_face'] = 100.0 * float(np.mean(track.counts == 1)) if count else np.nan
  values |= {axis: _spread(track.angles[seen, i]) for i, axis in enumerate(AXES)}
  values['gaze'] = float(np.mean([_spread(track.blendshapes[seen, i]) for i in _GAZE]))
  lids = track.blendshapes[seen][:, _BLINKS].mean(axis=1)
  long_enough = len(lids) >= _BLINK_SECONDS * FPS
  values['blinks'] = series.count_blinks(lids) / (len(lids) / FPS / 60) if long_enough else np.nan
  values['opening'] = 100.0 * _spread(clips.mouth_opening(track.points)[seen])
  values |= dict.fromkeys(('beat_alignment', 'offset', 'offset_correlation'), np.nan)
  opening = filled_opening(track)
  if waveform is not None and opening is not None:
    values['beat_alignment'] = beats.beat_alignment(track.angles, waveform)
    offset = audio_checks.find_offset(opening, waveform)
    if offset.parts:  # long enough
      values['offset_correlation'] = offset.correlation
      values['offset'] = float(offset.frames) if offset.is_clear else np.nan
  return {name: float(value) for name, value in values.items()}


def filled_opening(track: FaceTrack) -> np.ndarray | None:
  """Mouth opening over the height of the face, `[n]`, interpolated where the face is not seen; None if it never is."""
  seen = np.isfinite(track.points).all(axis=(1, 2))
  if not seen.any():
    return None
  frames = np.arange(len(seen))
  return np.interp(frames, frames[seen], clips.mouth_opening(track.points)[seen])


def _spread(values: np.ndarray) -> float:
  # In float32, the mean of equal values is not always the value.
  return float(np.std(values, dtype=np.float64)) if len(values) > 1 else float('nan')
