"""Lip refiner: corrections inside the subspace, from nearby speech only."""

import jax
import jax.numpy as jnp
import numpy as np
import precisions
import programs
import pytest
from tiny_networks import normal, stirred

from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks


def test_refinement_moves_m_only_inside_the_subspace():
  module = registry.make('lip_refiner', 'tiny')
  m, tokens = normal(0, 2, 9, 256), normal(1, 2, 9, 32)
  params = blocks.init_params(module, jax.random.key(0), m, tokens)
  np.testing.assert_array_equal(
    programs.apply(module, {'params': params}, m, tokens), m
  )  # no correction at initialization
  subspace = np.linalg.qr(np.random.default_rng(0).standard_normal((256, 4)))[0].astype(np.float32)
  params = {**stirred(params), 'subspace': subspace}
  valid = np.arange(9)[None] < np.array([[9], [5]])
  correction = programs.apply(module, {'params': params}, m, tokens, valid=valid) - m
  assert np.abs(correction).max() > 1e-3
  outside = correction - correction @ subspace @ subspace.T
  assert np.abs(outside).max() <= 1e-6 * max(1.0, float(np.abs(m).max()))
  np.testing.assert_array_equal(correction[1, 5:], 0)
  slope = jax.jit(jax.grad(lambda p: jnp.sum(module.apply({'params': p}, m, tokens) ** 2)))(params)
  assert not slope['subspace'].any()
  # Local attention: a distant token has no effect.
  moved = tokens.copy()
  moved[:, 8] += 3.0
  far = programs.apply(module, {'params': params}, m, moved) - m
  near = programs.apply(module, {'params': params}, m, tokens) - m
  np.testing.assert_allclose(far[:, :4], near[:, :4], atol=1e-5)
  with pytest.raises(ValueError, match='subspace'):
    programs.apply(module, {'params': params}, m, tokens, subspace[:, :2])


def test_products_with_the_subspace_are_in_full_precision_on_every_device():
  module = registry.make('lip_refiner', 'tiny')
  m, tokens = normal(0, 1, 9, 256), normal(1, 1, 9, 32)
  params = programs.random_params(module, m, tokens)
  found = precisions.of_products(lambda m, tokens: module.apply({'params': params}, m, tokens), m, tokens)
  assert sum(precision is not None for precision in found) == 2  # onto the subspace, and back
