"""Records of schema version 1: translation of their motion to the motion vector.

Real records of version 1 hold MediaPipe's scores and the head pose of every frame; offsets of the neutral face were not
removed from these scores. Synthetic ones, of a head that is gone, are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.constants import MOTION_FIELDS, MotionStatus
from seetalk_jax.errors import InputError

_HALF_HEAD = 0.5  # half a head width in half image widths, as version 1 measured shifts


def upgrade(fields: Mapping[str, Any]) -> dict[str, Any]:
  """Translates the decoded fields of a record of version 1 to those of version 2.

  Raises:
    InputError: the record is synthetic.
    KeyError, ValueError: the record lacks fields of version 1, or has arrays of other shapes.
  """
  fields = dict(fields)
  pose, scores, truth = fields.pop('pose'), fields.pop('blendshapes'), fields['truth']
  if truth is not None:
    raise InputError(
      'a record of the synthetic head of version 0.1.0 is no longer supported: render the corpus again'
    )
  motion, status = _measured(pose, scores)
  return {**fields, 'motion': motion, 'speech_motion': None, 'motion_status': status}


def _measured(pose: np.ndarray | None, scores: np.ndarray | None) -> tuple[np.ndarray | None, np.ndarray]:
  """Motion `[k, 58]` and its status `[58]`, of pose `[k, 5]` and MediaPipe's scores `[k, 52]`."""
  columns = {}
  if scores is not None:
    columns |= dict(zip(blendshapes.MEDIAPIPE_ORDER, scores.T, strict=True))
  if pose is not None:
    yaw, pitch, roll, shift_x, shift_y = pose.T
    columns |= {'yaw': yaw, 'pitch': pitch, 'roll': roll}
    columns |= {'shift_x': _HALF_HEAD * shift_x, 'shift_y': _HALF_HEAD * shift_y}
  columns.pop('_neutral', None)
  status = [MotionStatus.ESTIMATED if name in columns else MotionStatus.ABSENT for name in MOTION_FIELDS]
  if not columns:
    return None, np.array(status, np.uint8)
  absent = np.zeros(len(next(iter(columns.values()))), np.float32)
  motion = np.stack([columns.get(name, absent) for name in MOTION_FIELDS], axis=1)
  return motion.astype(np.float32), np.array(status, np.uint8)
