"""Picture measures: PSNR of known noise, regions, downsampling."""

import numpy as np
import pytest

from seetalk_jax.evaluation.measures import pictures


def test_psnr_of_known_noise():
  rng = np.random.default_rng(0)
  image = rng.integers(60, 190, (64, 64, 3)).astype(np.uint8)
  sign = rng.choice([-1, 1], image.shape)
  for size in (1, 5, 20):
    noisy = (image.astype(int) + size * sign).astype(np.uint8)
    assert pictures.psnr(image, noisy) == pytest.approx(20 * np.log10(255 / size), abs=1e-6)
  assert pictures.psnr(image, image) == np.inf


def test_psnr_counts_the_region_alone():
  image = np.full((32, 32, 3), 100, np.uint8)
  other = image.copy()
  other[:, 16:] = 200
  mask = np.zeros((32, 32), bool)
  mask[:, :16] = True
  assert pictures.psnr(image, other, mask) == np.inf
  assert pictures.psnr(image, other, ~mask) == pytest.approx(20 * np.log10(255 / 100))
  assert np.isnan(pictures.psnr(image, other, np.zeros((32, 32), bool)))


def test_psnr_refuses_floats():
  with pytest.raises(ValueError, match='uint8'):
    pictures.psnr(np.zeros((4, 4, 3)), np.zeros((4, 4, 3)))


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
