"""Scanned and rematerialized layers: results equal those of plain layers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.models.nn import blocks
from seetalk_jax.models.nn.layers import REMAT_POLICIES
from seetalk_jax.models.speech import wav2vec

_TINY = dict(
  width=16, num_layers=2, num_heads=2, feed_forward_width=32, feature_channels=8, position_kernel=4
)


@pytest.fixture(scope='module', params=[dict(pre_norm=True, feature_norm='layer'), dict(relative_buckets=8)])
def case(request):
  module = wav2vec.Wav2Vec2(**_TINY, position_groups=2, **request.param)
  waveform = np.random.default_rng(0).standard_normal((2, 4000)).astype(np.float32)
  valid = np.arange(wav2vec.num_states(4000))[None] < np.array([[12], [9]])
  return module, blocks.init_params(module, jax.random.key(0), waveform), waveform, valid


@pytest.fixture(scope='module')
def plain(case):
  return run(*case)


def run(module, params, waveform, valid):
  def loss(params, waveform):
    states = module.apply({'params': params}, waveform, valid)
    return sum(jnp.mean(jnp.square(state)) for state in states), states

  return jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))(params, waveform)


@pytest.mark.parametrize('scan', [False, True])
@pytest.mark.parametrize('remat', REMAT_POLICIES)
def test_scan_and_remat_change_no_number(case, plain, scan, remat):
  module, *inputs = case
  (_, wanted), wanted_gradients = plain
  (_, found), gradients = run(module.clone(scan=scan, remat=remat), *inputs)
  for ours, theirs in zip(found, wanted, strict=True):
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
  assert jax.tree.structure(gradients) == jax.tree.structure(wanted_gradients)
  for ours, theirs in zip(*map(jax.tree.leaves, (gradients, wanted_gradients)), strict=True):
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_scan_does_not_grow_with_the_layers(case):
  module, _, waveform, valid = case

  def operations(num_layers):
    deep = module.clone(num_layers=num_layers, scan=True)
    params = jax.eval_shape(lambda: blocks.init_params(deep, jax.random.key(0), waveform))
    jaxpr = jax.make_jaxpr(lambda p: deep.apply({'params': p}, waveform, valid)[-1])(params)
    return sum(equation.primitive.name == 'dot_general' for equation in jaxpr.eqns)

  assert operations(2) == operations(6)


def test_unknown_policy_is_named(case):
  module, _, waveform, _ = case
  with pytest.raises(ValueError, match="remat must be one of .*got 'some'"):
    jax.eval_shape(module.clone(remat='some').init, jax.random.key(0), waveform)
