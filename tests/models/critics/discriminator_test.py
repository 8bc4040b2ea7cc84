"""Patch discriminator: sizes of the map of logits, patches that see their part of the picture alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_networks import build, normal

from seetalk_jax.models import registry


@pytest.mark.parametrize('size, side, wanted', [('tiny', 64, 8), ('demo', 256, 32), ('base', 256, 16)])
def test_maps_of_logits(size, side, wanted):
  module = registry.make('discriminator', size)
  image = jax.ShapeDtypeStruct((2, side, side, 3), jnp.bfloat16)
  out, _ = jax.eval_shape(lambda x: module.init_with_output(jax.random.key(0), x), image)
  assert out.shape == (2, wanted, wanted, 1) and out.dtype == jnp.float32


def test_samples_are_judged_on_their_own():
  image = np.tanh(normal(0, 2, 32, 32, 3))
  module, params = build('discriminator', image)
  run = jax.jit(lambda x: module.apply({'params': params}, x))
  both = run(image)
  changed = run(np.stack([image[0], -image[1]]))
  np.testing.assert_array_equal(both[0], changed[0])
  assert np.abs(both[1] - changed[1]).max() > 1e-3
