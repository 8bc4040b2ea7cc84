"""Outputs on a finer grid: interpolation at first, details of their own after training."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from seetalk_jax.models.motion import smooth_upsample, warping


def features():
  return jax.random.normal(jax.random.key(0), (2, 4, 3, 8))


def variables(module):
  return nn.unbox(module.init(jax.random.key(1), features()))


def test_it_starts_as_an_interpolation():
  module = smooth_upsample.SmoothUpsample(3, 4)
  params = variables(module)['params']
  coarse = nn.Conv(3, (1, 1)).apply({'params': params['smooth']}, features())
  found = module.apply({'params': params}, features())
  np.testing.assert_allclose(found, warping.upsample_bilinear(coarse, (16, 12)), atol=1e-6)
  assert float(jnp.std(found)) > 0.1


def test_details_differ_within_a_position():
  module = smooth_upsample.SmoothUpsample(1, 2, zero_init=True)
  params = variables(module)['params']
  assert not jnp.any(module.apply({'params': params}, features()))
  params['details']['bias'] = jnp.arange(4.0)
  found = module.apply({'params': params}, features())
  np.testing.assert_allclose(found[0, :2, :2, 0], [[0, 1], [2, 3]], atol=1e-6)
  np.testing.assert_array_equal(found[:, 2:4, 2:4], found[:, :2, :2])
