"""Landscapes: every view is drawn."""

import numpy as np
import pytest

from seetalk_jax.synthetic.human import backgrounds, landscapes, outdoors
from seetalk_jax.synthetic.human.environments import luma


@pytest.mark.parametrize('scenery', landscapes.VIEWS)
@pytest.mark.parametrize('blur', [0.01, 0.08])
def test_every_view_is_drawn(scenery, blur):
  for seed in range(4):
    place = outdoors.sample_outdoors(np.random.default_rng(seed), 'sunny')
    place.scenery = scenery
    rays = backgrounds.rays(12.0, 2.8, blur)
    seen = place.view(rays, np.random.default_rng(seed))
    assert seen.shape == (backgrounds.SIDE, backgrounds.SIDE, 3)
    assert np.isfinite(seen).all() and seen.min() >= 0 and luma(seen).max() > 0
    np.testing.assert_array_equal(seen, place.view(rays, np.random.default_rng(seed)))
