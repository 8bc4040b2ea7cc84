"""Landmarks and motion of portrait crops, measured by the face landmarker as `seetalk prepare` measures recordings."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from seetalk_jax.constants import MOTION_DIM
from seetalk_jax.errors import PortraitError
from seetalk_jax.media import face
from seetalk_jax.media.landmark_indices import NUM_LANDMARKS
from seetalk_jax.prepare import face_motion, tracks


class Measured(NamedTuple):
  """What the landmarker measures in `n` portrait crops of one recording.

  Attributes:
    landmarks: float32 `[n, 478, 2]`, x and y relative to the side of the crop.
    depths: float32 `[n, 478]`, in the same unit; smaller is closer to the camera.
    motion: motion vectors, float32 `[n, 58]`, see `constants.MOTION_FIELDS`.
    found: bool `[n]`; where no face is found, the other values are 0.
  """

  landmarks: np.ndarray
  depths: np.ndarray
  motion: np.ndarray
  found: np.ndarray


@contextlib.contextmanager
def open_reader(
  landmarker: str | os.PathLike | None, note: Callable[[str], None]
) -> Iterator[tracks.Reader | None]:
  """Context manager that yields the face landmarker's function, or None, with one line of text, without one.

  Args:
    landmarker: MediaPipe's `face_landmarker.task`; None: the environment variable SEETALK_FACE_LANDMARKER.
    note: called with the line.

  Raises:
    PortraitError: `landmarker` is given and cannot be used.
  """
  try:
    path = face.landmarker_file(landmarker, can_be_aligned=False)
  except PortraitError:
    if landmarker is not None:
      raise
    note(
      'no face landmarker: geometry is fitted to the pictures alone; give --landmarker FILE for a better fit'
    )
    yield None
    return
  with face.open_face_reader(path) as read:
    yield read


def measure(frames: np.ndarray, read: tracks.Reader | None) -> Measured:
  """Measures the largest face in each frame of one recording.

  Args:
    frames: portrait crops, uint8 `[n, side, side, 3]`.
    read: function from `face.open_face_reader`; None: nothing is measured.
  """
  n = len(frames)
  found = np.zeros(n, bool)
  landmarks, depths, motion = (
    np.zeros((n, *shape), np.float32) for shape in ((NUM_LANDMARKS, 2), (NUM_LANDMARKS,), (MOTION_DIM,))
  )
  rows = []
  for index, pixels in enumerate(frames if read is not None else ()):
    reading = read(pixels)
    if not len(reading.landmarks):
      continue
    largest = int(np.argmax(np.ptp(reading.landmarks[..., 1], axis=1)))
    found[index], landmarks[index] = True, reading.landmarks[largest]
    if reading.depths is not None:
      depths[index] = reading.depths[largest]
    rows.append((reading.blendshapes[largest], reading.transforms[largest, :3, :3]))
  if rows:
    scores, turns = (np.stack(column) for column in zip(*rows, strict=True))
    motion[found] = face_motion.estimate(scores, tracks.nearest_rotations(turns), landmarks[found]).motion
  return Measured(landmarks, depths, motion, found)
