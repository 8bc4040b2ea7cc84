"""Picture measures: SSIM by its definition, regions and downsampling."""

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


def test_ssim_is_the_mean_over_windows_within_the_picture():
  """Compared with a loop over the windows of 11 x 11 pixels (Wang et al. 2004, equations 13 to 17)."""
  rng = np.random.default_rng(0)
  one = rng.integers(0, 256, (14, 18, 3)).astype(np.uint8)
  other = np.clip(one + rng.normal(0, 30, one.shape), 0, 255).astype(np.uint8)
  bell = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
  weights = np.outer(bell, bell) / bell.sum() ** 2
  values = []
  for y in range(14 - 10):
    for x in range(18 - 10):
      for channel in range(3):
        a, b = (picture[y : y + 11, x : x + 11, channel].astype(float) for picture in (one, other))
        mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
        of_a, of_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
        both = (weights * (a - mean_a) * (b - mean_b)).sum()
        c1, c2 = 6.5025, 58.5225
        top, bottom = (2 * mean_a * mean_b + c1) * (2 * both + c2), (mean_a**2 + mean_b**2 + c1)
        values.append(top / (bottom * (of_a + of_b + c2)))
  assert pictures.ssim(one, other) == pytest.approx(np.mean(values), rel=1e-9)
  mask = np.zeros((14, 18), bool)
  mask[7, 9] = True
  assert pictures.ssim(one, other, mask) == pytest.approx(
    np.mean(np.reshape(values, (4, 8, 3))[2, 4]), rel=1e-9
  )
  with pytest.raises(ValueError, match='11 pixels a side'):
    pictures.ssim(one[:10], other[:10])
