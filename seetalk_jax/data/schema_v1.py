"""Records of schema version 1: translation of their motion to the motion vector.

Synthetic records of version 1 hold the cartoon's 20 fields. Real ones hold MediaPipe's scores and the head pose of
every frame; offsets of the neutral face were not removed from these scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seetalk_jax import blendshapes, cartoon_motion
from seetalk_jax.constants import MOTION_DIM, MOTION_FIELDS, MotionStatus


def upgrade(fields: Mapping[str, Any]) -> dict[str, Any]:
  """Translates the decoded fields of a record of version 1 to those of version 2.

  Raises:
    KeyError, ValueError: the record lacks fields of version 1, or has arrays of other shapes.
  """
  fields = dict(fields)
  pose, scores, truth = fields.pop('pose'), fields.pop('blendshapes'), fields['truth']
  if truth is None:
    motion, status = _measured(pose, scores)
    return {**fields, 'motion': motion, 'speech_motion': None, 'motion_status': status}
  truth = dict(truth)
  motion, track = truth.pop('motion'), truth.pop('speech_motion')
  return {
    **fields,
    # Without frames, version 1 stored no motion rather than none.
    'motion': cartoon_motion.to_vector(motion) if fields['frames'] else None,
    'speech_motion': None if track is None else cartoon_motion.to_vector(track),
    'motion_status': np.full([MOTION_DIM], MotionStatus.EXACT, np.uint8),
    'truth': truth,
  }


def _measured(pose: np.ndarray | None, scores: np.ndarray | None) -> tuple[np.ndarray | None, np.ndarray]:
  """Motion `[k, 58]` and its status `[58]`, of pose `[k, 5]` and MediaPipe's scores `[k, 52]`."""
  columns = {}
  if scores is not None:
    columns |= dict(zip(blendshapes.MEDIAPIPE_ORDER, scores.T, strict=True))
  if pose is not None:
    yaw, pitch, roll, shift_x, shift_y = pose.T
    columns |= {'yaw': yaw, 'pitch': pitch, 'roll': roll}
    # Version 1 measured shifts in half head widths.
    columns |= {'shift_x': cartoon_motion.HALF_HEAD * shift_x, 'shift_y': cartoon_motion.HALF_HEAD * shift_y}
  columns.pop('_neutral', None)
  status = [MotionStatus.ESTIMATED if name in columns else MotionStatus.ABSENT for name in MOTION_FIELDS]
  if not columns:
    return None, np.array(status, np.uint8)
  absent = np.zeros(len(next(iter(columns.values()))), np.float32)
  motion = np.stack([columns.get(name, absent) for name in MOTION_FIELDS], axis=1)
  return motion.astype(np.float32), np.array(status, np.uint8)
