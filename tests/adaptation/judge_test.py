"""PSNR over the pixels that a recording shows, sharpness, and a score that a blurred picture does not win."""

import numpy as np
import scipy.ndimage

from seetalk_jax.adaptation import judge


def test_masked_psnr():
  recorded = np.full((8, 8, 3), 100, np.uint8)
  drawn = recorded.copy()
  drawn[:4] = 110
  drawn[4:] = 255
  mask = np.zeros((8, 8), bool)
  mask[:4] = True
  np.testing.assert_allclose(judge.masked_psnr(drawn, recorded, mask), 20 * np.log10(255 / 10), rtol=1e-6)
  assert judge.masked_psnr(recorded, recorded, mask) == 99.0


def test_of_two_pictures_with_equal_psnr_the_sharp_one_wins():
  noise = np.random.default_rng(0).normal(size=(64, 64, 3))
  recorded = as_pixels(128 + 25 * noise)
  blurred = as_pixels(scipy.ndimage.gaussian_filter(recorded.astype(float), (1.0, 1.0, 0)))
  error = np.sqrt(np.mean((blurred.astype(float) - recorded) ** 2))
  brighter = as_pixels(recorded + error)  # an error of the same size that keeps every edge
  mask = np.ones((64, 64), bool)
  of_blurred, of_brighter = (
    judge.figures_of([(drawn, recorded, mask), (drawn, recorded, mask)]) for drawn in (blurred, brighter)
  )
  assert abs(of_blurred.psnr - of_brighter.psnr) < 0.2
  assert of_blurred.sharpness < 0.2 and 0.95 < of_brighter.sharpness < 1.05
  np.testing.assert_allclose(of_brighter.score, of_brighter.psnr, atol=0.2)
  np.testing.assert_allclose(of_blurred.score, of_blurred.psnr + 2 * np.log2(of_blurred.sharpness))
  assert of_brighter.score > of_blurred.score + 4


def test_plain_pictures_have_a_score():
  plain = np.full((16, 16, 3), 100, np.uint8)
  figures = judge.figures_of([(plain, plain, np.ones((16, 16), bool))])
  assert figures == (99.0, 1.0) and figures.score == 99.0


def as_pixels(picture):
  return np.rint(np.clip(picture, 0, 255)).astype(np.uint8)
