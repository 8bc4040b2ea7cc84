"""Blendshape units of the human head: the source's 52 displacements with strengths of real faces.

The source's units are weaker than what trackers of real faces call 1. Gains were set by rendering single
coefficients and comparing MediaPipe's scores (tools/judge_human_world.py) until a coefficient of 1 scores about 0.7
or more without a distorted face.
"""

from __future__ import annotations

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.synthetic.human import mesh as meshes
from seetalk_jax.synthetic.human.mesh import MeshPart

# Factor of a unit; names without a side stand for both.
GAINS = {
  'browInnerUp': 2.4,
  'browDown': 2.0,
  'jawOpen': 1.45,
  'mouthClose': 1.45,  # closes the lips that an equal jawOpen opens
  'mouthSmile': 1.2,
  'mouthPucker': 2.0,
  'mouthFunnel': 0.35,
  'mouthDimple': 0.6,  # read as a smile of 0.6
  'noseSneer': 2.0,  # not visible without the gain; MediaPipe never scores it
}
# Units that take part of others of the same side, in strengths of the source's units.
MIXES = {
  # The source's funnel is a slit with closed corners. This one is a round opening with protruding lips, fitted to
  # ellipses for the contours of the lips; the more it draws in the corners, the more it is read as a pucker.
  'mouthFunnel': {
    'mouthPucker': 1.2,
    'mouthUpperUp': 0.6,
    'mouthLowerDown': 1.4,
    'mouthShrugUpper': 0.6,
    'mouthShrugLower': -0.2,
    'mouthRollUpper': -0.2,
    'mouthRollLower': -0.3,
  },
  # The source's lips turn to a smile when pressed, and to a pucker with full cheeks and in a frown.
  'mouthPress': {'mouthSmile': -0.3},
  'cheekPuff': {'mouthPucker': -0.35},
  'mouthFrown': {'mouthPucker': -0.15},
}
# Details of a face that a unit takes along on its side: the fold from nose to mouth.
DETAILS = {
  'mouthSmile': {'mouth-laugh-lines-in': 0.3, 'mouth-laugh-lines-out': 0.1},
  'noseSneer': {'mouth-laugh-lines-in': 0.5},
}
# Real eyes turn by 20 to 30 degrees at 1; those of the source by 10 to 15. Lids keep the source's displacements.
GAZE_GAIN = 1.5
# The tongue rises over the lower teeth and lip by this share of its way out.
TONGUE_RISE = 0.4
# The tongue falls further with the jaw than the source's, which fills the open mouth.
TONGUE_FALL = 1.3


def units(head: meshes.HeadMesh) -> np.ndarray:
  """Displacements of the coarse vertices for coefficient 1, float32 `[52, v, 3]`, decimeters."""
  source = head.units
  result = source.copy()
  for index, name in enumerate(blendshapes.NAMES):
    plain = name.removesuffix('Left').removesuffix('Right')
    result[index] *= GAINS.get(plain, 1.0)
    for other, share in MIXES.get(plain, {}).items():
      result[index] += np.float32(share) * _unit(source, other, name[len(plain) :])
    for detail, share in DETAILS.get(plain, {}).items():
      target = head.detail[detail]
      on_side = head.vertices[target.vertices, 0] * (1 if name.endswith('Left') else -1) > 0
      result[index, target.vertices[on_side]] += np.float32(share) * target.deltas[on_side]
  out = result[blendshapes.INDEX['tongueOut']]
  out[:, 1] += TONGUE_RISE * out[:, 2]
  tongue = head.parts == MeshPart.TONGUE
  result[blendshapes.INDEX['jawOpen'], tongue, 1] *= TONGUE_FALL
  eyes = np.flatnonzero(np.isin(head.parts, [MeshPart.LEFT_EYE, MeshPart.RIGHT_EYE]))
  looks = [index for index, name in enumerate(blendshapes.NAMES) if name.startswith('eyeLook')]
  result[np.ix_(looks, eyes)] *= GAZE_GAIN
  return result


def _unit(source, name, side):
  """The source's unit of one side; that of both sides for units without a side, halved where a side is asked."""
  index = blendshapes.INDEX
  if name in index:
    return source[index[name]] * (0.5 if side else 1.0)
  return source[index[name + side]] if side else source[index[name + 'Left']] + source[index[name + 'Right']]
