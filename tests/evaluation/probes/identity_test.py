"""Identity network: it separates looks that were not in its training data."""

import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.evaluation.probes import identity


def _looks(n, frames, seed=0):
  """A look is a pair of colors; the frames of a look differ in the boundary between them."""
  rng = np.random.default_rng(seed)
  colours = rng.integers(20, 235, (n, 2, 3))
  edges = rng.integers(40, 88, (n, frames))
  images = np.zeros((n, frames, 128, 128, 3), np.uint8)
  for i in range(n):
    for j in range(frames):
      images[i, j, : edges[i, j]] = colours[i, 0]
      images[i, j, edges[i, j] :] = colours[i, 1]
  return images


def test_contrastive_loss_is_least_for_matched_pairs():
  vectors = jnp.eye(6)
  matched = float(identity.contrastive_loss(vectors, vectors))
  assert matched < 0.01
  assert float(identity.contrastive_loss(vectors, jnp.roll(vectors, 1, axis=0))) > 5


@pytest.mark.slow  # compiles for ten seconds and more
def test_training_names_unseen_looks(tmp_path):
  network = identity.IdentityNetwork(dim=16, widths=(32,), features=32)
  reader = identity.train_identity(_looks(48, 3), network=network, num_steps=16, batch_size=12)
  unseen = _looks(20, 2, seed=1)
  right = identity.named_right(reader(unseen[:, 0]), reader(unseen[:, 1]))
  assert right.mean() > 0.5  # chance: 0.05
  path = str(tmp_path / 'identity.safetensors')
  identity.save_identity(path, reader)
  np.testing.assert_allclose(identity.load_identity(path)(unseen[:, 0]), reader(unseen[:, 0]), atol=1e-5)


def test_too_few_looks_are_refused():
  with pytest.raises(ValueError, match='looks'):
    identity.train_identity(_looks(4, 2), batch_size=16)
