"""Compiled application of networks: compiling operation by operation would take most of a test's time."""

import functools

import jax
from flax import linen as nn
from flax import traverse_util

from seetalk_jax.testing import tiny_release


def apply(module, variables, *args, method=None, **options):
  """`module.apply(variables, *args, method=method, **options)` with NumPy arrays as results."""
  return jax.device_get(_apply(module, variables, *args, method=method, **options))


@functools.partial(jax.jit, static_argnums=0, static_argnames=('method', 'mutable', 'train'))
def _apply(module, variables, *args, method, **options):
  return module.apply(variables, *args, method=method, **options)


def random_params(module, *args, seed=0, **options):
  """Random parameters for tests that do not need initial values; compiling `init` is as slow as the network.

  Args:
    *args, **options: example inputs of `module.init`; only shapes matter.
  """
  init = functools.partial(module.init, **options)
  shapes = traverse_util.flatten_dict(
    nn.unbox(jax.eval_shape(init, jax.random.key(0), *args))['params'], sep='/'
  )
  arrays = tiny_release.random_arrays({path: leaf.shape for path, leaf in shapes.items()}, seed)
  return traverse_util.unflatten_dict(arrays, sep='/')
