"""Training state: schedule, running mean, random streams, optimizer."""

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
import toy_stage

from seetalk_jax.errors import ConfigError
from seetalk_jax.stages import base
from seetalk_jax.training import state


def test_running_mean_warms_up_to_its_decay():
  assert float(state.ema_decay(0.999, jnp.int32(0))) == pytest.approx(0.1)
  assert float(state.ema_decay(0.999, jnp.int32(90))) == pytest.approx(0.91)
  assert float(state.ema_decay(0.999, jnp.int32(10**6))) == pytest.approx(0.999)
  # With decays d_k the running mean is a weighted mean: a constant does not change.
  mean, value = 0.0, 5.0
  for step in range(200):
    decay = float(state.ema_decay(0.9, step))
    mean = decay * mean + (1 - decay) * value
  assert mean == pytest.approx(value, rel=1e-4)


def test_learning_rate_warms_up_and_falls_with_progress():
  options = ml_collections.ConfigDict({'learning_rate': 2.0, 'warmup_steps': 4, 'final_fraction': 0.1})
  rate = lambda step, progress: float(state.learning_rate(options, jnp.int32(step), jnp.float32(progress)))  # noqa: E731
  assert [rate(s, 0.0) for s in (0, 1, 3, 9)] == pytest.approx([0.5, 1.0, 2.0, 2.0])
  assert rate(99, 0.5) == pytest.approx(2.0 * 0.55)
  assert rate(99, 1.0) == rate(99, 1.5) == pytest.approx(0.2)


def test_streams_depend_on_name_and_step_alone():
  root = jax.random.key(3)
  data = lambda *a: jax.random.key_data(state.rng_for(root, *a)).tolist()  # noqa: E731
  assert data('loss', 5) == data('loss', 5)
  assert len({str(data(*a)) for a in [('loss', 5), ('loss', 6), ('eval', 5), ('init', 5)]}) == 4


def test_optimizer_is_adamw():
  import optax

  class Everything:
    def trainable(self, params):
      return jax.tree.map(lambda _: True, params)

  options = ml_collections.ConfigDict(
    {'b1': 0.9, 'b2': 0.99, 'weight_decay': 0.1, 'max_grad_norm': 1e9, 'rates': ()}
  )
  ours = state.make_optimizer(Everything(), options)
  theirs = optax.adamw(0.05, b1=0.9, b2=0.99, weight_decay=0.1, mask={'kernel': True, 'bias': False})
  params = {'kernel': jnp.ones((3, 2)), 'bias': jnp.ones(2)}
  a, b = (params, ours.init(params)), (params, theirs.init(params))
  for i in range(3):
    grads = {'kernel': jnp.cos(i + jnp.arange(6.0)).reshape(3, 2), 'bias': jnp.sin(i + jnp.arange(2.0))}
    updates, opt = ours.update(grads, a[1], a[0])
    a = optax.apply_updates(a[0], jax.tree.map(lambda u: -0.05 * u, updates)), opt
    updates, opt = theirs.update(grads, b[1], b[0])
    b = optax.apply_updates(b[0], updates), opt
  jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-6), a[0], b[0])


class _Networks:
  """Stands for a stage: trains all parameters but those that are called 'fixed'."""

  def trainable(self, params):
    return jax.tree_util.tree_map_with_path(lambda path, _: 'fixed' not in str(path), params)


def _first_moments(gradients, **changes):
  """What Adam averages: the clipped gradients, after one step with b1 = 0."""
  options = ml_collections.ConfigDict(
    {'b1': 0.0, 'b2': 0.99, 'weight_decay': 0.0, 'max_grad_norm': 1.0, 'rates': (), **changes}
  )
  optimizer = state.make_optimizer(_Networks(), options)
  params = jax.tree.map(jnp.ones_like, gradients)
  _, opt_state = optimizer.update(gradients, optimizer.init(params), params)
  return opt_state[1].mu, opt_state


def test_each_player_is_clipped_by_its_own_norm():
  gradients = {
    'codebook': {'kernel': jnp.array([0.3, 0.4])},
    'hr_decoder': {'kernel': jnp.array([1.2, 0.0])},
    'discriminator': {'kernel': jnp.array([300.0, 400.0])},  # a spike of the R1 penalty
  }
  moments, after = _first_moments(gradients, max_grad_norms=(('discriminator', 2.0),))
  np.testing.assert_allclose(moments['codebook']['kernel'], np.array([0.3, 0.4]) / 1.3, rtol=1e-6)
  np.testing.assert_allclose(moments['hr_decoder']['kernel'], np.array([1.2, 0.0]) / 1.3, rtol=1e-6)
  np.testing.assert_allclose(moments['discriminator']['kernel'], [1.2, 1.6], rtol=1e-6)
  # Without limits of their own, all networks share one norm; the state has the same form, so that runs go on.
  shared, before = _first_moments(gradients)
  np.testing.assert_allclose(shared['codebook']['kernel'], np.array([0.3, 0.4]) / 500.0, rtol=1e-4)
  assert jax.tree.structure(after) == jax.tree.structure(before)
  # Limits of networks that the stage does not train with its options change nothing.
  alone = {'codebook': gradients['codebook']}
  assert _first_moments(alone, max_grad_norms=(('discriminator', 2.0),))[0].keys() == {'codebook'}


def test_parts_that_do_not_train_do_not_count_in_the_norm():
  gradients = {'motion_codec': {'fixed': jnp.array([30.0, 40.0]), 'kernel': jnp.array([0.3, 0.4])}}
  moments, _ = _first_moments(gradients)
  np.testing.assert_allclose(moments['motion_codec']['kernel'], [0.3, 0.4], rtol=1e-6)
  np.testing.assert_array_equal(moments['motion_codec']['fixed'], 0.0)


def test_parts_with_a_rate_of_zero_do_not_count_in_the_norm():
  gradients = {
    'motion_codec': {'warper': jnp.array([30.0, 40.0]), 'kernel': jnp.array([0.3, 0.4])},
    'discriminator': {'stem': jnp.array([30.0, 40.0]), 'kernel': jnp.array([0.6, 0.8])},
  }
  rates = (('motion_codec/warper', 0), ('motion_codec', 0.5), ('discriminator/stem', 0.0))
  moments, _ = _first_moments(gradients, rates=rates, max_grad_norms=(('discriminator', 1.0),))
  np.testing.assert_allclose(moments['motion_codec']['kernel'], [0.3, 0.4], rtol=1e-6)
  np.testing.assert_allclose(moments['discriminator']['kernel'], [0.6, 0.8], rtol=1e-6)
  for part in (moments['motion_codec']['warper'], moments['discriminator']['stem']):
    np.testing.assert_array_equal(part, 0.0)


@pytest.mark.parametrize('wrong', [(('critic', 1.0),), (('discriminator', 0.0),), (('discriminator',),), 1.0])
def test_norms_of_players_are_checked(wrong):
  with pytest.raises(ConfigError, match='config.optimizer.max_grad_norms'):
    _first_moments({'codebook': {'kernel': jnp.ones(2)}}, max_grad_norms=wrong)


def test_missing_frozen_network_says_how_to_give_it():
  toy_stage.register()
  config = toy_stage.get_config()
  with pytest.raises(ConfigError, match='neither in config.model nor.*--config.init.codebook='):
    base.network_for('codebook', config, {})
