"""Regularization of speech encoders: spans, rates, the same network without a key, equal results of scan and loop."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest

from seetalk_jax.models import SpeechEncoder, registry
from seetalk_jax.models.speech import regularization
from seetalk_jax.models.speech.regularization import Regularization

SOUND = (0.1 * np.random.default_rng(0).standard_normal((2, 16_000))).astype(np.float32)
WAVEFORM = functools.partial(
  SpeechEncoder,
  front_end='waveform',
  token_dim=16,
  width=32,
  num_layers=2,
  num_heads=2,
  feature_channels=16,
  feed_forward_width=32,
)
ENCODERS = {
  'log_mel': registry.make('speech_encoder', 'tiny'),
  'post_norm': WAVEFORM(),
  'pre_norm': WAVEFORM(pre_norm=True, feature_norm='layer', remat=True),
}


@functools.cache
def params_of(name):
  return programs.random_params(ENCODERS[name], SOUND[:, :6400])


@functools.cache
def compiled(name, rates):
  run = lambda params, rng: ENCODERS[name].apply({'params': params}, SOUND, None, rates, rng).tokens
  return jax.jit(run)


def tokens(name, rates, rng):
  return np.asarray(compiled(name, rates)(params_of(name), rng))


@pytest.mark.parametrize(('share', 'length'), [(0.05, 10), (0.3, 20), (0.5, 1), (0.0, 5)])
def test_spans_have_the_share_and_the_length(share, length):
  mask = np.asarray(regularization.span_mask(jax.random.key(0), (400, 300), share, length))
  assert mask[:, length:].mean() == pytest.approx(share, abs=0.015)
  for row in mask[:50]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], row, [0]])))
    runs = [(first, last) for first, last in zip(edges[::2], edges[1::2], strict=True)]
    assert all(last - first >= length or last == len(row) for first, last in runs)


def test_dropout_keeps_the_mean_and_skips_happen_at_their_rate():
  x = jnp.ones((300, 300))
  dropped = np.asarray(regularization.dropped_out(x, 0.2, jax.random.key(1)))
  assert set(np.unique(dropped).round(4)) == {0.0, 1.25} and dropped.mean() == pytest.approx(1, abs=0.01)
  assert (
    regularization.dropped_out(x, 0.2, None) is x
    and regularization.dropped_out(x, 0.0, jax.random.key(1)) is x
  )
  keys = jax.random.split(jax.random.key(2), 1000)
  old = jax.vmap(lambda key: regularization.layer_or_skip(jnp.ones(()), jnp.zeros(()), 0.3, key))(keys)
  assert 1 - old.mean() == pytest.approx(0.3, abs=0.05)


def test_bands_are_masked_in_both_of_their_copies():
  x = jnp.ones((8, 40, 2 * 24 + 1))
  rates = Regularization(feature_mask=0.5)
  out = np.asarray(regularization.spec_augment(x, rates, jax.random.key(0), 100, num_features=24))
  np.testing.assert_array_equal(out[..., :24], out[..., 24:48])
  np.testing.assert_array_equal(out[..., 48], 1.0)
  np.testing.assert_array_equal(out, np.broadcast_to(out[:, :1], out.shape))
  assert 0.2 < out[..., :24].mean() < 0.8
  timed = np.asarray(regularization.spec_augment(x, Regularization(time_mask=0.5), jax.random.key(0), 50))
  np.testing.assert_array_equal(timed, np.broadcast_to(timed[..., :1], timed.shape))


@pytest.mark.parametrize('name', ENCODERS)
def test_nothing_changes_without_a_key_or_a_rate(name):
  without = jax.jit(
    lambda params: ENCODERS[name].apply({'params': params}, SOUND).tokens
  )  # SOUND as in `compiled`
  plain = np.asarray(without(params_of(name)))
  strong = Regularization(0.5, 0.5, 0.5, 0.5)
  np.testing.assert_array_equal(tokens(name, strong, None), plain)
  np.testing.assert_allclose(tokens(name, Regularization(), jax.random.key(0)), plain, atol=2e-5)


@pytest.mark.parametrize('name', ENCODERS)
@pytest.mark.parametrize('field', Regularization._fields)
def test_every_rate_changes_tokens_by_the_key_alone(name, field):
  rates = Regularization(**{field: 0.5})
  plain = tokens(name, rates, None)
  changed = [tokens(name, rates, jax.random.key(seed)) for seed in (0, 1, 2, 3, 4, 0)]
  assert all(np.isfinite(each).all() for each in changed)
  np.testing.assert_array_equal(changed[0], changed[-1])
  assert any(np.abs(each - plain).max() > 1e-3 for each in changed[:5])
  assert any(np.abs(each - changed[0]).max() > 1e-3 for each in changed[1:5])


def test_a_scan_over_layers_draws_what_the_loop_draws():
  rates, rng = Regularization(0.2, 0.3, 0.1, 0.1), jax.random.key(5)
  scanned = WAVEFORM(scan=True).apply({'params': params_of('post_norm')}, SOUND, None, rates, rng).tokens
  np.testing.assert_allclose(scanned, tokens('post_norm', rates, rng), atol=1e-4)


@pytest.mark.parametrize('name', ENCODERS)
def test_gradients_are_finite(name):
  rates = Regularization(0.2, 0.3, 0.1, 0.1)

  @jax.jit
  def gradient(params, rng):
    return jax.grad(lambda p: ENCODERS[name].apply({'params': p}, SOUND, None, rates, rng).embedding.sum())(
      params
    )

  found = jax.tree.leaves(gradient(params_of(name), jax.random.key(0)))
  assert all(np.isfinite(leaf).all() for leaf in found) and any(np.abs(leaf).max() > 0 for leaf in found)
