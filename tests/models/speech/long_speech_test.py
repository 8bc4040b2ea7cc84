"""Speech in chunks: plans of chunks, and equality of waveform models with one pass over the recording."""

import jax
import numpy as np
import programs
import pytest

from seetalk_jax.models import SpeechEncoder
from seetalk_jax.models.speech.long_speech import Chunk, encode_long, plan_chunks

SMALL = dict(
  front_end='waveform',
  token_dim=16,
  width=32,
  num_layers=2,
  num_heads=2,
  feature_channels=16,
  feed_forward_width=64,
)
NORMS = {'group': {}, 'layer': dict(pre_norm=True, feature_bias=True)}


def noise_bursts(seconds, seed=0):
  """Noise of changing loudness, float32 at 16 kHz."""
  time = np.arange(16_000 * seconds) / 16_000
  noise = np.random.default_rng(seed).standard_normal(len(time))
  return (0.1 * (0.1 + np.sin(4 * time + seed) ** 2) * noise).astype(np.float32)


@pytest.mark.parametrize('everywhere', [False, True])
@pytest.mark.parametrize('num_tokens', [1, 5, 12, 13, 16, 17, 100])
def test_chunks_keep_every_token_once(num_tokens, everywhere):
  chunks = plan_chunks(num_tokens, 8, 2, everywhere=everywhere)
  kept = [token for own in chunks for token in range(own.start, own.stop)]
  assert kept == list(range(num_tokens))
  for own in chunks:
    assert 0 <= own.first <= own.start and own.stop <= own.first + 12
    if everywhere and num_tokens >= 12:
      assert own.first + 12 <= num_tokens, 'no chunk has padding'


def test_chunks_of_local_models_stay_where_they_were():
  assert plan_chunks(9, 4, 1, everywhere=False) == [Chunk(0, 0, 4), Chunk(3, 4, 8), Chunk(7, 8, 9)]
  assert plan_chunks(9, 4, 1, everywhere=True) == [Chunk(0, 0, 4), Chunk(3, 4, 8), Chunk(3, 8, 9)]


@pytest.fixture(scope='module', params=NORMS)
def waveform_model(request):
  """(encoder, its parameters, one pass over a recording)."""
  encoder = SpeechEncoder(**SMALL, feature_norm=request.param, **NORMS[request.param])
  params = programs.random_params(encoder, np.zeros((1, 6400), np.float32))
  return encoder, params, jax.jit(lambda speech: encoder.apply({'params': params}, speech[None])[0][0])


# Up to 10 s, the length of a chunk, the difference is rounding. Then the attention of a chunk does not see the rest:
# with random weights, which attend everywhere alike, this changes tokens by a few percent.
@pytest.mark.parametrize(
  'seconds, tolerance', [(2, 1e-5), (3, 1e-5), (8, 1e-5), (9, 1e-5), (10, 1e-5), (12, 0.06)]
)
def test_waveform_models_in_chunks_equal_one_pass(waveform_model, seconds, tolerance):
  encoder, params, one_pass = waveform_model
  speech = noise_bursts(seconds)
  whole = np.asarray(one_pass(speech))
  tokens, valid = encode_long(encoder, params, speech)
  assert tokens.shape == (1, *whole.shape) and valid.all()
  difference = np.linalg.norm(tokens[0] - whole, axis=-1) / np.linalg.norm(whole, axis=-1)
  assert difference.max() < tolerance


def test_padding_in_a_batch_changes_no_token(waveform_model):
  encoder, params, one_pass = waveform_model
  speech = noise_bursts(2)
  batch = np.stack([np.pad(speech, (0, 16_000), constant_values=0.3), noise_bursts(3, seed=1)])
  run = jax.jit(lambda speech, counts: encoder.apply({'params': params}, speech, counts))
  out = run(batch, np.array([32_000, 48_000]))
  assert out.valid.sum(-1).tolist() == [50, 75]
  np.testing.assert_allclose(out.tokens[0, :50], one_pass(speech), atol=2e-5)
  np.testing.assert_array_equal(out.tokens[0, 50:], 0)
  np.testing.assert_allclose(out.tokens[1], one_pass(batch[1]), atol=2e-5)
