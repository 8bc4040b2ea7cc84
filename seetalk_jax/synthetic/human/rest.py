"""Rest of a person: lips that touch and a head that faces the front, whatever the features of the face.

Features of the face open the lips of some people by up to 3 % of the face height, and tilt the faces of others by up
to 0.2 radians, as MediaPipe measures head pose. Coefficients and pose count from this rest.
"""

from __future__ import annotations

import functools

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.media import landmark_indices
from seetalk_jax.synthetic.human import landmark_file, mouth, rig
from seetalk_jax.synthetic.human import mesh as meshes

# Points of the right half and the middle that MediaPipe measures head pose by, with their weights; those of the left
# half mirror them. From the metadata of face_landmarker.task.
_POSE_POINTS = {
  **{
    4: 0.0709,
    6: 0.0321,
    10: 0.0084,
    33: 0.0587,
    54: 0.0077,
    67: 0.0091,
    117: 0.0098,
    119: 0.0146,
    121: 0.0186,
  },
  **{127: 0.0052, 129: 0.1206, 132: 0.0056, 133: 0.0533, 136: 0.0669, 143: 0.0148, 147: 0.0143, 198: 0.0255},
  205: 0.0473,
}
# Height of the upper over the lower lip's edge in the neutral mesh, decimeters.
_LIP_GAP = 0.006


def at_rest(shape: np.ndarray) -> np.ndarray:
  """A person whose lips touch, with teeth and tongue behind them, and whose face looks straight ahead.

  Args:
    shape: coarse vertices of a person, float32 `[u, 3]`, from `HeadMesh.shaped`.

  Returns:
    float32 `[u, 3]`; the chest stays.
  """
  shape = np.asarray(shape, np.float32)
  closing = meshes.load().units[blendshapes.INDEX['mouthClose']]
  shape = shape + (_LIP_GAP - lip_gap(shape)) / lip_gap(closing) * closing
  shape = mouth.placed(shape, _points(shape, landmark_indices.INNER_LIPS[:1])[0])
  share = np.asarray(rig.topology().turning)[: len(shape)]
  still = np.zeros(3, np.float32)
  pose = rig.Pose(np.float32([0, -facing_pitch(shape), 0]), still)
  return np.asarray(rig.turned(shape, pose, share), np.float32)


def lip_gap(shape: np.ndarray) -> float:
  """Height of the upper over the lower lip's edge in the middle of the mouth, of coarse vertices `[u, 3]`."""
  upper, lower = (_points(shape, (index,))[0, 1] for index in landmark_indices.INNER_LIPS)
  return float(upper - lower)


def facing_pitch(shape: np.ndarray) -> float:
  """Pitch of a face against the neutral mesh in radians, positive upwards, of coarse vertices `[u, 3]`.

  It is that of the rotation between their landmarks, with the points and weights of MediaPipe's head pose.
  """
  mirror = landmark_file.points().mirror
  weights = {index: weight for own, weight in _POSE_POINTS.items() for index in (own, int(mirror[own]))}
  indices, weight = tuple(weights), np.array(list(weights.values()))[:, None]
  weight = weight / weight.sum()
  own, neutral = _points(shape, indices), _points(meshes.load().vertices, indices)
  own, neutral = own - (weight * own).sum(0), neutral - (weight * neutral).sum(0)
  left, _, right = np.linalg.svd((weight * neutral).T @ own)
  rotation = (left @ right).T
  return float(np.arctan2(rotation[1, 2], rotation[2, 2]))


def _points(shape, indices):
  """Landmarks `[n, 3]` of coarse vertices."""
  return np.tensordot(_weights(indices), shape, 1)


@functools.cache
def _weights(indices):
  """Weights of the coarse vertices in landmarks, `[n, u]`."""
  return landmark_file.coarse_weights(indices, rig.fine_head())
