"""Frozen networks that the tests of stages share."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest
from tiny_stages import SIZE

from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks
from seetalk_jax.stages import base


@pytest.fixture(scope='session')
def world():
  """All frozen networks that a stage may need, tiny and random."""
  names = ('speech_encoder', 'autoencoder', 'motion_codec', 'motion_transformer', 'codebook', 'sync_expert')
  modules = {name: registry.make(name, 'tiny') for name in names}
  image = jnp.zeros((1, SIZE, SIZE, 3))
  inputs = {
    'speech_encoder': (jnp.zeros((1, 6400)),),
    'autoencoder': (jnp.zeros((1, 32, 32, 3)),),
    'motion_codec': (image, image),
    'motion_transformer': (
      jnp.zeros((1, 4, 256)),
      jnp.zeros((1,)),
      jnp.zeros((1, 4, modules['speech_encoder'].token_dim)),
      jnp.zeros((1, 256)),
    ),
    'codebook': (image,),
    'sync_expert': (jnp.zeros((1, 3200)), jnp.zeros((1, 5, 48, 96, 3))),
  }
  variables = {
    name: blocks.init_variables(module, jax.random.key(i), *inputs[name])
    for i, (name, module) in enumerate(modules.items())
  }
  params = {name: trees['params'] for name, trees in variables.items()}
  state = {k: v for k, v in variables['codebook'].items() if k != 'params'}
  return modules, base.Frozen(params=params, collections={'codebook': state})


@pytest.fixture(scope='session')
def region_world(world):
  """Codebook, and a codec that reads pictures of 256 pixels at 64."""
  modules, frozen = world
  codec = registry.make('motion_codec', 'tiny', low_grid=True, inner_size=64)
  image = jnp.zeros((1, SIZE, SIZE, 3))
  params = {**frozen.params, 'motion_codec': blocks.init_params(codec, jax.random.key(0), image, image)}
  return {'codebook': modules['codebook'], 'motion_codec': codec}, dataclasses.replace(frozen, params=params)
