"""Motion of the person in a video: every frame is measured by the landmarker; gaps repeat the nearest frame."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from seetalk_jax.constants import MOTION_FIELDS
from seetalk_jax.errors import InputError, PortraitError
from seetalk_jax.media import face, timeline
from seetalk_jax.prepare import face_motion, tracks

_MOSTLY = 0.5  # share of the frames that must show a face, and must not show a second one
_UPRIGHT = np.radians(45.0)
_ROLL = MOTION_FIELDS.index('roll')


class VideoMotion(NamedTuple):
  """Estimated motion of the `n` frames of a video at 25 fps.

  Attributes:
    motion: float32 `[n, 58]`, see `constants.MOTION_FIELDS`.
    status: uint8 `[58]`, `constants.MotionStatus` of each field.
    detected: bool `[n]`; False where no face was found and the values are interpolated or repeated.
  """

  motion: np.ndarray
  status: np.ndarray
  detected: np.ndarray


def measure(
  path: str | os.PathLike, read: tracks.Reader, advance: Callable[[int], None] = lambda done: None
) -> VideoMotion:
  """Measures the motion of the one person in a video.

  Args:
    path: any video; frames are resampled to 25 fps by their time stamps.
    read: function from `face.open_face_reader`.
    advance: called with the number of frames read so far.

  Raises:
    InputError: the file is missing, no video, damaged, or shorter than half a frame of 40 ms.
    PortraitError: a face in less than half of the frames, several faces in more than half of them, or a face
      that is not upright.
  """
  path = pathlib.Path(path)

  def pictures() -> Iterator[np.ndarray]:
    for index, (_, pixels) in enumerate(timeline.grid_frames(path)):
      yield pixels
      advance(index + 1)

  tracked = tracks.watch(pictures(), read)
  n = tracked.num_frames
  if not n:
    raise InputError(f'the video is shorter than half a frame of 40 ms, {path}: give a longer one')
  seen = np.flatnonzero(tracked.face_counts)
  if len(seen) < _MOSTLY * n:
    raise PortraitError(
      f'a face in {len(seen)} of {n} frames, {path}: give a video of one person from the front'
    )
  if np.sum(tracked.face_counts > 1) > _MOSTLY * len(seen):
    raise PortraitError(f'several faces found, {path}: crop the video to one person')
  rows, detected = _rows(tracked)
  known = np.array(sorted(rows))
  landmarks, scores, rotations = (np.stack([rows[i][part] for i in known]) for part in range(3))
  found = face_motion.estimate(scores, rotations, _relative(landmarks))
  if abs(np.median(found.motion[:, _ROLL])) > _UPRIGHT:
    raise PortraitError(f'the face is not upright, {path}: turn the video')
  return VideoMotion(found.motion[_nearest(n, known)], found.status, detected)


def _rows(tracked: tracks.TrackedFaces) -> tuple[dict[int, tuple[np.ndarray, ...]], np.ndarray]:
  """Frame -> landmarks, scores and rotation of its largest face; and which frames show a face, bool `[n]`."""
  rows: dict[int, tuple[np.ndarray, ...]] = {}
  detected = np.zeros(tracked.num_frames, bool)

  def size(track: tracks.Track) -> float:
    return float(np.median(np.ptp(track.landmarks[:, :, 1], axis=1)))

  for track in sorted(tracked.tracks, key=size):  # larger faces replace smaller ones
    for i in range(len(track.landmarks)):
      rows[track.start + i] = (track.landmarks[i], track.blendshapes[i], track.rotations[i])
      detected[track.start + i] = track.detected[i]
  return rows, detected


def _relative(landmarks: np.ndarray) -> np.ndarray:
  """Landmarks `[n, 478, 2]` in pixels, relative to the median portrait crop."""
  # Tracks hold upright faces alone.
  box = face.median_box([face.portrait_box(points) for points in landmarks])
  return (landmarks - np.array([box.left, box.top])) / box.side


def _nearest(n: int, known: np.ndarray) -> np.ndarray:
  """Index into the sorted frames `known` of the nearest one of each of `n` frames."""
  after = np.clip(np.searchsorted(known, np.arange(n)), 0, len(known) - 1)
  before = np.maximum(after - 1, 0)
  frames = np.arange(n)
  return np.where(np.abs(known[before] - frames) <= np.abs(known[after] - frames), before, after)
