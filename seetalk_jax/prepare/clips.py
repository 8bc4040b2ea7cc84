"""Cutting a track into clips with one crop each, so still that lips move and the frame does not."""

from __future__ import annotations

import dataclasses

import numpy as np

from seetalk_jax.media import face
from seetalk_jax.prepare.tracks import Track

_DRIFT = 0.16  # of the crop's side: how far a head may be from the middle of its clip ...
_GROWTH = 1.25  # ... and how much nearer or farther ...
_STRAYS = 5  # ... for more than so many frames in a row (0.2 s)

# The box around mouth and chin, as in the embedded world: parts of the crop's side.
LIP_BOX_SIDE = 0.34
_LIP_BOX_BELOW = 0.035

# Points of MediaPipe's face mesh.
MOUTH_CORNERS = (61, 291)
INNER_LIPS = (13, 14)
FACE_ENDS = (10, 152)
_CHEEKS = (234, 454)
_LIP_SMOOTHING = np.array([0.25, 0.5, 0.25])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clip:
  """Frames `start .. stop - 1` of a recording, all cut out with the same square.

  Attributes:
    track: of the face; covers the clip.
    box: the square in pixels.
  """

  start: int
  stop: int
  track: Track
  box: face.FaceBox

  @property
  def num_frames(self) -> int:
    """Of the 25 fps grid."""
    return self.stop - self.start

  @property
  def rows(self) -> slice:
    """The clip's part of its track's arrays."""
    return slice(self.start - self.track.start, self.stop - self.track.start)

  @property
  def landmarks(self) -> np.ndarray:
    """float32 `[n, 478, 2]` in parts of the crop's side."""
    corner = np.array([self.box.left, self.box.top], np.float32)
    return ((self.track.landmarks[self.rows] - corner) / np.float32(self.box.side)).astype(np.float32)


def cut(track: Track, *, max_frames: int) -> list[Clip]:
  """Cuts a track into clips of at most `max_frames`, where the head moves out of its place.

  Clips follow each other without a gap. Their box is the median of the frames' portrait crops: no jitter.
  """
  boxes = [face.portrait_box(points) for points in track.landmarks]
  known = [box for box in boxes if box is not None]
  if not known:
    return []
  last = known[0]
  for number, box in enumerate(boxes):  # a frame upside down (a glitch) takes the box before it
    boxes[number] = last = box or last
  places = np.array([(box.left + 0.5 * box.side, box.top + 0.5 * box.side, box.side) for box in boxes])
  clips, start = [], 0
  while start < len(places):
    stop = _reach(places, start, min(len(places), start + max_frames))
    box = face.median_box(boxes[start:stop])
    clips.append(Clip(start=track.start + start, stop=track.start + stop, track=track, box=box))
    start = stop
  return clips


def _reach(places: np.ndarray, start: int, limit: int) -> int:
  """The last frame up to which all heads stand near their median, but for a few strays in a row."""
  stop = start + 1
  while stop < limit:
    # Ahead by a quarter of a second at a time: medians of every prefix would cost the square.
    ahead = min(limit, stop + 6)
    x, y, side = np.median(places[start:ahead], axis=0)
    part = places[start:ahead]
    away = np.maximum(np.abs(part[:, 0] - x), np.abs(part[:, 1] - y)) > _DRIFT * side
    away |= np.maximum(part[:, 2] / side, side / part[:, 2]) > _GROWTH
    if _longest_run(away) > _STRAYS:
      return stop
    stop = ahead
  return stop


def _longest_run(flags: np.ndarray) -> int:
  """The longest run of True."""
  edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
  return int((edges[1::2] - edges[::2]).max(initial=0))


def lip_boxes(landmarks: np.ndarray) -> np.ndarray:
  """float32 `[n, 4]`: the square around mouth and chin of landmarks `[n, 478, 2]`, of one size, lightly smoothed."""
  corners = landmarks[:, list(MOUTH_CORNERS)].mean(axis=1)
  padded = np.pad(corners, ((1, 1), (0, 0)), mode='edge')
  centre = sum(weight * padded[i : i + len(corners)] for i, weight in enumerate(_LIP_SMOOTHING))
  centre = centre + np.array([0.0, _LIP_BOX_BELOW])
  return np.concatenate([centre - LIP_BOX_SIDE / 2, centre + LIP_BOX_SIDE / 2], axis=1).astype(np.float32)


def head_pose(rotations: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
  """float32 `[n, 5]`: yaw, pitch, roll in radians and shift x, y, as `constants.MOTION_FIELDS` has them.

  Args:
    rotations: `[n, 3, 3]`, canonical face to camera (x right, y up, z towards the camera).
    landmarks: `[n, 478, 2]` in parts of the crop's side; shifts are against their median, in half head widths,
      y up.
  """
  r = rotations.astype(np.float64)
  yaw = np.arctan2(r[:, 0, 2], r[:, 2, 2])
  pitch = np.arcsin(np.clip(r[:, 1, 2], -1.0, 1.0))
  roll = -np.arctan2(r[:, 1, 0], r[:, 1, 1])
  centre = landmarks[:, [*face.EYE_CORNERS, *FACE_ENDS]].mean(axis=1)
  width = np.median(np.abs(np.diff(landmarks[:, list(_CHEEKS), 0], axis=1)))
  shift = (centre - np.median(centre, axis=0)) / max(0.5 * width, 1e-6)
  return np.stack([yaw, pitch, roll, shift[:, 0], -shift[:, 1]], axis=1).astype(np.float32)


def mouth_opening(landmarks: np.ndarray) -> np.ndarray:
  """float `[n]`: distance of the inner lips over the face's height."""
  gap = np.linalg.norm(landmarks[:, INNER_LIPS[0]] - landmarks[:, INNER_LIPS[1]], axis=-1)
  height = np.linalg.norm(landmarks[:, FACE_ENDS[0]] - landmarks[:, FACE_ENDS[1]], axis=-1)
  return gap / np.maximum(height, 1e-6)
