"""Random weights that are a function of names and shapes, so that golden outputs need no file of weights."""

import zlib

import numpy as np


def random_tensors(shapes):
  """Name -> float32 array: kernels preserve the scale of activations; scales and statistics are about 1."""
  return {name: _one(name, tuple(shape)) for name, shape in shapes.items()}


def random_input(name, shape, low=-1.0, high=1.0):
  """Uniform random float32 array of `shape`."""
  return _generator(name).uniform(low, high, shape).astype(np.float32)


def _one(name, shape):
  rng = _generator(name)
  if name.endswith('num_batches_tracked'):
    return np.array(7, np.int64)
  if name.endswith('running_var'):
    return rng.uniform(0.5, 1.5, shape).astype(np.float32)
  if len(shape) <= 1:
    middle = 1.0 if name.endswith('weight') else 0.0
    return (middle + 0.1 * rng.standard_normal(shape)).astype(np.float32)
  fan_in = np.prod(shape[1:])
  return (rng.standard_normal(shape, np.float32) * np.float32(np.sqrt(1.5 / fan_in))).astype(np.float32)


def _generator(name):
  return np.random.default_rng(zlib.crc32(name.encode()))
