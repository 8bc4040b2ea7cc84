"""Clips of a face track: segments with one fixed crop each, in which the head stays near the center."""

from __future__ import annotations

import dataclasses

import numpy as np

from seetalk_jax.media import face
from seetalk_jax.media import landmark_indices as indices
from seetalk_jax.prepare import audio_checks
from seetalk_jax.prepare.tracks import Track

# A clip ends where the head leaves these limits for more than _STRAYS frames in a row.
_DRIFT = 0.16  # maximum distance from the median position in the clip, relative to the crop's side
_GROWTH = 1.25  # maximum ratio between the head size and its median in the clip
_STRAYS = 5  # 0.2 s
_LIP_SMOOTHING = np.array([0.25, 0.5, 0.25])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clip:
  """Frames `start .. stop - 1` of a recording, all cropped with the same square.

  Attributes:
    track: track of the face; it covers the clip.
    box: crop square in pixels.
  """

  start: int
  stop: int
  track: Track
  box: face.FaceBox

  @property
  def num_frames(self) -> int:
    """Number of frames at 25 fps."""
    return self.stop - self.start

  @property
  def rows(self) -> slice:
    """Slice of the clip in the arrays of its track."""
    return slice(self.start - self.track.start, self.stop - self.track.start)

  @property
  def landmarks(self) -> np.ndarray:
    """Landmarks, float32 `[n, 478, 2]`, relative to the crop's side."""
    corner = np.array([self.box.left, self.box.top], np.float32)
    return ((self.track.landmarks[self.rows] - corner) / np.float32(self.box.side)).astype(np.float32)


def cut(track: Track, *, max_frames: int) -> list[Clip]:
  """Splits a track into clips of at most `max_frames`; a new clip starts where the head leaves its position.

  Clips are consecutive without gaps. The box of a clip is the median of its frames' portrait crops, without
  jitter.
  """
  boxes = [face.portrait_box(points) for points in track.landmarks]
  detected = [box for box in boxes if box is not None]
  if not detected:
    return []
  last = detected[0]
  for number, box in enumerate(boxes):  # an upside-down frame (a detection error) takes the previous box
    boxes[number] = last = box or last
  frames = np.array([(box.left + 0.5 * box.side, box.top + 0.5 * box.side, box.side) for box in boxes])
  clips, start = [], 0
  while start < len(frames):
    stop = _reach(frames, start, min(len(frames), start + max_frames))
    box = face.median_box(boxes[start:stop])
    clips.append(Clip(start=track.start + start, stop=track.start + stop, track=track, box=box))
    start = stop
  return clips


def _reach(frames: np.ndarray, start: int, limit: int) -> int:
  """Last frame up to which the heads stay near their median, except for short runs of outliers."""
  stop = start + 1
  while stop < limit:
    # In steps of a quarter of a second: the median of every prefix would take quadratic time.
    ahead = min(limit, stop + 6)
    x, y, side = np.median(frames[start:ahead], axis=0)
    part = frames[start:ahead]
    away = np.maximum(np.abs(part[:, 0] - x), np.abs(part[:, 1] - y)) > _DRIFT * side
    away |= np.maximum(part[:, 2] / side, side / part[:, 2]) > _GROWTH
    if _longest_run(away) > _STRAYS:
      return stop
    stop = ahead
  return stop


def _longest_run(flags: np.ndarray) -> int:
  """Length of the longest run of True."""
  return int(np.diff(audio_checks.runs(flags)).max(initial=0))


def lip_boxes(landmarks: np.ndarray) -> np.ndarray:
  """Lip boxes, float32 `[n, 4]`, of landmarks `[n, 478, 2]`: squares around mouth and chin, one size, smoothed."""
  corners = landmarks[:, list(indices.MOUTH_CORNERS)].mean(axis=1)
  padded = np.pad(corners, ((1, 1), (0, 0)), mode='edge')
  centre = sum(weight * padded[i : i + len(corners)] for i, weight in enumerate(_LIP_SMOOTHING))
  centre = centre + np.array([0.0, indices.LIP_BOX_BELOW])
  return np.concatenate(
    [centre - indices.LIP_BOX_SIDE / 2, centre + indices.LIP_BOX_SIDE / 2], axis=1
  ).astype(np.float32)


def head_pose(rotations: np.ndarray) -> np.ndarray:
  """Head pose, float32 `[n, 3]`: yaw, pitch, roll in radians, with the signs of `constants.MOTION_FIELDS`.

  Args:
    rotations: `[n, 3, 3]`, canonical face to camera (x right, y up, z toward the camera).
  """
  r = rotations.astype(np.float64)
  yaw = np.arctan2(r[:, 0, 2], r[:, 2, 2])
  pitch = np.arcsin(np.clip(r[:, 1, 2], -1.0, 1.0))
  roll = -np.arctan2(r[:, 1, 0], r[:, 1, 1])
  return np.stack([yaw, pitch, roll], axis=1).astype(np.float32)


def head_shift(landmarks: np.ndarray) -> np.ndarray:
  """Shift of the head from its median place, float32 `[n, 2]`: x, y up, in half image widths.

  Args:
    landmarks: `[n, 478, 2]` relative to the crop's side.
  """
  centre = landmarks[:, [*face.EYE_CORNERS, *indices.FACE_ENDS]].mean(axis=1)
  shift = 2.0 * (centre - np.median(centre, axis=0))
  return (shift * np.array([1.0, -1.0])).astype(np.float32)


def mouth_opening(landmarks: np.ndarray) -> np.ndarray:
  """Mouth opening, float `[n]`: distance of the inner lips divided by the height of the face."""
  gap = np.linalg.norm(landmarks[:, indices.INNER_LIPS[0]] - landmarks[:, indices.INNER_LIPS[1]], axis=-1)
  height = np.linalg.norm(landmarks[:, indices.FACE_ENDS[0]] - landmarks[:, indices.FACE_ENDS[1]], axis=-1)
  return gap / np.maximum(height, 1e-6)
