"""Sync expert: embeddings have unit length; rendered frames are cropped at their mouths."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest
from tiny_networks import normal

from seetalk_jax.models import registry
from seetalk_jax.models.critics.sync_expert import cosine_of_frames
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


@pytest.mark.parametrize('name', ['sync_expert', 'syncnet'])
def test_frames_of_a_portrait_are_cropped_at_their_own_center(name):
  module = registry.make(name, 'tiny')
  speech, frames = 0.1 * normal(0, 2, module.num_samples), normal(1, 2, 5, 64, 64, 3)
  centers = jnp.array([[0.5, 0.7], [0.3, 0.4]])
  crops = jnp.stack(
    [module.crop(jnp.asarray(row), jnp.tile(at, (5, 1))) for row, at in zip(frames, centers, strict=True)]
  )
  variables = {'params': programs.random_params(module, speech, crops, method='cosine')}
  wanted = programs.apply(module, variables, speech, crops, method='cosine')
  found = jax.jit(functools.partial(cosine_of_frames, module))(variables, speech, frames, centers)
  np.testing.assert_allclose(found, wanted, atol=1e-5)
