"""Outdoors: light of sun and sky, brightness of the view."""

import numpy as np
import pytest

from seetalk_jax.synthetic.human import backgrounds, environments, outdoors
from seetalk_jax.synthetic.human.environments import luma


def sampled(weather, seed=0):
  return outdoors.sample_outdoors(np.random.default_rng(seed), weather)


@pytest.mark.parametrize('weather', outdoors.WEATHERS)
def test_the_view_is_as_bright_as_the_place(weather):
  """The median of the view lies between a hundredth and ten times of what a gray card shows."""
  for seed in range(6):
    place = sampled(weather, seed)
    seen = place.view(backgrounds.rays(12.0, 2.8, 0.03), np.random.default_rng(seed))
    card = 0.18 * luma(place.facing())
    assert 0.01 * card < np.median(luma(seen)) < 10 * card + 0.1


def test_the_sky_is_above_and_the_ground_below():
  place = sampled('overcast', 3)
  place.blocks = []
  radiance = luma(place.radiance())
  up, down = environments.sphere()[:, 1] > 0.3, environments.sphere()[:, 1] < -0.3
  assert radiance[up].mean() > radiance[down].mean()
  np.testing.assert_allclose(radiance[down], luma(place.ground * place.upward()), rtol=1e-3)


def test_only_sunny_weather_has_a_sun():
  assert [len(sampled(w).sources()) for w in ('sunny', 'hazy', 'golden', 'shade', 'overcast')] == [
    1,
    1,
    1,
    0,
    0,
  ]
  assert len(sampled('night').sources()) >= 2
