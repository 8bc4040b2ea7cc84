"""Cartoon motion: the 20 motion fields of the cartoon head, and their translation to the motion vector and back.

The cartoon head (`synthetic.head`) is drawn from these fields. Releases and records of version 0.1.0 hold them
too. Everything else uses the motion vector, `constants.MOTION_FIELDS`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from seetalk_jax import blendshapes, constants

# In the order of an array `[*b, NUM_FIELDS]`; 0 is the neutral value.
FIELDS = (
  'jaw',  # 0 closed, 1 dropped as in a wide "ah"
  'spread',  # mouth corners pulled apart, 0 to 1
  'rounding',  # lips protruded and narrowed, 0 to 1
  'closure',  # lips pressed together (m, b, p), 0 to 1; 1 means closed for any jaw value
  'upper_lip',  # upper lip raised, 0 to 1
  'tuck',  # lower lip under the upper teeth (f, v), 0 to 1
  'tongue',  # tongue tip raised and visible, 0 to 1
  'smile',  # corners up, -1 (frown) to 1
  'blink_left',  # the person's left lids, 0 open to 1 closed
  'blink_right',
  'squint',  # 0 to 1
  'gaze_yaw',  # radians, about -0.4 to 0.4; positive to the person's left
  'gaze_pitch',  # radians, about -0.4 to 0.4; positive is up
  'brow_raise',  # -1 to 1
  'brow_furrow',  # 0 to 1
  'yaw',  # head pose in radians, as in `constants.MOTION_FIELDS`
  'pitch',
  'roll',
  'shift_x',  # translation of the head in the image plane, in units of half the head width
  'shift_y',
)
NUM_FIELDS = len(FIELDS)  # 20

# Half a head is about half as wide as half a portrait: 0.48 to 0.55 for the cartoon's heads. A power of two keeps
# the translation exact.
HALF_HEAD = 0.5
_UP, _DOWN, _IN, _OUT = (
  math.radians(blendshapes.EYE_LOOK_DEGREES[direction]) for direction in ('Up', 'Down', 'In', 'Out')
)
# A rounded mouth also opens like a funnel, less than it puckers.
_FUNNEL = 0.5
# A furrow pulls the inner ends of the brows up against their lowering.
_INNER_UP = 0.5
_SMALL_JAW = 0.05  # the share of a closed mouth is not measured for smaller openings of the jaw


def to_vector(fields: Any) -> Any:
  """Translates the cartoon's fields to motion vectors.

  Coefficients exceed 1 where the cartoon moves farther than a coefficient of 1, such as for a gaze of more than
  15 degrees. Fields that the cartoon does not have are 0.

  Args:
    fields: `[*b, NUM_FIELDS]`, NumPy or JAX.

  Returns:
    `[*b, MOTION_DIM]` of the same kind and dtype.
  """
  xp = _namespace(fields)
  values = _translated(dict(zip(FIELDS, xp.moveaxis(fields, -1, 0), strict=True)), xp)
  absent = xp.zeros_like(values['jawOpen'])
  return xp.stack([values.get(name, absent) for name in constants.MOTION_FIELDS], axis=-1)


def _translated(f: Mapping[str, Any], xp: Any) -> dict[str, Any]:
  """The fields of motion vectors that the cartoon's fields describe, by name."""

  def positive(x):
    return xp.maximum(x, 0)

  gaze_left, gaze_right = positive(f['gaze_yaw']), positive(-f['gaze_yaw'])
  raised, lowered = positive(f['brow_raise']), positive(-f['brow_raise'])
  return {
    'jawOpen': f['jaw'],
    'mouthClose': f['closure'] * f['jaw'],
    'mouthFunnel': _FUNNEL * f['rounding'],
    'mouthPucker': f['rounding'],
    'mouthRollLower': f['tuck'],
    'tongueOut': f['tongue'],
    'eyeBlinkLeft': f['blink_left'],
    'eyeBlinkRight': f['blink_right'],
    'eyeLookOutLeft': gaze_left / _OUT,
    'eyeLookInRight': gaze_left / _IN,
    'eyeLookInLeft': gaze_right / _IN,
    'eyeLookOutRight': gaze_right / _OUT,
    'browInnerUp': raised + _INNER_UP * f['brow_furrow'],
    **_both('mouthStretch', f['spread']),
    **_both('mouthPress', f['closure']),
    **_both('mouthUpperUp', f['upper_lip']),
    **_both('mouthSmile', positive(f['smile'])),
    **_both('mouthFrown', positive(-f['smile'])),
    **_both('eyeSquint', f['squint']),
    **_both('eyeLookUp', positive(f['gaze_pitch']) / _UP),
    **_both('eyeLookDown', positive(-f['gaze_pitch']) / _DOWN),
    **_both('browOuterUp', raised),
    **_both('browDown', lowered + f['brow_furrow']),
    'yaw': f['yaw'],
    'pitch': f['pitch'],
    'roll': f['roll'],
    'shift_x': HALF_HEAD * f['shift_x'],
    'shift_y': HALF_HEAD * f['shift_y'],
  }


