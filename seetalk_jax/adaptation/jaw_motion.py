"""Opening of the jaw in a photo: what lies below the line between the lips turns about an axis through the ears."""

from __future__ import annotations

import numpy as np
from scipy.spatial import transform

from seetalk_jax.media import landmark_indices as indices

# Angle of a coefficient jawOpen of 1, in radians: the lips are then 10 to 15 % of the side of a portrait crop apart.
_ANGLE = 0.4
# Height over which the share of the jaw rises, relative to the side: in the mouth, where the lips part, and its growth
# with the distance from the corners of the mouth, for the cheeks.
_AT_LIPS, _GROWTH = 0.01, 1.0
_CORNERS = (indices.INNER_LIP_CONTOUR[0], indices.INNER_LIP_CONTOUR[10])
_UPPER, _LOWER = indices.INNER_LIP_CONTOUR[1:10], indices.INNER_LIP_CONTOUR[:10:-1]


def shares(landmarks: np.ndarray, places: np.ndarray) -> np.ndarray:
  """Share of the jaw's motion at places of a photo: 0 above the line between the lips, 1 below.

  Args:
    landmarks: `[478, 2]`, x to the right and y down, relative to the side.
    places: `[..., 2]`, in the same units.

  Returns:
    `[..., 1]`, 0 to 1.
  """
  right, left = landmarks[list(_CORNERS)]
  along = (left - right) / max(float(np.linalg.norm(left - right)), 1e-6)
  axes = np.stack([along, (-along[1], along[0])], axis=1)  # to the person's left, and down

  def in_mouth(points):
    return (points - right) @ axes

  line = in_mouth(0.5 * (landmarks[list(_UPPER)] + landmarks[list(_LOWER)]))
  width = in_mouth(left)[0]
  line = np.concatenate([[(0.0, 0.0)], line[np.argsort(line[:, 0])], [(width, 0.0)]])
  across, down = np.moveaxis(in_mouth(places), -1, 0)
  below = down - np.interp(across, *line.T)
  beside = np.maximum(np.maximum(-across, across - width), 0.0)
  share = np.clip(0.5 + below / (_AT_LIPS + _GROWTH * beside), 0.0, 1.0)
  return (share * share * (3 - 2 * share))[..., None]


def landmark_shares(landmarks: np.ndarray) -> np.ndarray:
  """`shares` of the landmarks themselves, `[478, 1]`; lips that touch go apart."""
  result = shares(landmarks, landmarks)
  result[list(_UPPER)], result[list(_LOWER)] = 0.0, 1.0
  return result


def opened(
  points: np.ndarray, share: np.ndarray, hinge: np.ndarray, axis: np.ndarray, change: float
) -> np.ndarray:
  """Where points go as the jaw opens.

  Args:
    points: `[..., 3]`, x to the right, y up and z to the camera.
    share: `[..., 1]`, from `shares`.
    hinge, axis: `[3]` each: a point between the ears, and the direction to the viewer's right ear.
    change: change of the coefficient jawOpen; positive opens.
  """
  turn = transform.Rotation.from_rotvec(_ANGLE * change * axis)
  turned = turn.apply((points - hinge).reshape(-1, 3)).reshape(points.shape) + hinge
  return points + share * (turned - points)
