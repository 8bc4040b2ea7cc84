"""Tiny networks with random weights that NumPy draws, which compiles nothing."""

import numpy as np
from flax import traverse_util

from seetalk_jax.models import registry
from seetalk_jax.releases import network_spec


def random_network(name):
  """A tiny network with He initialization, by NumPy, which compiles nothing."""
  network, rng = registry.make(name, 'tiny'), np.random.default_rng(0)
  flat = {
    path: rng.standard_normal(shape, np.float32) * np.sqrt(2 / max(np.prod(shape[:-1]), 1), dtype=np.float32)
    for path, shape in network_spec.shapes_of(network).items()
  }
  biases = {path: np.zeros_like(array) for path, array in flat.items() if path.endswith('/bias')}
  return network, traverse_util.unflatten_dict(flat | biases, sep='/')
