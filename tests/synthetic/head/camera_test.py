"""Camera of the portrait crop: places of eyes and chin, rays that project to where they came from."""

import numpy as np
import pytest

from seetalk_jax.synthetic.head import camera

EYE, CHIN = (0.3, 0.4), (-0.7, 0.55)  # height and depth, head units


def test_eyes_and_chin_are_where_the_crop_puts_them():
  placed = camera.place_camera(*EYE, *CHIN)
  np.testing.assert_allclose(camera.project(placed, 0.0, *EYE), (0.5, camera.EYE_LINE), atol=1e-6)
  _, chin = camera.project(placed, 0.0, *CHIN)
  assert chin - camera.EYE_LINE == pytest.approx(1 / camera.SIDE_IN_EYE_CHIN, abs=1e-6)
  right, _ = camera.project(placed, 0.2, *EYE)
  assert right > 0.5


def test_points_along_a_ray_project_to_its_place():
  placed = camera.place_camera(*EYE, *CHIN)
  u, v = np.random.default_rng(0).uniform(0, 1, (2, 50)).astype(np.float32)
  origin, direction = camera.rays_at(placed, u, v)
  np.testing.assert_allclose(sum(np.square(part) for part in direction), 1, atol=1e-5)
  for length in (4.0, 6.5, 7.0):
    point = [start + length * part for start, part in zip(origin, direction, strict=True)]
    np.testing.assert_allclose(camera.project(placed, *point), (u, v), atol=1e-4)
