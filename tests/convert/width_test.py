"""Width multipliers: any width follows from the channels that it gives."""

import numpy as np
import pytest

from seetalk_jax.convert.width import common_width
from seetalk_jax.models.critics import i3d, inception
from seetalk_jax.models.nn.blocks import scaled_channels


@pytest.mark.parametrize('network', [inception, i3d])
def test_any_width_follows_from_its_channels(network):
  published = list(network.layer_channels().values())
  for width in [1.0, 0.0625, 0.001, 2.0, *np.random.default_rng(0).uniform(0.01, 2.5, 2000)]:
    channels = [scaled_channels(c, width) for c in published]
    found = common_width(zip(channels, published, strict=True))
    assert [scaled_channels(c, found) for c in published] == channels, width
    if width in (1.0, 2.0, 0.0625):
      assert found == width


def test_one_wrong_layer_leaves_the_width_to_the_widest():
  assert common_width([(16, 32), (5, 64), (96, 192)]) == 0.5
  with pytest.raises(ValueError, match='got none'):
    common_width([])
