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

# Factor of a unit; names without a side stand for both. In brackets: MediaPipe's mean score for 1 without the gain.
GAINS = {
  'browInnerUp': 1.7,  # (0.44)
  'browDown': 1.7,  # (0.31)
  'mouthSmile': 1.25,  # (0.76; 0.3 for 0.5)
  'mouthPucker': 1.5,  # (0.69; 0.11 for thin lips)
  'mouthFunnel': 1.3,  # (0.15)
  'mouthDimple': 0.6,  # read as a smile of 0.6
  'noseSneer': 2.0,  # not visible without the gain; MediaPipe never scores it
}
# Units that take part of others, in strengths of the source's units. Lips of a funnel are drawn in and turned out;
# the source's funnel leaves thin closed corners.
MIXES = {'mouthFunnel': {'mouthPucker': 0.4, 'mouthShrugUpper': 0.4}}
# Real eyes turn by 20 to 30 degrees at 1; those of the source by 10 to 15. Lids keep the source's displacements.
GAZE_GAIN = 1.5


def units(head: meshes.HeadMesh) -> np.ndarray:
  """Displacements of the coarse vertices for coefficient 1, float32 `[52, v, 3]`, decimeters."""
  source = head.units
  result = source.copy()
  for index, name in enumerate(blendshapes.NAMES):
    plain = name.removesuffix('Left').removesuffix('Right')
    result[index] *= GAINS.get(plain, 1.0)
    for other, share in MIXES.get(name, {}).items():
      result[index] += np.float32(share) * source[blendshapes.INDEX[other]]
  eyes = np.flatnonzero(np.isin(head.parts, [MeshPart.LEFT_EYE, MeshPart.RIGHT_EYE]))
  looks = [index for index, name in enumerate(blendshapes.NAMES) if name.startswith('eyeLook')]
  result[np.ix_(looks, eyes)] *= GAZE_GAIN
  return result
