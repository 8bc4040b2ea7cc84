"""Truncated cosine transform: an orthonormal basis, exact on what it keeps, in the order of variance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks
from seetalk_jax.models.portrait import cosine_transform


def test_basis_is_orthonormal_and_keeps_the_largest_deviations_first():
  for side, channels in ((8, 4), (16, 8), (4, 48)):
    waves, deviation = cosine_transform.basis(side, channels)
    np.testing.assert_allclose(waves.T @ waves, np.eye(channels), atol=1e-12)
    assert (np.diff(deviation) <= 0).all() and (deviation > 0).all()
  with pytest.raises(ValueError, match='13 channels: a patch of 2 x 2 pixels has 12 values'):
    cosine_transform.basis(2, 13)


def test_all_coefficients_are_lossless_and_few_keep_smooth_pictures():
  image = np.random.default_rng(0).uniform(-1, 1, (2, 8, 16, 3)).astype(np.float32)
  rebuilt = cosine_transform.decode(cosine_transform.encode(image, 4, 48), 4)
  np.testing.assert_allclose(rebuilt, image, atol=1e-5)
  flat = np.broadcast_to(np.float32([0.5, -0.2, 0.1]), (1, 32, 32, 3))
  rebuilt = cosine_transform.decode(cosine_transform.encode(flat, 16, 8), 16)
  np.testing.assert_allclose(rebuilt, flat, atol=1e-5)


def test_autoencoder_starts_at_the_transform_of_its_patches():
  y, x = np.mgrid[:64, :64] / 64.0
  image = np.repeat((np.sin(3 * x) * np.cos(2 * y))[None, ..., None], 3, axis=-1).astype(np.float32)
  module = registry.make('autoencoder', 'tiny', cosine_shortcut=True)
  params = blocks.init_params(module, jax.random.key(0), image)
  rebuilt, mean, log_variance = module.apply({'params': params}, image)
  assert float(jnp.abs(rebuilt - image).mean()) < 0.05
  np.testing.assert_allclose(mean, cosine_transform.encode(image, module.factor, 4), atol=1e-6)
  np.testing.assert_allclose(log_variance, -6.0)


@pytest.mark.parametrize('channels', [4, 16, 40])
def test_latents_of_the_mirrored_picture_are_the_mirrored_latents(channels):
  """For the transform alone, where the networks add nothing yet."""
  image = np.random.default_rng(0).uniform(-1, 1, (2, 32, 48, 3)).astype(np.float32)
  module = registry.make('autoencoder', 'tiny', cosine_shortcut=True, latent_channels=channels)
  latent, mirrored = (cosine_transform.encode(x, module.factor, channels) for x in (image, image[:, :, ::-1]))
  np.testing.assert_allclose(module.mirrored(latent), mirrored, atol=1e-5)
  np.testing.assert_array_equal(module.mirrored(module.mirrored(latent)), latent)
  assert set(cosine_transform.mirror_signs(module.factor, channels)) == {-1.0, 1.0}
