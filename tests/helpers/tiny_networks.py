"""Tiny networks with random parameters, and random arrays as their inputs."""

import jax
import numpy as np

from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks


def normal(seed, *shape):
  """Standard normal numbers, float32."""
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def stirred(params, scale=0.1, seed=0):
  """Parameters plus noise: initial values of 0 would hide effects."""
  rng = np.random.default_rng(seed)
  return jax.tree.map(
    lambda a: a + scale * rng.standard_normal(a.shape).astype(a.dtype), jax.device_get(params)
  )


def build(name, *args):
  """(module, initial parameters) of the tiny network `name` for example inputs `args`."""
  module = registry.make(name, 'tiny')
  return module, blocks.init_params(module, jax.random.key(0), *args)
