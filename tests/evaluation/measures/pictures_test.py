"""Picture measures: regions and downsampling."""

import numpy as np
import pytest

from seetalk_jax.evaluation.measures import pictures


def test_grow_mask_and_halve_keep_place():
  mask = np.zeros((4, 4), bool)
  mask[1, 2] = True
  grown = pictures.grow_mask(mask, 16)
  assert grown.sum() == 16
  assert grown[4:8, 8:12].all()
  image = np.zeros((16, 16, 3), np.uint8)
  image[grown] = 200
  small = pictures.halve(image, 4)
  assert small.shape == (4, 4, 3)
  assert small[1, 2, 0] == 200
  assert small.sum() == 600
  with pytest.raises(ValueError, match='multiple'):
    pictures.halve(image, 5)


def test_mean_colour_of_a_small_region_is_nan():
  image = np.full((64, 64, 3), 51, np.uint8)
  mask = np.zeros((64, 64), bool)
  assert np.isnan(pictures.mean_colour(image, mask)).all()
  mask[:8] = True
  np.testing.assert_allclose(pictures.mean_colour(image, mask), 0.2, atol=1e-6)
