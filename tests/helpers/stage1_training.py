"""Stages of stage 1 over tiny networks: random batches, a few steps of training, the portrait stage."""

import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from tiny_stages import SIZE, config_of

from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks
from seetalk_jax.stages import base

# The stages do not depend on the number of levels, and half of them compile in half of the time.
SMALL_UNET = dict(channels=(16,), attention_levels=(True,))


def batch_of(stage, size=4, seed=0):
  """A random batch of the entries that the stage reads."""
  batch = base.fake_batch(stage.batch_spec(size), seed)
  if 'num_samples' in batch:
    batch['num_samples'] = np.full(size, 48_000, np.int32)
  return batch


def unboxed(stage, frozen):
  """(parameters, collections) at initialization, without axis names."""
  return jax.jit(lambda rng: nn.unbox(stage.init(rng, frozen)))(jax.random.key(0))


def losses(stage, frozen, batch, steps, rate=3e-3):
  """Trains on one batch; returns (metrics of every step, parameters)."""
  params, collections = unboxed(stage, frozen)
  optimizer = optax.adam(rate)
  state = jax.jit(optimizer.init)(params)

  @jax.jit
  def step(params, state, rng):
    grad = jax.value_and_grad(stage.loss, has_aux=True)
    (loss, (metrics, _)), gradient = grad(params, frozen, collections, batch, rng, 0)
    updates, state = optimizer.update(gradient, state)
    return optax.apply_updates(params, updates), state, {**metrics, 'loss': loss}

  history = []
  for i in range(steps):
    params, state, metrics = step(params, state, jax.random.key(i))
    history.append({name: float(value) for name, value in metrics.items()})
  assert all(np.isfinite(value) for row in history for value in row.values())
  return history, params


@functools.cache
def portrait_params():
  """Parameters of the frozen networks of the portrait stage."""
  stage, _ = make_portrait_stage(params={})
  given = stage.frozen
  return {
    'speech_encoder': blocks.init_params(given['speech_encoder'], jax.random.key(0), jnp.zeros((1, 6400))),
    'autoencoder': blocks.init_params(given['autoencoder'], jax.random.key(1), jnp.zeros((1, 32, 32, 3))),
  }


def make_portrait_stage(params=None, **options):
  """(portrait stage, its frozen parts); options are those of the configuration."""
  names = ['portrait_unet', 'sample_adaptive_weighting']
  given = {name: registry.make(name, 'tiny') for name in ('speech_encoder', 'autoencoder')}
  config = config_of('portrait', names, image_size=SIZE, preview_steps=2, **options)
  config.model.portrait_unet.update(SMALL_UNET)
  stage = base.build_stage(config, given)
  return stage, base.Frozen(params=portrait_params() if params is None else params)


def make_directed_stage(**options):
  """(portrait stage with a branch along three directions, its frozen parts with a prior and statistics)."""
  stage, frozen = make_portrait_stage(guess_draws=2, **options)
  unet = registry.make('portrait_unet', 'tiny', **SMALL_UNET, num_directions=3, guess_width=16)
  stage = dataclasses.replace(stage, networks={**stage.networks, 'portrait_unet': unet})
  rng, shape = np.random.default_rng(0), stage.latent_shape
  directions = np.linalg.qr(rng.standard_normal((np.prod(shape), 3)))[0].T.reshape(3, *shape)
  prior = {
    'latent_scale': 0.7,
    'face_prior_mean': rng.standard_normal(shape),
    'face_prior_std': np.ones(shape),
    'face_prior_directions': directions,
    'face_prior_variances': np.array([3.0, 2.0, 1.0]),
    'face_prior_rest': 0.1,
  }
  frozen = frozen.replace(
    statistics={'face_prior': {name: np.asarray(value, np.float32) for name, value in prior.items()}}
  )
  own = stage.prepare(frozen, iter([]))
  return stage, frozen.replace(statistics={**frozen.statistics, **own})
