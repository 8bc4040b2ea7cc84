"""ARKit blendshapes: names and order of the 52 face coefficients, left-right pairs, regions, MediaPipe's subset.

The order is that of the columns in the CSV files of Apple's Live Link Face app. Left and right are those of the
person: `eyeBlinkLeft` closes the person's left eye, at +x of a head that faces +z with y up.
https://developer.apple.com/documentation/arkit/arfaceanchor/blendshapelocation
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

# Every coefficient is in [0, 1]; 0 is the neutral face.
NAMES = (
  'eyeBlinkLeft',
  'eyeLookDownLeft',
  'eyeLookInLeft',
  'eyeLookOutLeft',
  'eyeLookUpLeft',
  'eyeSquintLeft',
  'eyeWideLeft',
  'eyeBlinkRight',
  'eyeLookDownRight',
  'eyeLookInRight',
  'eyeLookOutRight',
  'eyeLookUpRight',
  'eyeSquintRight',
  'eyeWideRight',
  'jawForward',
  'jawRight',
  'jawLeft',
  'jawOpen',
  'mouthClose',
  'mouthFunnel',
  'mouthPucker',
  'mouthRight',
  'mouthLeft',
  'mouthSmileLeft',
  'mouthSmileRight',
  'mouthFrownLeft',
  'mouthFrownRight',
  'mouthDimpleLeft',
  'mouthDimpleRight',
  'mouthStretchLeft',
  'mouthStretchRight',
  'mouthRollLower',
  'mouthRollUpper',
  'mouthShrugLower',
  'mouthShrugUpper',
  'mouthPressLeft',
  'mouthPressRight',
  'mouthLowerDownLeft',
  'mouthLowerDownRight',
  'mouthUpperUpLeft',
  'mouthUpperUpRight',
  'browDownLeft',
  'browDownRight',
  'browInnerUp',
  'browOuterUpLeft',
  'browOuterUpRight',
  'cheekPuff',
  'cheekSquintLeft',
  'cheekSquintRight',
  'noseSneerLeft',
  'noseSneerRight',
  'tongueOut',
)
NUM_BLENDSHAPES = len(NAMES)
INDEX = {name: index for index, name in enumerate(NAMES)}


class Region(enum.StrEnum):
  """Region of the face that a blendshape belongs to; the value begins its names."""

  EYES = 'eye'
  JAW = 'jaw'
  MOUTH = 'mouth'
  BROWS = 'brow'
  CHEEKS = 'cheek'
  NOSE = 'nose'
  TONGUE = 'tongue'


# Region -> indices into NAMES.
REGIONS = {
  region: tuple(index for index, name in enumerate(NAMES) if name.startswith(region)) for region in Region
}

# The blendshapes that MediaPipe's Face Landmarker scores. It has no tongueOut; its output begins with
# `_neutral`, which is no blendshape, and is in alphabetical order: select scores by name.
MEDIAPIPE_NAMES = tuple(name for name in NAMES if name != 'tongueOut')
MEDIAPIPE_ORDER = ('_neutral', *sorted(MEDIAPIPE_NAMES))

# The coefficients that turn the eyes.
EYE_LOOKS = tuple(index for index, name in enumerate(NAMES) if name.startswith('eyeLook'))

# Angle in degrees by which each eye turns for eyeLookUp, eyeLookDown, eyeLookIn and eyeLookOut of 1.
EYE_LOOK_DEGREES = {'Up': 10.0, 'Down': 11.0, 'In': 15.0, 'Out': 15.0}


def mirrored_name(name: str) -> str:
  """Returns the name of the mirrored blendshape.

  Example:
    >>> mirrored_name('jawRight'), mirrored_name('jawOpen')
    ('jawLeft', 'jawOpen')
  """
  if name not in INDEX:
    raise ValueError(f'unknown blendshape {name!r}: it is not one of blendshapes.NAMES')
  if name.endswith('Left'):
    return name.removesuffix('Left') + 'Right'
  if name.endswith('Right'):
    return name.removesuffix('Right') + 'Left'
  return name


def eye_turn(coefficients: Any, side: str, sizes: Mapping[str, float] | None = None) -> tuple[Any, Any]:
  """How far an eye is turned in the head, (horizontally, vertically), each `[...]`.

  Positive is to the person's left and up.

  Args:
    coefficients: NumPy or JAX array `[..., 52]`; further values, as those of a motion vector, are ignored.
    side: 'Left' or 'Right', an eye of the person.
    sizes: turn of each of 'Up', 'Down', 'In' and 'Out' for a coefficient of 1; None: 1 of each.
  """
  look = {
    direction: (1.0 if sizes is None else sizes[direction])
    * coefficients[..., INDEX[f'eyeLook{direction}{side}']]
    for direction in EYE_LOOK_DEGREES
  }
  return (look['Out'] - look['In']) * (1.0 if side == 'Left' else -1.0), look['Up'] - look['Down']


def gaze(coefficients: Any) -> tuple[Any, Any]:
  """Direction of the gaze in the head, (horizontal, vertical), each `[...]` in [-1, 1]: the mean of both eyes.

  Positive is to the person's left and up; (0, 0) is straight out of the head, whatever the eyes' distance to what they
  look at. The unit is a coefficient of 1: by ARKit's description the farthest turn of an eye, 15 degrees to a side,
  10 up and 11 down in `EYE_LOOK_DEGREES`.

  Args:
    coefficients: NumPy or JAX array `[..., 52]`; further values, as those of a motion vector, are ignored.

  Example:
    >>> import numpy as np
    >>> coefficients = np.zeros(len(NAMES))
    >>> coefficients[[INDEX['eyeLookOutLeft'], INDEX['eyeLookInRight']]] = 0.6  # both eyes to the person's left
    >>> [float(part) for part in gaze(coefficients)]
    [0.6, 0.0]
  """
  left, right = (eye_turn(coefficients, side) for side in ('Left', 'Right'))
  return 0.5 * (left[0] + right[0]), 0.5 * (left[1] + right[1])


# The coefficients of the mirrored face are `[coefficients[i] for i in MIRROR]`.
MIRROR = tuple(INDEX[mirrored_name(name)] for name in NAMES)
