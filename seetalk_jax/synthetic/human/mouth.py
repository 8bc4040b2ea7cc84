"""Teeth and tongue of a person: their places behind the lips.

The source's teeth keep their place when features of the face move the lips. They lie too high and too deep to be seen
behind an open mouth, and the tongue fills it.
"""

from __future__ import annotations

import functools

import numpy as np

from seetalk_jax.synthetic.human import mesh as meshes
from seetalk_jax.synthetic.human.mesh import MeshPart

# All lengths are decimeters.
# Edge of the upper incisors below and behind the edge of the upper lip at rest.
TEETH_BELOW_LIP, _BEHIND_LIP = 0.056, 0.075
# Edge of the lower incisors above and behind that of the upper ones.
_OVERLAP, _OVERJET = 0.026, 0.035
# The lower teeth are this much narrower than the source's, whose gums would show through smiling cheeks.
_LOWER_WIDTH = 0.94
# The source's chewing surfaces rise towards the back; this slope is removed.
_RISE = 0.15
# The tongue above the floor of the mouth is made lower and narrower, and lies behind the lower teeth.
_FLOOR_BELOW_EDGE = 0.19
_TONGUE_HEIGHT, _TONGUE_WIDTH, _TONGUE_BACK = 0.38, 0.9, 0.03


def placed(shape: np.ndarray, lip: np.ndarray) -> np.ndarray:
  """A person with teeth and tongue behind the lips.

  Args:
    shape: coarse vertices of a person at rest, `[u, 3]`, with lips that touch.
    lip: middle of the edge of the upper lip, `[3]`.

  Returns:
    `[u, 3]`; the skin and the eyes stay.
  """
  shape = shape.copy()
  parts = meshes.load().parts
  upper, lower, tongue = (
    parts == part for part in (MeshPart.UPPER_TEETH, MeshPart.LOWER_TEETH, MeshPart.TONGUE)
  )
  upper_edge, lower_edge = (shape[vertex] for vertex in _incisors())
  goal = np.array([upper_edge[0], lip[1] - TEETH_BELOW_LIP, lip[2] - _BEHIND_LIP])
  lower_goal = goal + (0, _OVERLAP, -_OVERJET)
  points = shape[tongue] - lower_edge
  height = np.maximum(points[:, 1] + _FLOOR_BELOW_EDGE, 0)
  points[:, 1] -= (1 - _TONGUE_HEIGHT) * height
  shape[tongue] = lower_goal + points * (_TONGUE_WIDTH, 1, 1) - (0, 0, _TONGUE_BACK)
  for own, edge, wanted, wide in (
    (upper, upper_edge, goal, 1.0),
    (lower, lower_edge, lower_goal, _LOWER_WIDTH),
  ):
    points = (shape[own] - edge) * (wide, 1, 1)
    points[:, 1] += _RISE * np.minimum(points[:, 2], 0)
    shape[own] = wanted + points
  return shape.astype(np.float32)


@functools.cache
def _incisors():
  """Vertices in the middle of the edges of the upper and the lower incisors."""
  head = meshes.load()
  found = []
  for part, sign in ((MeshPart.UPPER_TEETH, 1), (MeshPart.LOWER_TEETH, -1)):
    own = np.flatnonzero((head.parts == part) & (np.abs(head.vertices[:, 0]) < 0.01))
    front = own[head.vertices[own, 2] > head.vertices[own, 2].max() - 0.06]
    found.append(int(front[(sign * head.vertices[front, 1]).argmin()]))
  return tuple(found)
