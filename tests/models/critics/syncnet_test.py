"""SyncNet: cepstra equal to python_speech_features, lip sync at known shifts, fixed crops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.constants import FACE_BOX
from seetalk_jax.data import transforms
from seetalk_jax.errors import InputError
from seetalk_jax.evaluation.measures import lip_sync
from seetalk_jax.models import registry
from seetalk_jax.models.critics.syncnet import SyncNet
from seetalk_jax.models.nn import blocks
from seetalk_jax.models.speech import mfcc


def sounds(num_samples, seed=0):
  """Amplitude-modulated noise with a tone."""
  rng = np.random.default_rng(seed)
  time = np.arange(num_samples) / 16_000
  return (
    0.2 * np.sin(2 * np.pi * (300 + 200 * time) * time) + 0.05 * rng.standard_normal(num_samples)
  ).astype(np.float32) * (0.5 + 0.5 * np.sin(9 * time)).astype(np.float32)


@pytest.mark.parity
@pytest.mark.parametrize('num_samples', [16_000, 3441, 3439, 400, 123])
def test_cepstra_are_the_package_s(num_samples):
  reference = pytest.importorskip('python_speech_features')
  waveform = sounds(num_samples)
  theirs = reference.mfcc(waveform.astype(np.float64) * 32768, 16_000)
  ours = np.asarray(mfcc.mfcc(jnp.asarray(waveform)[None]))[0]
  assert ours.shape == theirs.shape == (mfcc.num_frames(num_samples), 13)
  np.testing.assert_allclose(ours, theirs, atol=2e-3, rtol=1e-4)  # coefficients are up to 40


def test_cepstra_of_what_is_known():
  silence = np.asarray(mfcc.mfcc(jnp.zeros((1, 800))))
  assert np.isfinite(silence).all()
  soft = np.asarray(mfcc.mfcc(jnp.asarray(sounds(8000))[None]))
  loud = np.asarray(mfcc.mfcc(2 * jnp.asarray(sounds(8000))[None]))
  np.testing.assert_allclose(loud[..., 0] - soft[..., 0], np.log(4), atol=1e-3)  # energy
  np.testing.assert_allclose(loud[..., 1:], soft[..., 1:], atol=1e-2)  # all other coefficients are equal
  early = np.asarray(mfcc.mfcc(jnp.asarray(sounds(8000)[160:])[None]))
  np.testing.assert_allclose(early[:, 1:-1], soft[:, 2:-1], atol=1e-2)  # one hop is one frame


@pytest.mark.parametrize('shift', [-7, 0, 3])
def test_the_shift_of_a_video_is_found(shift):
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


def test_crops_show_the_face_where_it_is():
  side = 64
  y, x = np.meshgrid(*2 * [(np.arange(side) + 0.5) / side], indexing='ij')
  picture = np.stack([x, y, 0 * x], axis=-1).astype(np.float32)[None]
  crop = np.asarray(lip_sync.face_crops(jnp.asarray(picture)))[0]
  left, top, right, bottom = FACE_BOX
  assert crop.shape == (224, 224, 3)
  np.testing.assert_allclose(crop[112, :, 0].mean(), (left + right) / 2, atol=1e-2)
  np.testing.assert_allclose(crop[0, 112, 1], top, atol=1e-2)
  np.testing.assert_allclose(crop[-1, 112, 1], 1 - 0.5 / side, atol=1e-3)  # the last row is repeated below
  assert bottom > 1


def test_records_are_cut_as_portraits_are():
  picture = np.random.default_rng(3).integers(0, 256, (4, 4, 3)).repeat(32, 0).repeat(32, 1).astype(np.uint8)
  cut = transforms.crop_face(picture)
  ours = blocks.to_uint8(SyncNet.crop(blocks.to_float(jnp.asarray(picture)[None])))[0]
  assert cut.shape == ours.shape == (224, 224, 3)
  assert np.abs(cut.astype(int) - np.asarray(ours).astype(int)).mean() < 1.0


def test_it_hears_what_the_measure_hears():
  """The speech of a window has the same cepstra as the whole recording at that position."""
  waveform = jnp.asarray(sounds(8000))[None]
  whole = mfcc.mfcc(waveform)
  window = mfcc.mfcc(waveform[:, 640 : 640 + SyncNet.num_samples])
  assert window.shape == (1, 20, 13)
  # Pre-emphasis has no sample before the first one.
  np.testing.assert_allclose(window[:, 1:], whole[:, 5:24], atol=1e-2)


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


def test_wrong_shapes_are_named():
  network = registry.make('syncnet', 'tiny')
  with pytest.raises(ValueError, match=r'\[b, 20, 13\], got \(1, 19, 13\)'):
    network.init(jax.random.key(0), jnp.zeros((1, 19, 13)), jnp.zeros((1, 5, 224, 224, 3)))
