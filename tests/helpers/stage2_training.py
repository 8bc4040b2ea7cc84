"""Stages of stage 2 over tiny networks: random batches, a few steps of training."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from seetalk_jax.stages import base


def batch_of(stage, size=2, seed=0):
  """A random batch of the entries that the stage reads; pictures consist of squares of 16 pixels."""
  batch = base.fake_batch(stage.batch_spec(size), seed)
  for name in ('source', 'target', 'driver', 'image', 'portrait'):
    if name in batch:  # learnable content
      batch[name] = np.repeat(np.repeat(batch[name][:, ::16, ::16], 16, 1), 16, 2)
  if 'num_samples' in batch:
    batch['num_samples'] = np.full(size, batch['speech'].shape[1], np.int32)
  for side in ('source', 'target'):
    if f'{side}_parts' in batch:
      batch[f'{side}_parts'] = batch[f'{side}_parts'] % 10
  return batch


def train(stage, frozen, batch, steps=3, rate=2e-3):
  """Trains on one batch; returns (metrics of every step, parameters before, parameters after, collections)."""
  params, collections = jax.jit(lambda rng: nn.unbox(stage.init(rng, frozen)))(jax.random.key(0))
  trainable = stage.trainable(params)
  optimizer = optax.adam(rate)
  state = jax.jit(optimizer.init)(params)

  @jax.jit
  def step(params, state, collections, rng):
    grad = jax.value_and_grad(stage.loss, has_aux=True)
    (loss, (metrics, collections)), gradient = grad(params, frozen, collections, batch, rng, 0)
    gradient = jax.tree.map(lambda g, t: g if t else jnp.zeros_like(g), gradient, trainable)
    updates, state = optimizer.update(gradient, state)
    return optax.apply_updates(params, updates), state, collections, {**metrics, 'loss': loss}

  history, start = [], params
  for _ in range(steps):
    params, state, collections, metrics = step(params, state, collections, jax.random.key(1))
    history.append({name: float(value) for name, value in metrics.items()})
  assert all(np.isfinite(value) for row in history for value in row.values()), history
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params))
  assert history[-1]['loss'] < history[0]['loss']
  return history, start, params, collections


def standard(width):
  """Statistics of the motion transformer that leave latents as they are."""
  return {'motion_mean': np.zeros(width, np.float32), 'motion_std': np.ones(width, np.float32)}
