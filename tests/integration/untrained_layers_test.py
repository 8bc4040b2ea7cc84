"""Converted network with untrained layers: training completes it, inference refuses it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from seetalk_jax.errors import CheckpointError
from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks
from seetalk_jax.releases import storage
from seetalk_jax.training import initial_weights

FRESH = ('voice_proj/', 'token_proj/')


@pytest.fixture(scope='module')
def unfinished(tmp_path_factory):
  """(module, all its parameters, folder of a release that lacks FRESH)."""
  module = registry.make('portrait_unet', 'tiny')
  arrays = [jnp.zeros(a.shape, a.dtype) for a in module.example_inputs()]
  params = jax.tree.map(np.asarray, blocks.init_params(module, jax.random.key(0), *arrays))
  flat = {
    key: value
    for key, value in traverse_util.flatten_dict(params, sep='/').items()
    if not key.startswith(FRESH)
  }
  folder = tmp_path_factory.mktemp('release') / 'unet'
  notes = {'networks': {'portrait_unet': {'fresh': list(FRESH)}}}
  storage.save_release(
    folder,
    {'portrait_unet': (module, traverse_util.unflatten_dict(flat, sep='/'))},
    provenance=notes,
    dtype='float32',
  )
  return module, params, folder


def test_inference_refuses_it(unfinished):
  _, _, folder = unfinished
  with pytest.raises(CheckpointError, match=r'token_proj/ are not trained yet.*config\.init\.portrait_unet'):
    storage.load_networks(folder)
  with pytest.raises(CheckpointError, match='train it first'):
    initial = initial_weights.load_initial_weights({'portrait_unet': str(folder)})
    initial_weights.check_finished(initial, ['portrait_unet', 'speech_encoder'])


def test_training_starts_from_it(unfinished):
  module, params, folder = unfinished
  network = initial_weights.load_initial_weights({'portrait_unet': str(folder)}).networks['portrait_unet']
  assert network.module == module
  other = jax.tree.map(lambda a: a + 1, params)
  whole = traverse_util.flatten_dict(initial_weights.complete(network.params, other, network.fresh), sep='/')
  for key, value in traverse_util.flatten_dict(params, sep='/').items():
    np.testing.assert_array_equal(whole[key], value + 1 if key.startswith(FRESH) else value)


def test_only_what_is_named_may_be_missing(unfinished, tmp_path):
  module, params, _ = unfinished
  flat = traverse_util.flatten_dict(params, sep='/')
  del flat['conv_in/kernel']
  with pytest.raises(ValueError, match='conv_in/kernel'):
    storage.save_release(
      tmp_path / 'r', {'portrait_unet': (module, traverse_util.unflatten_dict(flat, sep='/'))}
    )
  lacking = initial_weights.complete(traverse_util.unflatten_dict(flat, sep='/'), params, FRESH)
  assert 'kernel' not in lacking['conv_in']
