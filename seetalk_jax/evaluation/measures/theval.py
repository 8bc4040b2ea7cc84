"""THEval measures: lips, head, eyebrows and silences of a talking face by its landmarks (arXiv 2511.04520).

Five of the eight measures of THEval; the formulas are those of its published code (github.com/Newbyl/THEval). The
others (aesthetics, quality of face and mouth) need pretrained networks. No value is better because it is higher or
lower: `score` compares it with that of real videos.

Where these numbers differ from published ones:

* THEval reads angles and face box for head motion by other networks, in pixels of the original frame. Here angles
  are those of MediaPipe, and the box is that of the landmarks in a frame of 256 pixels.
* THEval detects speech by Silero VAD; the caller chooses here (`prepare.audio_checks.speech_segments`).
* THEval measures at the frame rate of the video; here it is 25 fps. Head motion and eyebrows depend on it.

Coordinates are pixels of a frame resized to 256 x 256. Frames without a face are NaN and are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seetalk_jax.constants import FPS, SAMPLE_RATE_HZ
from seetalk_jax.media import landmark_indices as indices
from seetalk_jax.prepare import audio_checks

FRAME_SIDE = 256  # pixels

# Means of THEval's own real videos (examples/gt_metrics.csv). Framing and readers differ from those here.
PUBLISHED_TRUTH = {
  'lip_dynamics': 1.716603,
  'head_motion': 18.46757,
  'eyebrow_dynamics': 0.006777,
  'silent_lip_stability': 0.0263,
  'lip_sync': 0.2528,
}
NAMES = tuple(PUBLISHED_TRUTH)

LIPS = (*indices.OUTER_LIP_CONTOUR, *indices.INNER_LIP_CONTOUR)
# Pairs of opposite points on the inner lips; THEval leaves out the pair 415, 324.
UPPER_LIP = (191, 80, 81, 82, 13, 312, 311, 310)
LOWER_LIP = (95, 88, 178, 87, 14, 317, 402, 318)
EYEBROWS = (indices.LEFT_BROW, indices.RIGHT_BROW)
EYES = (indices.LEFT_EYE_CONTOUR, indices.RIGHT_EYE_CONTOUR)
OUTER_EYE_CORNERS = (indices.EYE_CORNERS[0], indices.EYE_CORNERS[3])
_EYE_CORNERS = (indices.EYE_CORNERS[:2], indices.EYE_CORNERS[2:])

_MIN_SILENCE_SECONDS = 0.3
_MIN_SPEECH_SHARE = 0.1
_VOLUME_SECONDS = 0.05
_EPSILON = 1e-8


def measure(
  points: np.ndarray,
  angles: np.ndarray,
  waveform: np.ndarray | None,
  segments: np.ndarray,
  *,
  aspect: float = 1.0,
) -> dict[str, float]:
  """All five measures of one video, by the names in `NAMES`; NaN where one cannot be measured.

  Args:
    points: `[n, 478, 2]` or `[n, 478, 3]` (z is not used), landmarks at 25 fps.
    angles: `[n, 3]`, head angles in degrees, in any order and of any sign.
    waveform: about `[640 n]` at 16 kHz; None for a video without sound.
    segments: `[k, 2]`, start and end in seconds of each stretch of speech.
    aspect: width over height of the frames before they were resized to 256 x 256, for the eyebrows.
  """
  values = {
    'lip_dynamics': lip_dynamics(points),
    'head_motion': head_motion(points, angles),
    'eyebrow_dynamics': eyebrow_dynamics(points, aspect=aspect),
    'silent_lip_stability': np.nan,
    'lip_sync': np.nan,
  }
  if waveform is not None:
    speaking = spoken_frames(segments, len(points))
    values['silent_lip_stability'] = silent_lip_stability(points, speaking)
    values['lip_sync'] = lip_sync(points, waveform, speaking)
  return values


def score(value: float, truth: float) -> float:
  """THEval's score of a measure, `1 - |value - truth| / |truth|`: 1 is best; NaN for a truth of 0."""
  return float(1.0 - abs(value - truth) / abs(truth)) if truth else float('nan')


def lip_dynamics(points: np.ndarray) -> float:
  """Variety of lip shapes in pixels: std over time of the distance of two lip landmarks, mean over all 780 pairs.

  Args:
    points: `[n, 478, 2 or more]`. NaN with fewer than two frames.
  """
  lips = _seen(points, LIPS)
  if len(lips) < 2:
    return float('nan')
  # One landmark against those after it at a time: the distances of all pairs would need 20 times the memory.
  stds = [
    np.linalg.norm(lips[:, i + 1 :] - lips[:, i : i + 1], axis=-1).std(axis=0) for i in range(len(LIPS) - 1)
  ]
  return float(np.concatenate(stds).mean())


def head_motion(points: np.ndarray, angles: np.ndarray) -> float:
  """Head motion `sqrt(S D + T)`.

  S is the std of an angle, D the variance of its differences between frames, both means over the three angles. T is
  the variance of the center of the face's box, mean of x and y.

  Args:
    points: `[n, 478, 2 or more]`; the box is that of all landmarks.
    angles: `[n, 3]` in degrees. NaN with fewer than three frames.
  """
  seen = np.isfinite(points).all(axis=(1, 2))
  angles = np.asarray(angles, np.float64)[seen]
  if len(angles) < 3:
    return float('nan')
  corners = [np.asarray(edge(points, axis=1), np.float64)[seen, :2] for edge in (np.min, np.max)]
  centers = 0.5 * (corners[0] + corners[1])
  spread, jerk = angles.std(axis=0).mean(), np.diff(angles, axis=0).var(axis=0).mean()
  return float(np.sqrt(spread * jerk + centers.var(axis=0).mean()))


