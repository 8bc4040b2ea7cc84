"""PSNR of pictures: known noise, masks, refused types."""

import numpy as np
import pytest

from seetalk_jax.media.psnr import psnr


def test_psnr_of_known_noise():
  rng = np.random.default_rng(0)
  image = rng.integers(60, 190, (64, 64, 3)).astype(np.uint8)
  sign = rng.choice([-1, 1], image.shape)
  for size in (1, 5, 20):
    noisy = (image.astype(int) + size * sign).astype(np.uint8)
    assert psnr(image, noisy) == pytest.approx(20 * np.log10(255 / size), abs=1e-6)
  assert psnr(image, image) == np.inf


def test_psnr_counts_the_region_alone():
  image = np.full((32, 32, 3), 100, np.uint8)
  other = image.copy()
  other[:, 16:] = 200
  mask = np.zeros((32, 32), bool)
  mask[:, :16] = True
  assert psnr(image, other, mask) == np.inf
  assert psnr(image, other, ~mask) == pytest.approx(20 * np.log10(255 / 100))
  assert np.isnan(psnr(image, other, np.zeros((32, 32), bool)))


def test_psnr_refuses_floats():
  with pytest.raises(ValueError, match='uint8'):
    psnr(np.zeros((4, 4, 3)), np.zeros((4, 4, 3)))