def from_vector(motion: Any) -> Any:
  """Translates motion vectors to the cartoon's fields; the inverse of `to_vector`.

  Of other motion vectors the cartoon shows what it can: both sides of the mouth and of the brows move by the
  mean of the two, both eyes look in their mean direction, and fields that it does not have are ignored.

  Args:
    motion: `[*b, MOTION_DIM]`, NumPy or JAX.

  Returns:
    `[*b, NUM_FIELDS]` of the same kind and dtype.
  """
  if motion.shape[-1] != constants.MOTION_DIM:
    raise ValueError(f'motion has {constants.MOTION_DIM} fields, got shape {motion.shape}')
  xp = _namespace(motion)
  v = dict(zip(constants.MOTION_FIELDS, xp.moveaxis(motion, -1, 0), strict=True))

  def mean(name):
    return 0.5 * (v[f'{name}Left'] + v[f'{name}Right'])

  jaw, outer_up = v['jawOpen'], mean('browOuterUp')
  furrow = xp.clip((v['browInnerUp'] - outer_up) / _INNER_UP, 0, 1)
  closed = v['mouthClose'] / xp.maximum(jaw, _SMALL_JAW)
  to_left = 0.5 * (v['eyeLookOutLeft'] * _OUT + v['eyeLookInRight'] * _IN)
  to_right = 0.5 * (v['eyeLookInLeft'] * _IN + v['eyeLookOutRight'] * _OUT)
  fields = {
    'jaw': jaw,
    'spread': mean('mouthStretch'),
    'rounding': xp.maximum(v['mouthPucker'], v['mouthFunnel']),
    'closure': xp.clip(xp.maximum(mean('mouthPress'), closed), 0, 1),
    'upper_lip': mean('mouthUpperUp'),
    'tuck': v['mouthRollLower'],
    'tongue': v['tongueOut'],
    'smile': mean('mouthSmile') - mean('mouthFrown'),
    'blink_left': v['eyeBlinkLeft'],
    'blink_right': v['eyeBlinkRight'],
    'squint': mean('eyeSquint'),
    'gaze_yaw': to_left - to_right,
    'gaze_pitch': mean('eyeLookUp') * _UP - mean('eyeLookDown') * _DOWN,
    'brow_raise': outer_up - (mean('browDown') - furrow),
    'brow_furrow': furrow,
    'yaw': v['yaw'],
    'pitch': v['pitch'],
    'roll': v['roll'],
    'shift_x': v['shift_x'] / HALF_HEAD,
    'shift_y': v['shift_y'] / HALF_HEAD,
  }
  return xp.stack([fields[name] for name in FIELDS], axis=-1)


def described() -> frozenset[str]:
  """Names of the fields of motion vectors that the cartoon's fields describe; `to_vector` sets the others to 0."""
  return frozenset(_translated(dict.fromkeys(FIELDS, 0.0), np))


def _both(name: str, value: Any) -> dict[str, Any]:
  return {f'{name}Left': value, f'{name}Right': value}


def _namespace(array: Any) -> Any:
  """`jax.numpy` for arrays and tracers of JAX, else NumPy, so that NumPy users need not import JAX."""
  jax = sys.modules.get('jax')
  return jax.numpy if jax is not None and isinstance(array, jax.Array) else np
