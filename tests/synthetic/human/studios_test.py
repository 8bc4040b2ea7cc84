"""Studios: every arrangement of lamps, backdrops."""

import numpy as np

from seetalk_jax.synthetic.human import backgrounds, environments, studios


def test_every_setup_and_pattern_is_drawn():
  patterns = set()
  rays = backgrounds.rays(12.0, 2.8, 0.03)
  for seed in range(40):
    studio = studios.sample_studio(np.random.default_rng(seed))
    patterns.add(studio.pattern)
    seen = studio.view(rays, np.random.default_rng(seed))
    assert (
      seen.shape == (backgrounds.SIDE, backgrounds.SIDE, 3) and np.isfinite(seen).all() and seen.min() >= 0
    )
    assert environments.luma(studio.sources()[0].color) > 0.3
  assert patterns == {'even', 'spot', 'slope', 'mottled', 'two colors'}


def test_the_main_lamp_stands_before_the_person_and_rims_behind():
  for name, lamps in studios.SETUPS.items():
    assert abs(lamps[0][0]) <= 90, name
  rim = [environments.towards(azimuth, elevation)[2] for azimuth, elevation, *_ in studios.SETUPS['rim']]
  assert rim[0] > 0 > max(rim[1:])
