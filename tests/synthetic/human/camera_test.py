"""Camera: projection to samples."""

import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic.human.camera import Camera

CAMERA = Camera(jnp.asarray([0.0, 7.0, 1.0]), 3.0, 12.0)


def test_the_center_is_in_the_middle_and_the_height_spans_the_picture():
  points = CAMERA.center + jnp.asarray([[0, 0, 0], [0, 1.5, 0], [0, -1.5, 0], [1.5, 0, 0]])
  positions, depths = CAMERA.project(points, 64)
  np.testing.assert_allclose(positions, [[32, 32], [32, 0], [32, 64], [64, 32]], atol=1e-4)
  np.testing.assert_allclose(depths, 0.5)


def test_what_is_nearer_is_larger_and_less_deep():
  points = CAMERA.center + jnp.asarray([[0.5, 0, 1.0], [0.5, 0, -1.0]])
  (near, far), depths = CAMERA.project(points, 100)
  assert near[0] > far[0] > 50 and depths[0] < depths[1]
  # Similar triangles, with the eye at the camera's position.
  away = CAMERA.position[2] - points[:, 2]
  np.testing.assert_allclose(jnp.stack([near, far])[:, 0], 50 + 0.5 * 12 / away * 100 / 3, rtol=1e-5)


def test_a_long_lens_flattens():
  points = jnp.asarray([[0.5, 7.0, 2.0], [0.5, 7.0, 0.0]])
  spread = [np.diff(CAMERA._replace(distance=d).project(points, 100)[0][:, 0])[0] for d in (8.0, 25.0)]
  assert abs(spread[0]) > 2 * abs(spread[1])
