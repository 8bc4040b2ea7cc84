"""Face prior: statistics over batches, projection coefficient, sample-adaptive weighting."""

import jax
import jax.numpy as jnp
import numpy as np
import precisions
import pytest

from seetalk_jax.models import SampleAdaptiveWeighting
from seetalk_jax.models.portrait.face_prior import (
  FacePrior,
  PriorSums,
  finalize_prior,
  projection_coefficient,
  update_prior,
)


def test_prior_over_batches_equals_the_direct_one():
  latents = 3.0 + 0.1 * np.random.default_rng(0).standard_normal((37, 2, 3, 4)).astype(np.float32)
  sums = PriorSums.empty((2, 3, 4))
  for start, stop in ((0, 5), (5, 6), (6, 30), (30, 37)):
    sums = jax.jit(update_prior)(sums, latents[start:stop])
  prior = finalize_prior(sums)
  np.testing.assert_allclose(prior.mean, np.mean(latents, 0), rtol=1e-5)
  np.testing.assert_allclose(prior.std, np.std(latents, 0), rtol=1e-4)
  np.testing.assert_allclose(prior.pooled(), np.mean(latents, (0, 1, 2)), rtol=1e-5)


def test_projection_coefficient_is_what_is_left_out_least():
  rng = np.random.default_rng(0)
  prior = rng.standard_normal((4, 4, 4)).astype(np.float32)
  rest = rng.standard_normal((2, 4, 4, 4)).astype(np.float32)
  beta = np.asarray(projection_coefficient(rest + 0.7 * prior, prior))
  assert beta.shape == (2, 1, 1, 1)
  residual = rest + 0.7 * prior - beta * prior
  np.testing.assert_allclose(np.sum(residual * prior, (1, 2, 3)), 0, atol=1e-3)
  np.testing.assert_allclose(projection_coefficient(0.7 * prior[None], prior), 0.7, rtol=1e-5)


@pytest.mark.parametrize('beta0', [1.0, 0.4])
def test_weighting_starts_at_beta0(beta0):
  saw = SampleAdaptiveWeighting(hidden=8, beta0=beta0)
  voice, pooled = (
    np.random.default_rng(0).standard_normal((3, 512)).astype(np.float32),
    np.ones(4, np.float32),
  )
  beta, _ = jax.jit(saw.init_with_output)(jax.random.key(1), voice, pooled)
  np.testing.assert_allclose(beta, np.full((3, 1, 1, 1), beta0), rtol=1e-5)


def test_products_with_directions_are_in_full_precision_on_every_device():
  prior = FacePrior(
    jnp.zeros((2, 2, 3)),
    jnp.ones((2, 2, 3)),
    jnp.eye(4, 12).reshape(4, 2, 2, 3),
    jnp.ones(4),
    jnp.ones(()),
    voice=jnp.ones((4, 8)),
    voice_mean=jnp.zeros(8),
    voice_variances=jnp.ones(4),
    voice_subspace=jnp.eye(2, 4),
  )
  precisions.assert_full(lambda voice: prior.conditional_moments(voice, jnp.ones(3, bool)), jnp.ones((3, 8)))
  precisions.assert_full(prior.split_noise, jnp.ones((3, 2, 2, 3)))
