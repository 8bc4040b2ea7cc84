"""Autoencoder: shapes, samples of the posterior."""

import jax
import jax.numpy as jnp
import numpy as np
from tiny_networks import build


def test_autoencoder_keeps_shapes_and_samples_its_posterior():
  image = np.random.default_rng(1).uniform(-1, 1, (2, 64, 48, 3)).astype(np.float32)
  module, params = build('autoencoder', image)
  variables, apply = {'params': params}, jax.jit(module.apply, static_argnames='method')
  mean, log_variance = apply(variables, image, method='encode')
  assert mean.shape == log_variance.shape == (2, 8, 6, 4) and module.factor == 8
  rebuilt, _, _ = apply(variables, image)
  assert rebuilt.shape == image.shape
  sampled, _, _ = apply(variables, image, jax.random.key(0))
  np.testing.assert_allclose(rebuilt, apply(variables, mean, method='decode'), atol=1e-4)
  assert float(jnp.abs(rebuilt - sampled).max()) > 1e-3
