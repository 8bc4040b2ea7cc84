"""Variance of the Laplacian: zero for a ramp, smaller after a blur, and only under the mask."""

import numpy as np

from seetalk_jax.media import laplacian


def test_variance():
  ramp = np.add.outer(np.arange(8.0), 2 * np.arange(8.0))
  assert laplacian.variance(ramp) == 0.0
  sharp = 255.0 * (np.indices((8, 8)).sum(axis=0) % 2)
  blurred = 0.25 * (sharp + np.roll(sharp, 1, 0) + np.roll(sharp, 1, 1) + np.roll(sharp, (1, 1), (0, 1)))
  np.testing.assert_allclose(laplacian.variance(sharp), (4 * 255) ** 2)  # +-4 * 255, in equal shares
  assert laplacian.variance(blurred) < 0.1 * laplacian.variance(sharp)


def test_only_the_mask_counts():
  picture = np.zeros((8, 16))
  picture[:, 8:] = 255.0 * (np.indices((8, 8)).sum(axis=0) % 2)
  left = np.zeros((8, 16), bool)
  left[:, :7] = True
  assert laplacian.variance(picture, left) == 0.0 and laplacian.variance(picture, ~left) > 0
  assert np.isnan(laplacian.variance(picture, np.zeros((8, 16), bool)))
