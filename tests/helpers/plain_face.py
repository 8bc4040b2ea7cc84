"""Landmarks of a face that is an ellipse in the picture and a paraboloid in depth, and a reader that finds it."""

from __future__ import annotations

import contextlib

import numpy as np

from seetalk_jax.media import face
from seetalk_jax.media import landmark_indices as indices

CENTER, HALF = np.array([0.5, 0.53]), np.array([0.18, 0.29])
DEPTH = 0.2  # from the border of the face to its middle


def _ellipse(count, x, y, half_x, half_y, first):
  """Points on an ellipse in units of the face, by the clock from the angle `first` (0: up)."""
  angles = first + 2 * np.pi * np.arange(count) / count
  return np.stack([x + half_x * np.sin(angles), y - half_y * np.cos(angles)], axis=1)


def landmarks() -> np.ndarray:
  """Landmarks float32 `[478, 2]`, relative to the side of a portrait crop."""
  angles, radii = 2.4 * np.arange(face.NUM_LANDMARKS), np.sqrt((np.arange(face.NUM_LANDMARKS) + 0.5) / 478)
  points = 0.95 * np.stack([radii * np.sin(angles), radii * np.cos(angles)], axis=1)
  points[list(indices.FACE_OUTLINE)] = _ellipse(36, 0, 0, 1, 1, 0)
  for contour, x in ((indices.RIGHT_EYE_CONTOUR, -0.4), (indices.LEFT_EYE_CONTOUR, 0.4)):
    points[list(contour)] = _ellipse(16, x, -0.3, 0.2, 0.06, np.sign(x) * np.pi / 2)
  for contour, size in ((indices.OUTER_LIP_CONTOUR, 1.0), (indices.INNER_LIP_CONTOUR, 0.6)):
    points[list(contour)] = _ellipse(20, 0, 0.5, 0.35 * size, 0.12 * size, -np.pi / 2)
  return (CENTER + HALF * points).astype(np.float32)


def depths(points: np.ndarray) -> np.ndarray:
  """Depths of landmarks `[478, 2]`, smaller is closer to the camera, float32 `[478]`."""
  radii = np.linalg.norm((points - CENTER) / HALF, axis=1)
  return (-DEPTH * (1 - radii**2)).astype(np.float32)


def read(pixels: np.ndarray) -> face.FaceReading:
  """Finds the face in every picture, at rest and from the front."""
  del pixels
  points = landmarks()
  scores, pose = np.zeros((1, 52), np.float32), np.eye(4, dtype=np.float32)[None]
  return face.FaceReading(points[None], scores, pose, depths(points)[None])


def use(monkeypatch) -> None:
  """Replaces MediaPipe by `read` in this process."""
  monkeypatch.setattr(face, 'open_face_reader', lambda path: contextlib.nullcontext(read))
  monkeypatch.setattr(face, 'landmarker_file', lambda path=None, can_be_aligned=True: 'model')


def use_none(monkeypatch) -> None:
  """No landmarker in this process."""
  monkeypatch.delenv(face.LANDMARKER_VARIABLE, raising=False)
