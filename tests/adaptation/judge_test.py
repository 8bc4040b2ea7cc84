"""PSNR over the pixels that a recording shows."""

import numpy as np

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
