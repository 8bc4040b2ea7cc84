"""Sync expert stage: contrastive training of audio-visual synchronization on clips of five frames."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.constants import SYNC_FRAMES
from seetalk_jax.data import views
from seetalk_jax.errors import ConfigError
from seetalk_jax.models.nn import image_ops
from seetalk_jax.stages import base, losses

# Network -> (view, batch entry of its images).
_INPUTS = {'sync_expert': ('sync', 'mouth'), 'syncnet': ('sync_face', 'face')}


@dataclasses.dataclass(frozen=True)
class SyncExpertStage(base.Stage):
  """Symmetric contrastive loss over the batch, with shifted speech of the same clip as a hard negative.

  The network is a `SyncExpert` (images of the mouth), or a `SyncNet` (cepstra, and images of the face).

  Attributes:
    shifted_weight: multiplies the two-way cross-entropy between the right speech and the shifted one.
    noise: standard deviation of the noise on the speech, so that the network does not use background sound.
  """

  networks: Mapping[str, nn.Module]
  frozen: Mapping[str, nn.Module] = dataclasses.field(default_factory=dict)
  name: str = 'sync_expert'
  view: str = 'sync'
  shifted_weight: float = 1.0
  noise: float = 0.002

  def batch_spec(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
    view, entry = _INPUTS[self._name]
    return views.batch_spec(view, batch_size, only=(entry, 'speech', 'speech_shifted'))

  @property
  def _name(self) -> str:
    return next(iter(self.networks))

  @property
  def _network(self) -> nn.Module:
    return self.networks[self._name]

  @property
  def _entry(self) -> str:
    return _INPUTS[self._name][1]

  def init(self, rng: jax.Array, frozen: base.Frozen) -> tuple[dict[str, Any], dict[str, Any]]:
    del frozen
    network = self._network
    inputs = jnp.zeros((1, network.num_samples)), jnp.zeros((1, SYNC_FRAMES, *network.frame_size, 3))
    return {self._name: network.init(rng, *inputs, method='cosine')['params']}, {}

  def loss(self, params, frozen, collections, batch, rng, step):
    del frozen, step

    def run(*args, method):
      return self._network.apply({'params': params[self._name]}, *args, method=method)

    b = batch['speech'].shape[0]
    both = jnp.concatenate([batch['speech'], batch['speech_shifted']])
    both += self.noise * jax.random.normal(rng, both.shape)
    right, shifted = jnp.split(run(both, method='speech_vector'), 2)
    mouth = run(image_ops.to_float(batch[self._entry]), method='picture_vector')
    temperature = run(method='temperature')
    logits = jnp.matmul(mouth, right.T, precision='highest') / temperature
    own = jnp.arange(b)
    rows, columns = jax.nn.log_softmax(logits, axis=1), jax.nn.log_softmax(logits, axis=0)
    contrastive = -0.5 * jnp.mean(rows[own, own] + columns[own, own])
    positive, negative = jnp.sum(mouth * right, axis=-1), jnp.sum(mouth * shifted, axis=-1)
    shift_loss = jnp.mean(jax.nn.softplus((negative - positive) / temperature))
    loss = contrastive + self.shifted_weight * shift_loss + run(method='temperature_penalty')
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


def sync_loss(cosine: jax.Array, weight: jax.Array | None = None) -> jax.Array:
  """Sync loss of rendered lips, scalar: mean of `(1 - cosine) / 2` for `cosine [b]` of speech and images.

  Args:
    cosine: `[b]`.
    weight: `[b]`, weight of each sample in the mean; all 0 gives 0. None: all the same.
  """
  return losses.mean_of_rows(0.5 * (1.0 - cosine), weight)


def expert_name(networks: Mapping[str, Any]) -> str:
  """The sync expert of a stage, 'syncnet' if `networks` (modules, or `config.init`) has one, else 'sync_expert'."""
  return 'syncnet' if networks.get('syncnet') else 'sync_expert'


def uses(config) -> base.Uses:
  """The network that the stage trains."""
  return base.Uses(trained=(config.get('expert', 'sync_expert'),))


def build(config, pretrained: Mapping[str, nn.Module]) -> SyncExpertStage:
  """The stage of a configuration. It trains `config.expert`: 'sync_expert' or 'syncnet'."""
  name = config.get('expert', 'sync_expert')
  if name not in _INPUTS:
    raise ConfigError(f'unknown expert {name!r}, --config.expert: use one of {", ".join(_INPUTS)}')
  networks, _ = base.networks_for(uses(config), config, pretrained)
  options = {'view': _INPUTS[name][0], **base.options_of(SyncExpertStage, config)}
  return SyncExpertStage(networks=networks, **options)
