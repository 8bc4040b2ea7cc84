"""Motion vectors of real frames, estimated from MediaPipe's blendshape scores, head rotation and landmarks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.constants import COEFFICIENTS, FPS, MOTION_DIM, MOTION_FIELDS, POSE, MotionStatus
from seetalk_jax.prepare import clips

# The score of a face at rest differs from 0, by up to 0.4 for eyeSquint and brow scores of some people. The offset of a
# score is its 5th percentile over the clip: most faces are near rest in 5 % of the frames of a clip of speech.
_OFFSET_PERCENTILE = 5
_MAX_OFFSET = 0.5  # a higher score throughout a clip is an expression
_MIN_FRAMES = FPS  # offsets of shorter clips are not measured: an expression may fill such a clip
# Directions of gaze are measured from straight ahead of the face: a person who looks past the camera does so
# throughout a clip.
_WITHOUT_OFFSET = np.array([name.startswith('eyeLook') for name in blendshapes.NAMES])
# MediaPipe scores no tongue; the distance of the head is unknown in a crop.
_ABSENT = ('tongueOut', 'shift_z')


class FaceMotion(NamedTuple):
  """Estimated motion of the `n` frames of a clip.

  Attributes:
    motion: float32 `[n, 58]`, see `constants.MOTION_FIELDS`; absent fields are 0.
    status: uint8 `[58]`, `constants.MotionStatus` of each field: estimated or absent.
  """

  motion: np.ndarray
  status: np.ndarray


def estimate(scores: np.ndarray, rotations: np.ndarray, landmarks: np.ndarray) -> FaceMotion:
  """Estimates the motion of one person in one clip.

  Offsets of the face at rest are removed from all scores but those of gaze, see `without_offset`. The pose is
  as measured. The shift is that from the median place of the clip.

  Args:
    scores: `[n, 52]`, of MediaPipe, in the order of `blendshapes.NAMES`.
    rotations: `[n, 3, 3]`, canonical face to camera.
    landmarks: `[n, 478, 2]` relative to the side of a square crop that is fixed for the clip.
  """
  motion = np.zeros([len(scores), MOTION_DIM], np.float32)
  motion[:, COEFFICIENTS] = without_offset(scores)
  motion[:, POSE] = clips.head_pose(rotations)
  motion[:, POSE.stop : POSE.stop + 2] = clips.head_shift(landmarks)
  status = np.full([MOTION_DIM], MotionStatus.ESTIMATED, np.uint8)
  for name in _ABSENT:
    index = MOTION_FIELDS.index(name)
    motion[:, index], status[index] = 0.0, MotionStatus.ABSENT
  return FaceMotion(motion, status)


def of_clip(clip: clips.Clip) -> FaceMotion:
  """Estimates the motion of a tracked clip."""
  rows = clip.rows
  return estimate(clip.track.blendshapes[rows], clip.track.rotations[rows], clip.landmarks)


def without_offset(scores: np.ndarray) -> np.ndarray:
  """Removes the offset of the face at rest from the scores of a clip, `[n, 52]`, and rescales them to [0, 1]."""
  if len(scores) < _MIN_FRAMES:
    return np.clip(scores, 0.0, 1.0)
  offset = np.minimum(np.percentile(scores, _OFFSET_PERCENTILE, axis=0), _MAX_OFFSET)
  offset = np.where(_WITHOUT_OFFSET, 0.0, offset)
  return np.clip((scores - offset) / (1.0 - offset), 0.0, 1.0)
