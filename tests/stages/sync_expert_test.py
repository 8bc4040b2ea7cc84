"""Sync expert stage: a learned batch of either expert."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import precisions
import pytest
from stage2_training import batch_of, train
from tiny_stages import config_of

from seetalk_jax.errors import ConfigError
from seetalk_jax.stages import base
from seetalk_jax.stages.sync_expert import sync_loss


@pytest.mark.parametrize('expert', ['sync_expert', 'syncnet'])
def test_sync_expert_learns_a_batch(expert):
  config = config_of('sync_expert', [expert])
  config.expert = expert
  stage = base.build_stage(config, {})
  assert set(stage.networks) == {expert}
  batch = batch_of(stage, 4)
  history, *_ = train(stage, base.Frozen(), batch, 6)
  assert history[-1]['contrastive'] < history[0]['contrastive']
  config.expert = 'wav2lip'
  with pytest.raises(ConfigError, match='use one of sync_expert, syncnet'):
    base.build_stage(config, {})


def test_sync_loss_is_a_mean_of_the_samples_that_count():
  cosine = np.array([1.0, -1.0, 0.0], np.float32)
  np.testing.assert_allclose(sync_loss(cosine), 0.5)
  np.testing.assert_allclose(sync_loss(cosine, np.array([1.0, 0.0, 1.0], np.float32)), 0.25, rtol=1e-5)
  assert sync_loss(cosine, np.zeros(3, np.float32)) == 0


@pytest.mark.parametrize('expert', ['sync_expert', 'syncnet'])
def test_a_temperature_outside_of_its_bounds_is_pulled_back(expert):
  config = config_of('sync_expert', [expert])
  config.expert = expert
  stage = base.build_stage(config, {})
  params = jax.jit(lambda rng: nn.unbox(stage.init(rng, base.Frozen())))(jax.random.key(0))[0]
  batch = batch_of(stage, 4)

  @jax.jit
  def loss(log_temperature):
    own = {**params[expert], 'log_temperature': log_temperature}
    return stage.loss({expert: own}, base.Frozen(), {}, batch, jax.random.key(0), 0)[0]

  np.testing.assert_allclose(loss(jnp.log(0.01)) - loss(jnp.log(0.02)), np.log(2) ** 2, rtol=1e-3)


def test_logits_are_in_full_precision():
  stage = base.build_stage(config_of('sync_expert', ['sync_expert']), {})
  params = jax.eval_shape(lambda rng: nn.unbox(stage.init(rng, base.Frozen())), jax.random.key(0))[0]
  batch = base.fake_batch(stage.batch_spec(4))
  precisions.assert_full(
    lambda params: stage.loss(params, base.Frozen(), {}, batch, jax.random.key(0), 0)[0],
    params,
    where=lambda a, b, product: product == (4, 4),
  )
