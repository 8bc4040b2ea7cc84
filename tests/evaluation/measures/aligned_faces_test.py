"""Aligned faces: the similarity is exact, and a rotated, scaled and shifted face gives the same crop."""

import numpy as np
import pytest
from template_faces import landmarks

from seetalk_jax.evaluation.measures import aligned_faces
from seetalk_jax.evaluation.measures.aligned_faces import SIDE, TEMPLATE


def turned(points, degrees, scale, shift):
  angle = np.radians(degrees)
  turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
  return points @ turn.T + shift


@pytest.mark.parametrize('degrees, scale', [(0, 1.0), (30, 2.0), (-70, 0.5), (170, 1.3)])
def test_a_similarity_is_found_exactly(degrees, scale):
  points = np.random.default_rng(0).uniform(0, 100, (5, 2))
  matrix = aligned_faces.similarity(points, turned(points, degrees, scale, (3.0, -8.0)))
  expected = turned(points, degrees, scale, (3.0, -8.0))
  np.testing.assert_allclose(points @ matrix[:, :2].T + matrix[:, 2], expected, atol=1e-9)
  assert np.linalg.det(matrix[:, :2]) == pytest.approx(scale**2)  # no reflection


def test_five_points_of_the_template_are_themselves():
  np.testing.assert_allclose(aligned_faces.five_points(landmarks(TEMPLATE)[None])[0], TEMPLATE)


@pytest.mark.parametrize('degrees, scale, shift', [(0, 1.5, (60, 40)), (25, 1.8, (110, 20))])
def test_crops_of_a_moved_face_are_alike(degrees, scale, shift):
  """Of a smooth picture that moves with the face."""

  def picture(matrix, size):
    places = np.stack(np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5), axis=-1)
    x, y = np.moveaxis(places @ matrix[:, :2].T + matrix[:, 2], -1, 0)
    return np.stack([127 + 100 * np.sin(x / 20), 127 + 100 * np.cos(y / 15), 127 + 0 * x], axis=-1).astype(
      np.uint8
    )

  places = turned(TEMPLATE, degrees, scale, shift)
  frame = picture(aligned_faces.similarity(places, TEMPLATE), 320)
  crop = aligned_faces.aligned_crop(frame, landmarks(places))
  direct = picture(np.array([[1.0, 0, 0], [0, 1, 0]]), SIDE)
  inside = np.s_[8:-8, 8:-8]
  assert crop.shape == (SIDE, SIDE, 3)
  assert np.abs(crop[inside].astype(int) - direct[inside]).max() <= 6
