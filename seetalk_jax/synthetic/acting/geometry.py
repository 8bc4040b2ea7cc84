"""Geometry of the head mesh that acting depends on: angles of the eyes and heights of the lips for each coefficient.

All values are measured on the mesh with the displacements of `human.units`, so that they follow changes of those.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.media import landmark_indices
from seetalk_jax.synthetic.human import landmark_file, subdivision, units
from seetalk_jax.synthetic.human import mesh as meshes
from seetalk_jax.synthetic.human.mesh import MeshPart

_EYES = (('Left', MeshPart.LEFT_EYE), ('Right', MeshPart.RIGHT_EYE))
_LOOKS = ('eyeLookUp', 'eyeLookDown', 'eyeLookIn', 'eyeLookOut')


class Lips(NamedTuple):
  """Middle of the inner lips of the neutral mesh, decimeters; heights are linear in the coefficients.

  Attributes:
    upper: rise of the lower edge of the upper lip for each coefficient of 1, `[52]`.
    lower: rise of the upper edge of the lower lip, `[52]`.
    opening: of the neutral mouth.
    face_height: distance of the top of the forehead and the bottom of the chin, `landmark_indices.FACE_ENDS`.
  """

  upper: np.ndarray
  lower: np.ndarray
  opening: float
  face_height: float


@functools.cache
def look_angles() -> dict[str, float]:
  """Angles in radians that the eyes turn by for eyeLookUp, Down, In and Out of 1; the mean of both eyes."""
  head = meshes.load()
  displacements = units.units(head)
  angles = dict.fromkeys(_LOOKS, 0.0)
  for side, part in _EYES:
    eye = head.parts == part
    for name in _LOOKS:
      moved = head.vertices[eye] + displacements[blendshapes.INDEX[name + side]][eye]
      angles[name] += _turn(head.vertices[eye], moved) / len(_EYES)
  return angles


def _turn(points: np.ndarray, moved: np.ndarray) -> float:
  """Angle in radians of the rotation that brings points nearest to moved ones, both `[n, 3]`."""
  left, _, right = np.linalg.svd((points - points.mean(0)).T @ (moved - moved.mean(0)))
  rotation = left @ right
  return float(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1)))


@functools.cache
def lips() -> Lips:
  """Heights of the lips at the landmarks by which the opening of mouths is measured."""
  head = meshes.load()
  # Not the fine head of `human.rig`, which needs JAX.
  fine = subdivision.subdivide(head)
  weights = landmark_file.coarse_weights((*landmark_indices.INNER_LIPS, *landmark_indices.FACE_ENDS), fine)
  upper, lower, top, bottom = weights @ head.vertices
  rises = np.einsum('pv,uv->pu', weights[:2], units.units(head)[:, :, 1]).astype(np.float64)
  return Lips(*rises, float(upper[1] - lower[1]), float(np.linalg.norm(top - bottom)))
