"""Evaluation step: held-out batches are evaluated without what only training has."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest

from seetalk_jax.stages import base
from seetalk_jax.training import adapted_stage, step
from seetalk_jax.training.state import TrainState


@dataclasses.dataclass(frozen=True)
class NoisyStage(base.Stage):
  """A stage whose loss is its rate of dropout plus its parameter."""

  networks: dict = dataclasses.field(default_factory=dict)
  frozen: dict = dataclasses.field(default_factory=dict)
  name: str = 'noisy'
  view: str = 'image'
  rate: float = 0.5

  def without_regularization(self):
    return dataclasses.replace(self, rate=0.0)

  def batch_spec(self, batch_size):
    return {}

  def init(self, rng, frozen):
    return {}, {}

  def loss(self, params, frozen, collections, batch, rng, step):
    return params['network']['value'] + self.rate, ({'rate': jnp.float32(self.rate)}, collections)


@pytest.mark.parametrize('stage', [NoisyStage(), adapted_stage.AdaptedStage(NoisyStage(), {}, {}, {})])
def test_held_out_batches_are_evaluated_without_regularization(stage):
  params, ema_params = ({'network': {'value': jnp.float32(value)}} for value in (7, 2))
  state = TrainState(jnp.int32(3), params, ema_params, {}, {}, {})
  recipe = step.Recipe(stage, optimizer=None, options=None, root=jax.random.key(0))
  metrics = step.eval_step(recipe, state, base.Frozen(), {}, jnp.int32(0))
  assert {name: float(value) for name, value in metrics.items()} == {'loss': 2.0, 'rate': 0.0}
  assert float(stage.loss(params, base.Frozen(), {}, {}, None, 0)[0]) == 7.5


def test_held_out_batches_are_evaluated_with_averaged_collections(monkeypatch):
  def loss(self, params, frozen, collections, batch, rng, step):
    return collections['network']['codes'], ({}, collections)

  monkeypatch.setattr(NoisyStage, 'loss', loss)
  newest, average = ({'network': {'codes': jnp.float32(value)}} for value in (1, 5))
  state = TrainState(jnp.int32(3), {}, {}, {}, newest, {}, ema_collections=average)
  recipe = step.Recipe(NoisyStage(), optimizer=None, options=None, root=jax.random.key(0))
  assert step.eval_step(recipe, state, base.Frozen(), {}, jnp.int32(0))['loss'] == 5.0
