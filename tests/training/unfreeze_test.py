"""Staged unfreezing: frozen parameters stay bitwise equal, with zero moments, until their step."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import toy_stage
from flax import traverse_util

from seetalk_jax.errors import ConfigError
from seetalk_jax.training import checkpoint, initial_weights, loop, unfreeze


@pytest.fixture(autouse=True)
def toy():
  toy_stage.register()


def train(workdir, **changes):
  # A constant learning rate, because the schedule depends on the planned number of steps.
  changes = {'optimizer.final_fraction': 1.0, 'eval_batches': 0, 'keep_checkpoints': 9, **changes}
  return loop.train(toy_stage.get_config(**changes), workdir, make_batches=toy_stage.make_batches)


def read(workdir, step):
  """(params, EMA, sums of absolute moments) of a checkpoint, by path."""
  with checkpoint.Checkpoints(workdir) as saved:
    parts = saved.read(('params', 'ema_params', 'opt_state'), step)
  adam = parts['opt_state'][1] if isinstance(parts['opt_state'], (list, tuple)) else parts['opt_state']['1']
  moments = [traverse_util.flatten_dict(adam[name], sep='/') for name in ('mu', 'nu')]
  sums = {path: sum(np.abs(m[path]).sum() for m in moments) for path in moments[0]}
  return (
    traverse_util.flatten_dict(parts['params'], sep='/'),
    traverse_util.flatten_dict(parts['ema_params'], sep='/'),
    sums,
  )


def test_pairs():
  assert unfreeze.checked(()) == {}
  assert unfreeze.checked((('a/b', 10), ('c', -1))) == {'a/b': 10, 'c': -1}
  for wrong in (('a', 1), (('a', 'x'),), (('', 3),), (('a', -2),), (('a', 0.5),), (('a', 1, 2),), 'a=1'):
    with pytest.raises(ConfigError, match='config.unfreeze=.* is not allowed: write .*-1 for never'):
      unfreeze.checked(wrong)


def test_longest_prefix_counts_and_new_parts_never_rest():
  params = {'net': {'body': {'one': 0, 'two': 0}, 'head': 0}, 'other': {'body': 0}}
  steps = {'net': 5, 'net/body/t': -1, 'net/body': 3}
  found = unfreeze.first_steps(params, steps, fresh=['net/head'])
  assert found == {'net': {'body': {'one': 3, 'two': -1}, 'head': 0}, 'other': {'body': 0}}
  with pytest.raises(ConfigError, match='no trained parameter begins with nett, of net, other'):
    unfreeze.first_steps(params, {'net': 1, 'nett': 1})


def test_resting_parameters_stay_to_the_bit_and_then_move(tmp_path):
  train(tmp_path / 'given', num_steps=1)
  changes = {'init.toy_net': str(tmp_path / 'given'), 'checkpoint_every': 2}
  partly_frozen = {**changes, 'unfreeze': (('toy_net/conv_in', 4), ('toy_net/project', -1))}
  train(tmp_path / 'run', num_steps=8, **partly_frozen)
  start = traverse_util.flatten_dict(initial_weights.load_trained_stage(tmp_path / 'given').params, sep='/')
  conv, dense, free = 'toy_net/conv_in/kernel', 'toy_net/project/kernel', 'toy_net/widen/kernel'
  for step in (2, 4, 6, 8):
    params, ema, moments = read(tmp_path / 'run', step)
    for path, first in ((conv, 4), (dense, 99), (free, 0)):
      same = np.array_equal(params[path], start[path]) and np.array_equal(ema[path], start[path])
      assert same == (step <= first), (path, step)
      assert (moments[path] == 0) == (step <= first), (path, step)
  # A restart while parameters are frozen changes nothing.
  train(tmp_path / 'halves', num_steps=2, **partly_frozen)
  train(tmp_path / 'halves', num_steps=8, **partly_frozen)
  for have, want in zip(read(tmp_path / 'halves', 8), read(tmp_path / 'run', 8), strict=True):
    for path, value in want.items():
      np.testing.assert_allclose(have[path], value, rtol=1e-6, atol=1e-7)
  with pytest.raises(ConfigError, match='begins with toy_net/conv_out'):
    train(tmp_path / 'none', **{**changes, 'unfreeze': (('toy_net/conv_out', 2),)})


def test_updates_by_hand():
  params = {'a': jnp.ones((2, 2)), 'b': jnp.ones((2, 2))}
  gradient = {'a': jnp.full((2, 2), 3.0), 'b': jnp.full((2, 2), 4.0)}
  plain = optax.chain(optax.clip_by_global_norm(1.0), optax.add_decayed_weights(0.5))
  staged = unfreeze.staged(plain, {'b': 3}, warmup_steps=2)
  state = staged.init(params)
  assert jax.tree.structure(state) == jax.tree.structure(plain.init(params))
  update = jax.jit(lambda step: staged.update(gradient, state, params, step=step)[0])
  for step, factor in ((0, 0.0), (2, 0.0), (3, 0.5), (4, 1.0), (9, 1.0)):
    # The norm covers trainable parameters only: 2 * 3, and 2 * 5 of both.
    norm = 6.0 if step < 3 else 10.0
    np.testing.assert_allclose(update(step)['a'], 3.0 / norm + 0.5, rtol=1e-5)
    np.testing.assert_allclose(update(step)['b'], factor * (4.0 / norm + 0.5), rtol=1e-5)
  assert update._cache_size() == 1  # no step is recompiled
