"""SyncNet: fixed crops, cepstra of its windows, one-line errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from modulated_sounds import sounds

from seetalk_jax.constants import FACE_BOX
from seetalk_jax.data import transforms
from seetalk_jax.evaluation.measures import lip_sync
from seetalk_jax.models import registry
from seetalk_jax.models.critics.syncnet import SyncNet
from seetalk_jax.models.nn import image_ops
from seetalk_jax.models.speech import mfcc


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
  ours = image_ops.to_uint8(SyncNet.crop(image_ops.to_float(jnp.asarray(picture)[None])))[0]
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


def test_wrong_shapes_are_named():
  network = registry.make('syncnet', 'tiny')
  with pytest.raises(ValueError, match=r'\[b, 20, 13\], got \(1, 19, 13\)'):
    network.init(jax.random.key(0), jnp.zeros((1, 19, 13)), jnp.zeros((1, 5, 224, 224, 3)))
