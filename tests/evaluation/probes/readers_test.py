"""Attribute reader: it learns its labels, ignores NaN labels, and round-trips through its file."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.evaluation.probes import readers, trunk

_TINY = readers.ReaderNetwork(widths=(32,), features=32)


class _Mean(nn.Module):
  def __call__(self, image):
    return image.mean(axis=(1, 2, 3))


def _pictures(n, seed=0):
  """A disc whose height encodes 'opening', on a background whose red encodes 'skin_red'."""
  rng = np.random.default_rng(seed)
  opening, red = rng.random(n), rng.random(n)
  y, x = np.mgrid[:128, :128]
  images = np.zeros((n, 128, 128, 3), np.uint8)
  for i in range(n):
    images[i, ..., 0] = 40 + 150 * red[i]
    images[i][((x - 64) / 24) ** 2 + ((y - 64) / (4 + 30 * opening[i])) ** 2 < 1] = 230
  labels = np.full((n, len(readers.FIELDS)), np.nan, np.float32)
  labels[:, readers.FIELDS.index('opening')] = opening
  labels[:, readers.FIELDS.index('skin_red')] = red
  return images, labels


def test_unknown_labels_do_not_count():
  labels = jnp.array([[0.5, jnp.nan], [jnp.nan, 1.0]])
  exact = jnp.array([[0.5, 99.0], [-99.0, 1.0]])
  assert float(readers.masked_error(exact, labels)) == 0
  assert float(readers.masked_error(exact + 0.1, labels)) == pytest.approx(0.005)
  mean, std = readers.standardise(np.array([[1.0, np.nan], [3.0, np.nan]], np.float32))
  assert mean.tolist() == [2, 0]
  assert std.tolist() == [1, 1]


@pytest.mark.slow  # compiles for ten seconds and more
def test_tiny_training_reads_unseen_pictures_and_is_saved(tmp_path):
  images, labels = _pictures(160)
  held_out = np.arange(160) >= 130
  reader = readers.train_reader(images, labels, held_out, network=_TINY, num_steps=45, batch_size=12)
  assert reader.agreement['opening'] > 0.6
  assert reader.error['opening'] < 0.21  # predicting the mean has an error of 0.25
  assert np.isnan(reader.agreement['age'])
  path = str(tmp_path / 'reader.safetensors')
  readers.save_reader(path, reader)
  again = readers.load_reader(path)
  np.testing.assert_allclose(again(images[:5]), reader(images[:5]), rtol=1e-5, atol=1e-5)
  assert again.network == reader.network
  assert set(again.read(images[:3])) == set(readers.FIELDS)


def test_batches_are_padded_and_cut_back():
  images = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
  means = trunk.apply_in_batches(_Mean(), {}, images, batch_size=4)
  np.testing.assert_allclose(means, np.arange(10) / 127.5 - 1, atol=1e-6)
  with pytest.raises(ValueError, match='length of at least 1'):
    trunk.apply_in_batches(_Mean(), {}, images[:0])
