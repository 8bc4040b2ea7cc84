"""Speech tokens: alignment, invariance to level, padding and chunking, detection of silence."""

import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest

from seetalk_jax.models import SpeechEncoder, registry
from seetalk_jax.models.nn import blocks
from seetalk_jax.models.speech.long_speech import encode_long
from seetalk_jax.models.speech.mel import energy_sums, loud_level

ENCODER = registry.make('speech_encoder', 'tiny')


@pytest.fixture(scope='module')
def params():
  return blocks.init_params(ENCODER, jax.random.key(0), jnp.zeros((1, 6400)))


def speech(seconds, seed=0, pauses=True):
  """Noise bursts with a changing tone: a signal with loud, quiet and silent parts."""
  n = int(seconds * 25) * 640
  rng = np.random.default_rng(seed)
  time = np.arange(n) / 16_000
  loudness = np.clip(np.sin(2 * np.pi * 1.3 * time + seed), 0 if pauses else 0.3, 1) ** 2
  tone = np.sin(2 * np.pi * np.cumsum(200 + 100 * np.sin(7 * time)) / 16_000)
  return (0.2 * loudness * (tone + 0.3 * rng.standard_normal(n))).astype(np.float32)


encode = jax.jit(ENCODER.apply)


def run(params, waveform, num_samples=None):
  return jax.device_get(encode({'params': params}, waveform, num_samples))


def test_shapes_and_unit_length(params):
  out = run(params, np.stack([speech(1), speech(1, 1)]))
  assert out.tokens.shape == (2, 25, 32) and out.valid.shape == (2, 25) and out.valid.all()
  np.testing.assert_allclose(np.linalg.norm(out.embedding, axis=-1), 1, atol=1e-5)


def test_padding_changes_nothing(params):
  waveform = speech(2)
  whole = run(params, waveform[None])
  padded = np.concatenate([waveform, 0.3 * np.ones(16_000, np.float32)])  # padding that is not silent
  out = run(params, padded[None], np.array([len(waveform)]))
  assert out.valid[0].sum() == 50
  np.testing.assert_allclose(out.tokens[:, :50], whole.tokens, atol=2e-4)
  np.testing.assert_array_equal(out.tokens[:, 50:], 0)
  np.testing.assert_allclose(out.embedding, whole.embedding, atol=2e-4)


def test_level_changes_nothing(params):
  waveform = speech(2)[None]
  np.testing.assert_allclose(run(params, waveform).tokens, run(params, 0.25 * waveform).tokens, atol=2e-3)


def test_loud_level_ignores_pauses():
  waveform = speech(3)
  spread = np.concatenate([waveform, np.zeros(64_000, np.float32)])
  level = jax.jit(lambda w: loud_level(energy_sums(w[None]))[0])
  levels = [float(level(w)) for w in (waveform, spread)]
  np.testing.assert_allclose(levels[0], levels[1], rtol=1e-5)


def test_tokens_feel_only_their_neighbourhood(params):
  # A local change at constant level and statistics affects no token more than a second away.
  waveform = speech(6, pauses=False)
  changed = waveform.copy()
  changed[48_000:49_000] *= -0.5
  variables = {'params': params}

  @jax.jit
  def encode(w):
    normaliser = ENCODER.apply(variables, jnp.asarray(waveform)[None], method='normaliser')
    return ENCODER.apply(variables, w[None], None, normaliser, method='encode_tokens')[0][0]

  moved = np.flatnonzero(np.abs(encode(waveform) - encode(changed)).max(-1) > 1e-5)
  assert len(moved) and moved.min() >= 75 - 25 and moved.max() <= 76 + 25


@pytest.mark.parametrize('seconds', [0.4, 2.0, 5.2])
def test_chunks_equal_the_whole(params, seconds):
  waveform = speech(seconds)
  whole = run(params, waveform[None])
  tokens, valid = encode_long(ENCODER, params, waveform, chunk_seconds=2, context_seconds=1)
  assert tokens.shape == whole.tokens.shape and valid.all()
  np.testing.assert_allclose(tokens, whole.tokens, atol=2e-3)


def test_partial_frame_is_kept(params):
  tokens, _ = encode_long(ENCODER, params, speech(1)[: 640 * 10 + 1], chunk_seconds=2)
  assert tokens.shape[1] == 11


def test_silence_and_nothing_valid_are_finite(params):
  for waveform, num_samples in ((np.zeros((1, 6400)), None), (speech(0.4)[None], np.array([0]))):
    out = run(params, np.asarray(waveform, np.float32), num_samples)
    assert all(np.isfinite(x.astype(np.float32)).all() for x in out)

  @jax.jit
  def gradient(waveform):
    return jax.grad(lambda w: ENCODER.apply({'params': params}, w).embedding.sum())(waveform)

  assert bool(jnp.isfinite(gradient(jnp.zeros((1, 6400)))).all())


def test_pauses_stay_pauses_in_the_features(params):
  waveform = np.concatenate([speech(1, pauses=False), np.zeros(16_000, np.float32), speech(1, pauses=False)])
  waveform += 1e-4 * np.random.default_rng(0).standard_normal(len(waveform)).astype(np.float32)

  @jax.jit
  def features(waveform):
    normaliser = ENCODER.apply({'params': params}, waveform, method='normaliser')
    valid = jnp.ones((1, 75), bool)
    return ENCODER.apply({'params': params}, waveform, valid, normaliser, method='log_mel_features')

  loudness = np.asarray(features(waveform[None]))[0, :, -1]
  assert loudness[110:190].max() < loudness[:90].min() - 0.5


def test_waveform_front_end_runs_at_25_hz():
  encoder = SpeechEncoder(
    front_end='waveform', token_dim=16, width=32, num_layers=1, num_heads=2, feature_channels=16
  )
  waveform = speech(1)[None]
  out = programs.apply(encoder, {'params': programs.random_params(encoder, waveform)}, waveform)
  assert out.tokens.shape == (1, 25, 16) and np.isfinite(out.tokens).all()
