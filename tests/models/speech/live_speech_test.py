"""Tokens of live speech: statistics of all the speech so far from its last seconds, and the level in silence."""

import jax
import numpy as np
import programs
import pytest

from seetalk_jax.constants import SAMPLES_PER_FRAME
from seetalk_jax.models import SpeechEncoder, registry
from seetalk_jax.models.speech import live_speech
from seetalk_jax.models.speech.long_speech import encode_long

WINDOW, CHUNK, AHEAD = 40, 8, 5  # tokens


def bursts(num_tokens, seed=0):
  """Noise of changing loudness and color with an offset, float32 `[640 n]`."""
  rng = np.random.default_rng(seed)
  noise = rng.standard_normal(SAMPLES_PER_FRAME * num_tokens)
  t = np.arange(len(noise)) / 16_000
  colored = noise + np.roll(noise, 1) * np.sin(2 * t + seed)
  return (0.01 + 0.1 * np.sin(5 * t + seed) ** 2 * colored).astype(np.float32)


@pytest.fixture(scope='module')
def networks() -> tuple[SpeechEncoder, dict]:
  encoder = registry.make('speech_encoder', 'tiny')
  return encoder, programs.random_params(encoder, np.zeros((1, 6400), np.float32))


def encoded(networks, speech, chunk=CHUNK, ahead=AHEAD):
  """(tokens of the last window, statistics) after all chunks of speech, and the numbers of its tokens."""
  encoder, params = networks
  length, found = WINDOW + live_speech.CONTEXT, live_speech.LiveStatistics.empty(encoder.num_bands)
  total = len(speech) // SAMPLES_PER_FRAME
  for stop in range(chunk, total - ahead + 1, chunk):
    first = max(0, stop + ahead - length)
    piece = speech[first * SAMPLES_PER_FRAME : (stop + ahead) * SAMPLES_PER_FRAME]
    padded = np.pad(piece, (0, length * SAMPLES_PER_FRAME - len(piece)))
    places = stop - chunk - first, stop - first, stop + ahead - first
    tokens, found = live_speech.encode_next(encoder, params, padded, *places, found)
  return tokens, found, slice(first, stop + ahead)


@pytest.mark.parametrize('num_tokens', [29, 53, 133])
def test_tokens_are_those_of_a_recording_that_ends_there(networks, num_tokens, monkeypatch):
  monkeypatch.setattr(live_speech, 'MEMORY', 1e9)
  live_speech._compiled.cache_clear()
  speech = bursts(num_tokens)
  tokens, _, places = encoded(networks, speech)
  assert places.stop == num_tokens
  centered = speech - speech.mean()
  whole = np.asarray(encode_long(*networks, centered)[0])[:, places]
  fresh = 0 if places.start == 0 else live_speech.CONTEXT
  live_speech._compiled.cache_clear()
  assert tokens.shape == (1, places.stop - places.start, 32)
  # The offset is that of the last seconds, and frames at the borders of chunks count by their own samples.
  assert np.abs(tokens - whole)[:, fresh:].mean() < 0.03 * whole.std()


def test_statistics_do_not_depend_on_the_length_of_chunks(networks):
  speech = bursts(85)
  one, other = (encoded(networks, speech, chunk=chunk)[1] for chunk in (8, 16))
  np.testing.assert_allclose(one.energies, other.energies, rtol=0.02)
  np.testing.assert_allclose(one.level, other.level, rtol=0.02)
  np.testing.assert_allclose(
    one.bands[:, 1] / one.bands[:, 0], other.bands[:, 1] / other.bands[:, 0], atol=0.02
  )


def test_silence_neither_raises_the_level_nor_forgets(networks):
  speech, quiet = bursts(45), 1e-4 * bursts(400, seed=1)
  _, before, _ = encoded(networks, speech)
  _, after, _ = encoded(networks, np.concatenate([speech, quiet]))
  np.testing.assert_allclose(after.level, before.level, rtol=0.2)
  _, alone, _ = encoded(networks, quiet)
  assert alone.level == np.float32(live_speech.QUIET)


def test_the_level_follows_a_speaker_who_moves_away(networks, monkeypatch):
  monkeypatch.setattr(live_speech, 'MEMORY', 25)
  live_speech._compiled.cache_clear()
  near, far = bursts(85), 0.2 * bursts(400, seed=1)
  _, found, _ = encoded(networks, np.concatenate([near, far]))
  _, alone, _ = encoded(networks, far)
  live_speech._compiled.cache_clear()
  np.testing.assert_allclose(found.level, alone.level, rtol=0.2)


def test_one_program_encodes_all_chunks(networks):
  encoded(networks, bursts(133))
  assert live_speech._compiled(networks[0])._cache_size() == 1
  assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(encoded(networks, bursts(29))[1]))
