"""Cepstra: equal to those of the reference package, known answers."""

import jax.numpy as jnp
import numpy as np
import pytest
from modulated_sounds import sounds

from seetalk_jax.models.speech import mfcc


@pytest.mark.parity
@pytest.mark.parametrize('num_samples', [16_000, 3441, 3439, 400, 123])
def test_cepstra_are_the_package_s(num_samples):
  reference = pytest.importorskip('python_speech_features')
  waveform = sounds(num_samples)
  theirs = reference.mfcc(waveform.astype(np.float64) * 32768, 16_000)
  ours = np.asarray(mfcc.mfcc(jnp.asarray(waveform)[None]))[0]
  assert ours.shape == theirs.shape == (mfcc.num_frames(num_samples), 13)
  np.testing.assert_allclose(ours, theirs, atol=2e-3, rtol=1e-4)  # coefficients are up to 40


def test_cepstra_of_what_is_known():
  silence = np.asarray(mfcc.mfcc(jnp.zeros((1, 800))))
  assert np.isfinite(silence).all()
  soft = np.asarray(mfcc.mfcc(jnp.asarray(sounds(8000))[None]))
  loud = np.asarray(mfcc.mfcc(2 * jnp.asarray(sounds(8000))[None]))
  np.testing.assert_allclose(loud[..., 0] - soft[..., 0], np.log(4), atol=1e-3)  # energy
  np.testing.assert_allclose(loud[..., 1:], soft[..., 1:], atol=1e-2)  # all other coefficients are equal
  early = np.asarray(mfcc.mfcc(jnp.asarray(sounds(8000)[160:])[None]))
  np.testing.assert_allclose(early[:, 1:-1], soft[:, 2:-1], atol=1e-2)  # one hop is one frame
