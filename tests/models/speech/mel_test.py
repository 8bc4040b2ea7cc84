"""Mel spectrogram: flat for white noise, power of a known signal."""

import jax
import numpy as np

from seetalk_jax.models.speech.mel import mel_power


def test_mel_of_white_noise_is_flat_and_measures_power():
  noise = 0.1 * np.random.default_rng(0).standard_normal((1, 160_000)).astype(np.float32)
  bands = np.asarray(jax.jit(mel_power)(noise)).mean((0, 1))
  np.testing.assert_allclose(bands, 0.01, rtol=0.25)
