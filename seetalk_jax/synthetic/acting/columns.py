"""Columns of a motion track, whose fields are `constants.MOTION_FIELDS`, by name."""

from __future__ import annotations

import functools

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.constants import MOTION_FIELDS

YAW, PITCH, ROLL, SHIFT_X, SHIFT_Y, SHIFT_Z = (
  MOTION_FIELDS.index(name) for name in ('yaw', 'pitch', 'roll', 'shift_x', 'shift_y', 'shift_z')
)


@functools.cache
def columns_of(name: str) -> tuple[int, ...]:
  """Columns of a coefficient; a name without its side, such as 'mouthSmile', means the left and the right one.

  Raises:
    ValueError: the name is no coefficient.
  """
  if name in blendshapes.INDEX:
    return (blendshapes.INDEX[name],)
  sides = (name + 'Left', name + 'Right')
  if not all(side in blendshapes.INDEX for side in sides):
    raise ValueError(
      f'unknown coefficient {name!r}: it is not one of blendshapes.NAMES, with or without its side'
    )
  return tuple(blendshapes.INDEX[side] for side in sides)


def face(**values: float) -> np.ndarray:
  """Coefficients `[52]`, float64, from values by name; names without a side set both sides, the rest is 0."""
  coefficients = np.zeros(blendshapes.NUM_BLENDSHAPES)
  for name, value in values.items():
    coefficients[list(columns_of(name))] = value
  return coefficients
