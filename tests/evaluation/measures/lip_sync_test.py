"""Lip sync: shift between picture and sound, published distances, videos in chunks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from modulated_sounds import sounds

from seetalk_jax.errors import InputError
from seetalk_jax.evaluation.measures import lip_sync
from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks


@pytest.mark.parametrize('shift', range(-15, 16))
def test_the_shift_of_a_video_is_found(shift):
  """Of given embeddings: a SyncNet with random weights embeds a face and its sound independently of each other."""
  rng = np.random.default_rng(0)
  track = rng.standard_normal((140, 16))
  faces = track[20:120] + 0.1 * rng.standard_normal((100, 16))
  found = lip_sync.agreement(faces, track[20 + shift : 120 + shift])
  assert found.offset == shift
  assert found.distance < 2 and found.confidence > 3
  unrelated = lip_sync.agreement(rng.standard_normal((100, 16)), track[20:120])
  assert unrelated.confidence < 0.3 and unrelated.distance > 2 * found.distance


def test_distances_are_the_published_ones():
  """Compared with an explicit loop, as in the published code."""
  rng = np.random.default_rng(1)
  faces, audio = rng.standard_normal((2, 30, 8))
  padded = np.concatenate([np.zeros((15, 8)), audio, np.zeros((15, 8))])
  table = [[np.sqrt(((faces[i] - padded[i + j] + 1e-6) ** 2).sum()) for j in range(31)] for i in range(30)]
  means = np.mean(table, axis=0)
  found = lip_sync.agreement(faces, audio)
  np.testing.assert_allclose(found.distance, means.min(), rtol=1e-6)
  np.testing.assert_allclose(found.confidence, np.median(means) - means.min(), rtol=1e-6)
  assert found.offset == 15 - np.argmin(means)


@pytest.mark.slow
def test_a_video_is_measured_whatever_its_chunks():
  network = registry.make('syncnet', 'tiny')
  inputs = jnp.zeros((1, 20, 13)), jnp.zeros((1, 5, 224, 224, 3))
  params = blocks.init_params(network, jax.random.key(0), *inputs)
  rng = np.random.default_rng(2)
  frames = rng.integers(0, 256, (23, 32, 32, 3), dtype=np.uint8)
  waveform = sounds(23 * 640)
  whole = lip_sync.lip_sync(network, params, [frames], waveform)
  parts = lip_sync.lip_sync(network, params, np.split(frames, [4, 9, 20]), waveform)
  np.testing.assert_allclose(whole[:2], parts[:2], rtol=1e-4)
  assert whole.offset == parts.offset and whole.distance > 0
  with pytest.raises(InputError, match='fewer than 6 frames'):
    lip_sync.lip_sync(network, params, [frames[:5]], waveform)
