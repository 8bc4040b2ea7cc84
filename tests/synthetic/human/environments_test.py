"""Environments: projection, key lights, readable faces, color temperature."""

import numpy as np
import pytest

from seetalk_jax.synthetic.human import environments, light
from seetalk_jax.synthetic.human.environments import Source, luma, towards

NORMALS = environments.unit(np.random.default_rng(0).standard_normal((40, 3)))
NO_LIGHT = np.zeros((environments.NUM_DIRECTIONS, 3), np.float32)


def test_the_projection_gives_the_irradiance_of_a_known_radiance():
  """Radiance a + b y gives irradiance pi a + 2/3 pi b n_y."""
  a, b = np.array([0.5, 1.0, 2.0]), np.array([0.3, -0.2, 0.1])
  harmonics = environments.project(a + b * environments.sphere()[:, 1:2])
  expected = a + 2 / 3 * b * NORMALS[:, 1:2]
  np.testing.assert_allclose(light.irradiance(harmonics, NORMALS), expected, rtol=2e-3)


def test_the_projection_of_half_a_sky_is_near_the_integral():
  """Radiance 1 above, 0 below: irradiance over pi (1 + n_y) / 2, which degree 2 holds exactly."""
  harmonics = environments.project((environments.sphere()[:, 1:2] > 0) * np.ones(3))
  expected = np.tile((1 + NORMALS[:, 1:2]) / 2, (1, 3))
  np.testing.assert_allclose(light.irradiance(harmonics, NORMALS), expected, atol=0.01)


@pytest.mark.parametrize('radius', [0.001, 0.2, 0.6])
def test_a_source_lights_a_facing_surface_with_its_color(radius):
  source = Source(towards(40, 20), np.array([1.0, 0.5, 0.25]), radius)
  radiance = NO_LIGHT.copy()
  environments.add_source(radiance, source)
  cosine = np.maximum(environments.sphere() @ source.direction, 0)
  irradiance = 4 * cosine @ radiance / len(radiance)
  np.testing.assert_allclose(irradiance, source.color * (1 + np.cos(radius)) / 2, rtol=0.06)


def test_strong_sources_become_key_lights_and_all_light_is_kept():
  sources = [
    Source(towards(a, 20), np.full(3, c), 0.5) for a, c in ((0, 0.4), (50, 1.0), (-50, 0.5), (20, 0.1))
  ]
  found = environments.environment(NO_LIGHT, sources, fill=0.0)
  assert found.directions.shape == found.colors.shape == (3, 3)
  np.testing.assert_allclose(found.directions[0], sources[1].direction, atol=1e-6)
  total = sum(s.color * max(s.direction[2], 0) for s in sources)
  np.testing.assert_allclose(found.irradiance(np.array([[0, 0, 1.0]]))[0], total, rtol=0.12)


def test_absent_key_lights_are_black():
  found = environments.environment(NO_LIGHT + 1, [Source(towards(0, 0), np.ones(3), 0.1)])
  assert (found.colors[1:] == 0).all() and (found.colors[0] > 0).all()


@pytest.mark.parametrize('azimuth', [90, -90, 150, 180])
def test_both_cheeks_are_readable_in_light_from_the_side_and_from_behind(azimuth):
  found = environments.environment(NO_LIGHT, [Source(towards(azimuth, 10), np.ones(3), 0.1)], fill=0.2)
  left, right, front = luma(found.irradiance(environments.unit([[0.8, 0, 0.6], [-0.8, 0, 0.6], [0, 0, 1]])))
  assert min(left, right, front) > 0.15 * max(left, right, front) > 0
  if azimuth > 120:
    assert luma(found.colors).max() < 8 * front


def test_color_temperatures():
  white, warm, cold = (environments.temperature(kelvin) for kelvin in (6500, 2700, 12000))
  np.testing.assert_allclose(white, 1, atol=0.08)
  assert warm[0] > 1.3 and warm[2] < 0.4 and cold[2] > 1.3 > 1 > cold[0]
  green = environments.temperature(4000, 0.15)
  plain = environments.temperature(4000)
  assert green[1] / green[0] > plain[1] / plain[0]
  for kelvin in (1500, 3000, 20000):
    np.testing.assert_allclose(luma(environments.temperature(kelvin)), 1, rtol=1e-5)