def eyebrow_dynamics(points: np.ndarray, aspect: float = 1.0) -> float:
  """Eyebrow motion per frame: mean absolute change of the distance of brow and eye over the distance of the eyes.

  Brows and eyes are the means of their landmarks; both sides count alike. THEval calls it micro-expression
  intensity. Jitter of the landmarks adds to it.

  Args:
    points: `[n, 478, 2 or more]` in pixels of any size. NaN with fewer than two frames.
    aspect: width over height of the pictures before they became square.
  """
  brows, eyes = (
    np.stack([_seen(points, side).mean(axis=1) * (aspect, 1.0) for side in sides])
    for sides in (EYEBROWS, EYES)
  )
  if brows.shape[1] < 2:
    return float('nan')
  distances = np.linalg.norm(brows - eyes, axis=-1) / np.linalg.norm(eyes[0] - eyes[1], axis=-1)
  return float(np.abs(np.diff(distances, axis=1)).mean())


def silent_lip_stability(points: np.ndarray, speaking: np.ndarray) -> float:
  """Lip motion in silence: median of `|o - mean(o)|` of the mouth opening o over frames of silence.

  o is the mean vertical distance of the inner lips over that of the outer eye corners. Silences of less than
  0.3 s do not count.

  Args:
    points: `[n, 478, 2 or more]`.
    speaking: bool `[n]`. NaN with fewer than two silent frames.
  """
  heights = np.abs(points[:, UPPER_LIP, 1] - points[:, LOWER_LIP, 1]).mean(axis=1, dtype=np.float64)
  first, second = OUTER_EYE_CORNERS
  opening = heights / np.linalg.norm(points[:, first, :2] - points[:, second, :2], axis=-1)
  silent = opening[silent_frames(speaking)]
  silent = silent[np.isfinite(silent)]
  return float(np.median(np.abs(silent - silent.mean()))) if len(silent) > 1 else float('nan')


def lip_sync(points: np.ndarray, waveform: np.ndarray, speaking: np.ndarray) -> float:
  """Mean absolute difference of mouth opening and volume over frames of speech, each scaled to 0..1.

  It assumes that mouths open wider where speech is louder. Real mouths follow that loosely (r about 0.2), so the
  value says little about single videos.

  Args:
    points: `[n, 478, 2 or more]`.
    waveform: about `[640 n]` at 16 kHz.
    speaking: bool `[n]`. NaN if it is True in less than a tenth of the frames, or in fewer than two with a face.
  """
  x, y = points[..., 0], points[..., 1]
  upper, lower = (y[:, lip].mean(axis=1, dtype=np.float64) for lip in (UPPER_LIP, LOWER_LIP))
  heights = np.abs(upper - lower)
  left, right = (x[:, corners].mean(axis=1, dtype=np.float64) for corners in _EYE_CORNERS)
  # A frame of which the eyes have one x is left out.
  with np.errstate(divide='ignore', invalid='ignore'):
    opening = heights / np.abs(left - right)
  use = speaking & np.isfinite(opening)
  if use.sum() < 2 or np.mean(speaking) < _MIN_SPEECH_SHARE:
    return float('nan')
  volumes = volume(waveform, len(points))
  return float(np.abs(_unit_range(opening[use]) - _unit_range(volumes[use])).mean())


def volume(waveform: np.ndarray, num_frames: int) -> np.ndarray:
  """Root mean square of `[m]` at 16 kHz at the start of each of `num_frames` frames, from windows of 0.05 s: `[n]`."""
  window = round(_VOLUME_SECONDS * SAMPLE_RATE_HZ)
  levels = np.zeros(len(waveform) // window + 1)
  for i in range(len(levels)):
    start = i * window - window // 2  # windows are centered
    levels[i] = np.sqrt(np.square(audio_checks.padded_part(waveform, start, start + window)).mean())
  return np.interp(np.arange(num_frames) / FPS, np.arange(len(levels)) * _VOLUME_SECONDS, levels)


def spoken_frames(segments: np.ndarray, num_frames: int) -> np.ndarray:
  """Bool `[num_frames]`: frames that stretches of speech `[k, 2]` in seconds touch."""
  speaking = np.zeros(num_frames, bool)
  for start, stop in segments:
    speaking[int(start * FPS) : int(stop * FPS) + 1] = True
  return speaking


def silent_frames(speaking: np.ndarray) -> np.ndarray:
  """Bool `[n]`: frames of silences of at least 0.3 s, from bool `speaking [n]`."""
  silent = ~np.asarray(speaking, bool)
  for start, stop in audio_checks.runs(silent):
    if stop - start < _MIN_SILENCE_SECONDS * FPS:
      silent[start:stop] = False
  return silent


def _seen(points: np.ndarray, group: Sequence[int]) -> np.ndarray:
  """Some landmarks, float64 `[m, k, 2]`, of the frames with a face; the others are not copied."""
  return points[:, group, :2][np.isfinite(points).all(axis=(1, 2))].astype(np.float64)


def _unit_range(values: np.ndarray) -> np.ndarray:
  low, high = values.min(), values.max()
  return (values - low) / (high - low + _EPSILON)
