"""Signed distances and noise: known distances, bounds of blends, continuity."""

import numpy as np
import pytest

from seetalk_jax.synthetic.head import sdf


def points(count=200, seed=0):
  return np.random.default_rng(seed).uniform(-2, 2, (3, count)).astype(np.float32)


def test_smooth_minimum_and_maximum_are_the_plain_ones_far_from_the_crease():
  a, b, _ = points()
  low, high = np.minimum(a, b), np.maximum(a, b)
  far = np.abs(a - b) >= 0.3
  np.testing.assert_allclose(np.asarray(sdf.smin(a, b, 0.3))[far], low[far], atol=1e-6)
  assert (np.asarray(sdf.smin(a, b, 0.3)) <= low + 1e-6).all()
  np.testing.assert_allclose(sdf.smin(a, a, 0.3), a - 0.3 / 4, atol=1e-6)
  np.testing.assert_allclose(sdf.smax(a, b, 0.3), -np.asarray(sdf.smin(-a, -b, 0.3)), atol=1e-6)
  assert (np.asarray(sdf.smax(a, b, 0.3)) >= high - 1e-6).all()


def test_a_sphere_has_its_distance():
  x, y, z = points()
  distance = np.sqrt(x**2 + y**2 + z**2) - 0.8
  np.testing.assert_allclose(sdf.ellipsoid(x, y, z, 0.8, 0.8, 0.8), distance, atol=1e-4)
  np.testing.assert_allclose(sdf.round_cone(x, y, z, (0, 0, 0), (1e-3, 0, 0), 0.8, 0.8), distance, atol=2e-3)


def test_an_ellipsoid_is_zero_on_its_surface():
  x, y, z = points()
  norm = np.sqrt(x**2 + y**2 + z**2)
  radii = 0.5, 1.0, 0.7
  on = [radius * part / norm for radius, part in zip(radii, (x, y, z), strict=True)]
  np.testing.assert_allclose(sdf.ellipsoid(*on, *radii), 0, atol=1e-5)
  assert (np.asarray(sdf.ellipsoid(*(0.9 * part for part in on), *radii)) < 0).all()
  assert (np.asarray(sdf.ellipsoid(*(1.1 * part for part in on), *radii)) > 0).all()


def test_a_capsule_changes_its_radius_along_its_axis():
  x = np.array([0.0, 1.0, 2.0, 3.0], np.float32)
  one = np.ones(4, np.float32)
  distance = sdf.round_cone(x, one, 0 * one, (0, 0, 0), (2, 0, 0), 0.2, 0.6)
  np.testing.assert_allclose(distance, [1 - 0.2, 1 - 0.4, 1 - 0.6, np.sqrt(2) - 0.6], atol=1e-6)


def test_bumps_are_1_in_the_middle_and_0_outside():
  assert sdf.bump(0.0, 0.0, 0.0, 1, 2, 3) == sdf.bump2(0.0, 0.0, 1, 2) == 1
  assert sdf.bump(0.5, 2.5, 0.0, 1, 2, 3) == sdf.bump2(0.0, 2.1, 1, 2) == 0


def test_steps_and_waves():
  np.testing.assert_allclose(sdf.smoothstep(1.0, 3.0, np.array([0.0, 1.0, 2.0, 3.0, 9.0])), [0, 0, 0.5, 1, 1])
  np.testing.assert_allclose(sdf.ripple(np.array([0.0, 0.5, 1.5])), [-1, 1, 1])


@pytest.mark.parametrize('noise', [sdf.noise1, lambda x: sdf.noise2(x, 0.4 * x)])
def test_noise_is_continuous_and_uniform_enough(noise):
  x = np.linspace(-20, 20, 8001, dtype=np.float32)
  values = np.asarray(noise(x))
  assert 0 <= values.min() < 0.2 and 0.8 < values.max() <= 1
  assert np.abs(np.diff(values)).max() < 0.03  # also where cells meet
