"""Unit vectors and smooth steps."""

import jax
import numpy as np

from seetalk_jax.synthetic.human import vectors


def test_vectors_have_length_one_along_the_axis_and_zero_stays_zero():
  rows = np.float32([[3, 0, 4], [0, 0, 0], [0, -2, 0]])
  wanted = np.float32([[0.6, 0, 0.8], [0, 0, 0], [0, -1, 0]])
  np.testing.assert_allclose(vectors.unit(rows), wanted, rtol=1e-6)
  np.testing.assert_allclose(vectors.unit(rows.T, 0), wanted.T, rtol=1e-6)


def test_the_gradient_of_a_vector_of_length_zero_is_finite():
  rows = np.float32([[0, 0, 0], [3, 0, 4]])
  gradient = jax.grad(lambda v: (vectors.unit(v) * np.float32([1, 2, 3])).sum())(rows)
  assert np.isfinite(gradient).all()
  np.testing.assert_allclose(gradient[1], [-0.16, 0.4, 0.12], rtol=1e-5)


def test_a_smooth_step_rises_or_falls_between_its_ends():
  at = np.float32([-1, 0, 0.25, 0.5, 1, 2])
  rising = vectors.smoothstep(at, 0.0, 1.0)
  np.testing.assert_allclose(rising, [0, 0, 0.15625, 0.5, 1, 1])
  np.testing.assert_allclose(vectors.smoothstep(at, 1.0, 0.0), 1 - rising)
  assert isinstance(rising, np.ndarray) and rising.dtype == np.float32


def test_directions_are_spread_evenly_from_the_top_to_the_lowest():
  found = vectors.fibonacci_sphere(500, -0.5)
  np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
  assert -0.5 < found[:, 1].min() < -0.49 and found[:, 1].max() > 0.99
  # Of a band between -0.5 and 1, the mean height is 0.25; the sides cancel.
  np.testing.assert_allclose(found.mean(0), [0, 0.25, 0], atol=0.01)
  nearest = np.sort(found @ found.T, axis=1)[:, -2]
  apart = np.sqrt(3 * np.pi / 500)  # of a square with an equal share of the area
  assert np.arccos(nearest).min() > 0.7 * apart
