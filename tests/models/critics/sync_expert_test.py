"""Sync expert: embeddings have unit length."""

import jax
import jax.numpy as jnp
import numpy as np
import programs
from tiny_networks import normal

from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks


def test_sync_expert_embeds_on_the_sphere():
  module = registry.make('sync_expert', 'tiny')
  speech, mouth = 0.1 * normal(0, 3, 3200), normal(1, 3, 5, 48, 96, 3)
  params = blocks.init_params(module, jax.random.key(0), speech, mouth)
  for x, method in ((speech, 'speech_vector'), (mouth, 'picture_vector')):
    embedding = programs.apply(module, {'params': params}, x, method=method)
    assert embedding.shape == (3, 32)
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=-1), 1, atol=1e-4)
  assert np.isfinite(programs.apply(module, {'params': params}, jnp.zeros((1, 3200)), mouth[:1])).all()
