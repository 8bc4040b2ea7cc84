"""ConRe head: shapes and ranges of its outputs, bounds of the temperature."""

import jax
import jax.numpy as jnp
import numpy as np
from tiny_networks import build

from seetalk_jax import constants


def test_conre_head_outputs():
  head, params = build('conre', jnp.ones((1, 512)), jnp.ones((1, 4, 32)))
  drawing, attributes, articulation, temperature = jax.jit(head.apply)(
    {'params': params}, jnp.ones((3, 512)) / 22.6, jnp.ones((3, 10, 32))
  )
  assert drawing.shape == (3, 64, 64, 3) and attributes.shape == (3, 3)
  assert articulation.shape == (3, 10, constants.NUM_LIP_FIELDS)
  assert jnp.all((attributes[:, 0] > 0) & (attributes[:, 0] < 1))
  np.testing.assert_allclose(temperature, 0.07, rtol=1e-5)
  params['log_temperature'] = jnp.array(-50.0)
  np.testing.assert_allclose(head.apply({'params': params}, method='temperature'), 0.01, rtol=1e-5)
