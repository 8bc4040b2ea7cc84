"""Face prior: statistics over batches, projection coefficient, sample-adaptive weighting."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import precisions
import pytest
import tiny_networks

from seetalk_jax.models import SampleAdaptiveWeighting
from seetalk_jax.models.nn import blocks
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


def test_projection_coefficient_is_what_is_left_out_least():
  rng = np.random.default_rng(0)
  prior = rng.standard_normal((4, 4, 4)).astype(np.float32)
  rest = rng.standard_normal((2, 4, 4, 4)).astype(np.float32)
  beta = np.asarray(projection_coefficient(rest + 0.7 * prior, prior))
  assert beta.shape == (2, 1, 1, 1)
  residual = rest + 0.7 * prior - beta * prior
  np.testing.assert_allclose(np.sum(residual * prior, (1, 2, 3)), 0, atol=1e-3)
  np.testing.assert_allclose(projection_coefficient(0.7 * prior[None], prior), 0.7, rtol=1e-5)


def speech_and_prior(batch=3, side=4, tokens=5, width=8, seed=0):
  """Random arguments of SAW: voice vectors, tokens, which are valid, mean and std of the prior."""
  rng = np.random.default_rng(seed)
  voice = rng.standard_normal((batch, 512)).astype(np.float32)
  voice /= np.linalg.norm(voice, axis=-1, keepdims=True)
  speech = rng.standard_normal((batch, tokens, width)).astype(np.float32)
  mean = rng.standard_normal((1, side, side, 4)).astype(np.float32)
  std = rng.uniform(0.2, 1.0, mean.shape).astype(np.float32)
  return voice, speech, np.ones((batch, tokens), bool), mean, std


def stirred_weighting(**fields):
  """(jitted beta of the arguments of SAW, with parameters that are nowhere zero; its parameters)."""
  saw = SampleAdaptiveWeighting(**{'hidden': 8, 'num_heads': 2, 'patch_size': 2, **fields})
  params = blocks.init_params(saw, jax.random.key(0), *speech_and_prior())
  params = tiny_networks.stirred(params, 0.3)
  return jax.jit(lambda *inputs: saw.apply({'params': params}, *inputs)), params


@pytest.mark.parametrize('beta0', [1.0, 0.4])
def test_weighting_starts_at_beta0(beta0):
  saw = SampleAdaptiveWeighting(hidden=8, num_heads=2, patch_size=2, beta0=beta0)
  beta, _ = jax.jit(saw.init_with_output)(jax.random.key(1), *speech_and_prior())
  np.testing.assert_allclose(beta, np.full((3, 1, 1, 1), beta0), rtol=1e-5)
  assert beta.dtype == np.float32


def test_weighting_attends_to_places_of_the_prior_and_to_the_speech():
  run, _ = stirred_weighting()
  voice, speech, valid, mean, std = inputs = speech_and_prior()
  beta = run(*inputs)
  assert beta.shape == (3, 1, 1, 1) and np.all((beta > 0) & (beta < 2)) and np.std(beta) > 1e-3
  # The same prior with its places mirrored has the same spatial mean.
  for changed in (
    (voice, speech, valid, mean[:, :, ::-1], std),
    (voice, speech, valid, mean, std[:, ::-1]),
    (voice, speech[::-1], valid, mean, std),
    (voice[::-1], speech, valid, mean, std),
  ):
    assert np.abs(run(*changed) - beta).max() > 1e-4


def test_padding_of_the_speech_does_not_change_the_weight():
  run, _ = stirred_weighting()
  voice, speech, valid, mean, std = speech_and_prior()
  padded = np.concatenate([speech, 100 * np.ones_like(speech)], axis=1)
  marked = np.concatenate([valid, ~valid], axis=1)
  np.testing.assert_allclose(
    run(voice, padded, marked, mean, std), run(voice, speech, valid, mean, std), rtol=1e-5
  )
  # Without any valid token the voice vector remains.
  beta = run(voice, speech, ~valid, mean, std)
  assert np.isfinite(beta).all() and np.std(beta) > 1e-4


def test_patches_count_by_the_energy_of_the_prior():
  """A prior that is zero outside of one patch: the other patches, whatever their deviation, do not count."""
  run, _ = stirred_weighting()
  voice, speech, valid, mean, std = speech_and_prior()
  mean[:, 2:] = mean[:, :, 2:] = 0
  other = std.copy()
  other[:, 2:] *= 3
  np.testing.assert_allclose(
    run(voice, speech, valid, mean, other), run(voice, speech, valid, mean, std), rtol=1e-4
  )


def test_weighting_learns_a_coefficient_that_the_speech_holds():
  saw = SampleAdaptiveWeighting(hidden=16, num_heads=2, patch_size=2)
  inputs = speech_and_prior(batch=64)
  wanted = 1.0 + 0.4 * np.tanh(inputs[1].mean((1, 2)) * 6)[:, None, None, None]  # of the tokens alone
  params = blocks.init_params(saw, jax.random.key(0), *inputs)
  optimizer = optax.adam(1e-2)
  state = optimizer.init(params)

  @jax.jit
  def step(params, state):
    def loss(params):
      return jnp.mean(jnp.square(saw.apply({'params': params}, *inputs) - wanted))

    value, gradient = jax.value_and_grad(loss)(params)
    updates, state = optimizer.update(gradient, state)
    return optax.apply_updates(params, updates), state, value

  history = []
  for _ in range(80):
    params, state, value = step(params, state)
    history.append(float(value))
  assert history[-1] < 0.3 * history[0]


def test_what_does_not_fit_is_an_error():
  inputs = speech_and_prior()
  for fields, message in (
    ({'beta0': 2.0}, r'inside \(0, 2\), got 2'),
    ({'patch_size': 3}, 'face prior is 4 x 4: its sides must be multiples of 3'),
    ({'hidden': 6}, 'multiple of 4 and of num_heads, got 6 with 2 heads'),
    ({'hidden': 8, 'num_heads': 3}, 'got 8 with 3 heads'),
  ):
    saw = SampleAdaptiveWeighting(**{'hidden': 8, 'num_heads': 2, 'patch_size': 2, **fields})
    with pytest.raises(ValueError, match=message):
      jax.eval_shape(saw.init, jax.random.key(0), *inputs)


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
