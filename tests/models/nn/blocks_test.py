"""Shared blocks: lossless pixel shuffles, picture ranges, masks, rotary positions, axis names."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.models.nn import blocks, embeddings
from seetalk_jax.models.nn.attention import MultiHeadAttention, TransformerBlock, attend, band_mask, key_mask


@pytest.mark.parametrize('factor', [1, 2, 4])
def test_shuffle_inverts_unshuffle(factor):
  image = jax.random.normal(jax.random.key(0), (2, 8, 12, 3))
  folded = blocks.pixel_unshuffle(image, factor)
  assert folded.shape == (2, 8 // factor, 12 // factor, 3 * factor**2)
  np.testing.assert_array_equal(blocks.pixel_shuffle(folded, factor), image)


def test_uint8_goes_and_comes_back():
  levels = jnp.arange(256, dtype=jnp.uint8).reshape(1, 16, 16, 1)
  floats = blocks.to_float(levels)
  assert floats.min() == -1 and floats.max() == 1
  np.testing.assert_array_equal(blocks.to_uint8(floats), levels)
  np.testing.assert_array_equal(blocks.to_uint8(jnp.array([-3.0, 3.0])), [0, 255])


def test_resize_keeps_means():
  image = jax.random.uniform(jax.random.key(0), (1, 24, 24, 3))
  for size in (6, 8, 24):
    small = blocks.resize_image(image, size)
    assert small.shape == (1, size, size, 3)
    np.testing.assert_allclose(small.mean(), image.mean(), atol=1e-5)
  assert blocks.resize_image(image, (10, 48)).shape == (1, 10, 48, 3)


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


def test_rotary_attention_depends_on_distance_alone():
  q, k = jax.random.normal(jax.random.key(0), (2, 8))
  angles = embeddings.rotary_angles(20, 8)

  def turn(x, n):
    return embeddings.apply_rotary(x[None, None, None], angles[n : n + 1])[0, 0, 0]

  def score(i, j):
    return jnp.dot(turn(q, i), turn(k, j))

  np.testing.assert_allclose(score(2, 5), score(12, 15), rtol=1e-4)
  assert abs(score(2, 5) - score(2, 9)) > 1e-3


def test_band_mask():
  mask = band_mask(5, 1, 2)[0, 0]
  assert mask[2].tolist() == [False, True, True, True, True]
  assert mask[4].tolist() == [False, False, False, True, True]
  assert band_mask(6, 2)[0, 0].sum() == 6 * 5 - 2 * 3


def test_sinusoids_tell_times_apart():
  table = embeddings.sinusoidal_embedding(jnp.arange(1000), 64)
  assert table.shape == (1000, 64)
  distances = jnp.linalg.norm(table[1:] - table[:-1], axis=-1)
  assert distances.min() > 0.1


def test_adaptive_block_starts_as_the_identity():
  x, condition = jnp.ones((2, 5, 16)), jnp.ones((2, 8))
  block = TransformerBlock(2, 8, adaptive=True, rotary=True)
  params = blocks.init_params(block, jax.random.key(0), x, condition=condition)
  np.testing.assert_array_equal(block.apply({'params': params}, x, condition=condition), x)


def test_init_params_are_plain_arrays_and_counted():
  module = MultiHeadAttention(num_heads=2, head_dim=4)
  params = blocks.init_params(module, jax.random.key(0), jnp.ones((1, 3, 8)))
  assert type(params) is dict and isinstance(params['to_q']['kernel'], jax.Array)
  assert blocks.count_params(params) == 4 * 64 + 8


def test_unknown_axis_names_are_refused():
  with pytest.raises(ValueError, match='LOGICAL_AXES'):
    blocks.dense(3, axes=('embed', 'wide'))


def test_group_norm_divides_any_width():
  for channels in (4, 6, 16, 72, 128, 320):
    groups = blocks.num_groups_for(channels)
    assert channels % groups == 0 and channels // groups >= 4 or groups == 1
  assert blocks.num_groups_for(128) == 32
