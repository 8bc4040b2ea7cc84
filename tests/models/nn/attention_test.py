"""Attention: equal to NumPy, masks, empty rows, adaptive blocks."""

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.models.nn import blocks
from seetalk_jax.models.nn.attention import TransformerBlock, attend, band_mask, key_mask


def naive_attention(query, key, value, mask):
  logits = np.einsum('bthd,bshd->bhts', query, key) / np.sqrt(query.shape[-1])
  weights = np.where(mask, np.exp(logits - logits.max(-1, keepdims=True)), 0)
  total = weights.sum(-1, keepdims=True)
  return np.einsum('bhts,bshd->bthd', weights / np.where(total == 0, 1, total), value)


def test_attention_matches_numpy_and_empty_rows_are_zero():
  query, key, value = (np.asarray(x) for x in jax.random.normal(jax.random.key(0), (3, 2, 5, 4, 8)))
  mask = np.array(jax.random.bernoulli(jax.random.key(1), 0.5, (2, 1, 5, 5)))
  mask[0, 0, 2] = False
  out = attend(*map(jnp.asarray, (query, key, value)), mask=jnp.asarray(mask))
  np.testing.assert_allclose(out, naive_attention(query, key, value, mask), atol=1e-5)
  np.testing.assert_array_equal(out[0, 2], 0)


def test_gradient_through_an_all_masked_sequence_is_finite_and_zero():
  query, key, value = jax.random.normal(jax.random.key(0), (3, 1, 3, 2, 4))
  nothing = key_mask(jnp.zeros((1, 3), bool))
  gradient = jax.grad(lambda q, k, v: jnp.sum(attend(q, k, v, nothing)), (0, 1, 2))(query, key, value)
  for g in gradient:
    np.testing.assert_array_equal(g, 0)


def test_band_mask():
  mask = band_mask(5, 1, 2)[0, 0]
  assert mask[2].tolist() == [False, True, True, True, True]
  assert mask[4].tolist() == [False, False, False, True, True]
  assert band_mask(6, 2)[0, 0].sum() == 6 * 5 - 2 * 3


def test_adaptive_block_starts_as_the_identity():
  x, condition = jnp.ones((2, 5, 16)), jnp.ones((2, 8))
  block = TransformerBlock(2, 8, adaptive=True, rotary=True)
  params = blocks.init_params(block, jax.random.key(0), x, condition=condition)
  np.testing.assert_array_equal(block.apply({'params': params}, x, condition=condition), x)
