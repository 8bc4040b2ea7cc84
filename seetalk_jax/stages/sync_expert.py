"""Sync expert: mouths and sounds of the same fifth of a second, told from all others."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models import blocks
from seetalk_jax.models.sync_expert import MOUTH_SIZE, NUM_FRAMES, NUM_SAMPLES
from seetalk_jax.stages import base


@dataclasses.dataclass(frozen=True)
class SyncExpertStage(base.StageBase):
  """Symmetric contrastive loss over the batch, with the same clip's speech at another time as a hard
  negative.

  Attributes:
    shifted_weight: of the two-way choice between the right speech and the shifted one.
    noise: standard deviation of noise on the speech, to keep the expert from listening to the background.
  """

  networks: Mapping[str, nn.Module]
  frozen: Mapping[str, nn.Module] = dataclasses.field(default_factory=dict)
  name: str = 'sync_expert'
  view: str = 'sync'
  shifted_weight: float = 1.0
  noise: float = 0.002

  def batch_spec(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
    return {
      'mouth': jax.ShapeDtypeStruct((batch_size, NUM_FRAMES, *MOUTH_SIZE, 3), jnp.uint8),
      'speech': jax.ShapeDtypeStruct((batch_size, NUM_SAMPLES), jnp.float32),
      'speech_shifted': jax.ShapeDtypeStruct((batch_size, NUM_SAMPLES), jnp.float32),
    }

  def init(self, rng: jax.Array, frozen: base.Frozen) -> tuple[dict[str, Any], dict[str, Any]]:
    del frozen
    inputs = jnp.zeros((1, NUM_SAMPLES)), jnp.zeros((1, NUM_FRAMES, *MOUTH_SIZE, 3))
    return {'sync_expert': self.networks['sync_expert'].init(rng, *inputs)['params']}, {}

  def loss(self, params, frozen, collections, batch, rng, step):
    del frozen, step

    def run(*args, method):
      return self.networks['sync_expert'].apply({'params': params['sync_expert']}, *args, method=method)

    b = batch['speech'].shape[0]
    both = jnp.concatenate([batch['speech'], batch['speech_shifted']])
    right, shifted = jnp.split(run(both + self.noise * jax.random.normal(rng, both.shape), method='audio'), 2)
    mouth = run(blocks.to_float(batch['mouth']), method='mouth')
    temperature = run(method='temperature')
    logits = mouth @ right.T / temperature
    own = jnp.arange(b)
    rows, columns = jax.nn.log_softmax(logits, axis=1), jax.nn.log_softmax(logits, axis=0)
    contrastive = -0.5 * jnp.mean(rows[own, own] + columns[own, own])
    positive, negative = jnp.sum(mouth * right, axis=-1), jnp.sum(mouth * shifted, axis=-1)
    shift_loss = jnp.mean(jax.nn.softplus((negative - positive) / temperature))
    loss = contrastive + self.shifted_weight * shift_loss
    metrics = {
      'contrastive': contrastive,
      'shifted': shift_loss,
      'found': jnp.mean(jnp.argmax(logits, axis=1) == own),
      'shift_accuracy': jnp.mean(positive > negative),
      'cosine': jnp.mean(positive),
      'cosine_shifted': jnp.mean(negative),
      'temperature': temperature,
    }
    return loss, (metrics, collections)


def sync_loss(cosine: jax.Array) -> jax.Array:
  """What a network pays for lips whose cosine with the speech is `cosine [b]`: 0 at 1, 1 at -1; scalar."""
  return jnp.mean(0.5 * (1.0 - cosine))


def build(config, given: Mapping[str, nn.Module]) -> SyncExpertStage:
  """The stage of a configuration."""
  networks = {'sync_expert': base.network_for('sync_expert', config, given)}
  return SyncExpertStage(networks=networks, **base.options_of(SyncExpertStage, config))
