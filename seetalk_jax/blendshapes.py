"""ARKit blendshapes: names and order of the 52 face coefficients, left-right pairs, regions, MediaPipe's subset.

The order is that of the columns in the CSV files of Apple's Live Link Face app. Left and right are those of the
person: `eyeBlinkLeft` closes the person's left eye, at +x of a head that faces +z with y up.
https://developer.apple.com/documentation/arkit/arfaceanchor/blendshapelocation
"""

from __future__ import annotations

import enum

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

# Angle in degrees by which each eye turns for eyeLookUp, eyeLookDown, eyeLookIn and eyeLookOut of 1.
EYE_LOOK_DEGREES = {'Up': 10.0, 'Down': 11.0, 'In': 15.0, 'Out': 15.0}


def mirrored_name(name: str) -> str:
  """Returns the name of the mirrored blendshape: `jawLeft` for `jawRight`, `jawOpen` for itself."""
  if name not in INDEX:
    raise ValueError(f'unknown blendshape {name!r}: it is not one of blendshapes.NAMES')
  if name.endswith('Left'):
    return name.removesuffix('Left') + 'Right'
  if name.endswith('Right'):
    return name.removesuffix('Right') + 'Left'
  return name


# The coefficients of the mirrored face are `[coefficients[i] for i in MIRROR]`.
MIRROR = tuple(INDEX[mirrored_name(name)] for name in NAMES)
