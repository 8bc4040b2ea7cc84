"""Motion transformer: frames that are not valid and dropped speech have no effect; given frames are marked."""

import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest
from tiny_networks import normal, stirred

from seetalk_jax.models import registry
from seetalk_jax.models.motion.motion_transformer import PAST_PARAMETER
from seetalk_jax.models.nn import blocks


@pytest.fixture(scope='module')
def transformer():
  module = registry.make('motion_transformer', 'tiny')
  inputs = normal(0, 2, 12, 256), jnp.array([3.0, 900.0]), normal(1, 2, 12, 32), normal(2, 2, 256)
  return module, stirred(blocks.init_params(module, jax.random.key(0), *inputs)), inputs


def test_transformer_ignores_what_is_not_valid(transformer):
  module, params, (xt, t, tokens, m_0) = transformer
  valid = np.arange(12)[None] < np.array([[8], [12]])
  out = programs.apply(module, {'params': params}, xt, t, tokens, m_0, valid)
  assert out.shape == xt.shape and out.dtype == jnp.float32
  cut = programs.apply(module, {'params': params}, xt[:1, :8], t[:1], tokens[:1, :8], m_0[:1])
  np.testing.assert_allclose(out[0, :8], cut[0], atol=1e-4)
  with pytest.raises(ValueError, match='aligned'):
    programs.apply(module, {'params': params}, xt, t, tokens[:, :5], m_0)


def test_dropped_speech_is_not_heard(transformer):
  module, params, (xt, t, tokens, m_0) = transformer
  drop = jnp.array([True, False])
  pair = [
    programs.apply(module, {'params': params}, xt, t, speech, m_0, None, drop)
    for speech in (tokens, tokens + 1.5 * normal(9, 32))
  ]
  np.testing.assert_array_equal(pair[0][0], pair[1][0])
  assert np.abs(pair[0][1] - pair[1][1]).max() > 1e-3


def test_tokens_after_the_end_of_each_track_have_no_effect_at_all(transformer):
  module, params, (xt, t, tokens, m_0) = transformer
  valid = np.arange(12)[None] < np.array([[8], [5]])
  other = np.where(valid[..., None], tokens, 7.0).astype(np.float32)
  noisy = np.where(valid[..., None], xt, -3.0).astype(np.float32)
  first, second = (
    programs.apply(module, {'params': params}, x, t, speech, m_0, valid)
    for x, speech in ((xt, tokens), (noisy, other))
  )
  np.testing.assert_array_equal(first[valid], second[valid])


def test_weights_without_given_frames_start_a_network_with_them(transformer):
  module, params, inputs = transformer
  given = np.arange(12)[None] < np.array([[3], [0]])
  with pytest.raises(ValueError, match='with_past=True'):
    programs.apply(module, {'params': params}, *inputs, given=given)
  wider = module.clone(with_past=True)
  fresh = blocks.init_params(wider, jax.random.key(0), *inputs)
  assert set(fresh) - set(params) == {PAST_PARAMETER}
  assert not np.asarray(fresh[PAST_PARAMETER]).any()
  old = programs.apply(module, {'params': params}, *inputs)
  started = {**params, PAST_PARAMETER: fresh[PAST_PARAMETER]}
  for options in ({}, {'given': given}):
    np.testing.assert_array_equal(programs.apply(wider, {'params': started}, *inputs, **options), old)
  # A mark that has been learned changes all frames of tracks with given ones.
  marked = {**params, PAST_PARAMETER: normal(3, 32)}
  found = programs.apply(wider, {'params': marked}, *inputs, given=given)
  assert (np.abs(found - old)[0].max(axis=-1) > 1e-4).all()
  np.testing.assert_allclose(found[1], old[1], atol=1e-6)
