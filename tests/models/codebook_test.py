"""Codebook: moving averages against numpy, revival, straight-through gradients; fusion of the HR decoder."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.models import blocks, registry
from seetalk_jax.models.codebook import STATE, Codebook, nearest_codes, straight_through_lookup, update_codes
from seetalk_jax.models.hr_decoder import from_codebook
from seetalk_jax.models.motion_codec import warped_spec


def test_update_matches_numpy():
  rng = np.random.default_rng(0)
  k, d, n = 5, 3, 40
  count, total = rng.uniform(1, 2, k), rng.standard_normal((k, d))
  vectors, indices = rng.standard_normal((n, d)), rng.integers(0, k - 1, n)  # the last code is never used
  embedding, new_count, new_total = update_codes(
    jnp.asarray(count, jnp.float32),
    jnp.asarray(total, jnp.float32),
    jnp.asarray(vectors, jnp.float32).reshape(2, 20, d),
    jnp.asarray(indices).reshape(2, 20),
    jax.random.key(0),
    decay=0.9,
    revive_below=0.01,
  )
  for i in range(k):
    mine = vectors[indices == i]
    np.testing.assert_allclose(new_count[i], 0.9 * count[i] + 0.1 * len(mine), rtol=1e-5)
    sums = 0.9 * total[i] + 0.1 * mine.sum(0)
    np.testing.assert_allclose(new_total[i], sums, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(embedding[i], sums / np.linalg.norm(sums), rtol=1e-4, atol=1e-5)


def test_dead_codes_come_back_as_vectors_of_the_batch():
  vectors = blocks.unit(jax.random.normal(jax.random.key(1), (30, 4)))
  count = jnp.array([1.0, 1e-4, 1.0])
  total = jnp.eye(3, 4)
  embedding, count, _ = update_codes(
    count, total, vectors, jnp.zeros(30, int), jax.random.key(0), decay=0.9, revive_below=0.1
  )
  nearest = jnp.max(vectors @ embedding[1])
  np.testing.assert_allclose(nearest, 1.0, atol=1e-5)
  assert count[1] >= 1  # and are given time
  np.testing.assert_allclose(embedding[2], total[2], atol=1e-6)  # unused, not yet dead: stays


def test_lookup_is_straight_through():
  embedding = jax.random.normal(jax.random.key(0), (7, 3))
  logits = jax.random.normal(jax.random.key(1), (2, 7))
  np.testing.assert_allclose(
    straight_through_lookup(logits, embedding), embedding[jnp.argmax(logits, -1)], atol=1e-6
  )
  weight = jax.random.normal(jax.random.key(2), (2, 3))
  found = jax.grad(lambda x: jnp.sum(weight * straight_through_lookup(x, embedding)))(logits)
  soft = jax.grad(lambda x: jnp.sum(weight * (jax.nn.softmax(x) @ embedding)))(logits)
  np.testing.assert_allclose(found, soft, atol=1e-6)


@pytest.fixture(scope='module')
def book():
  module = registry.make('codebook', 'tiny')
  image = jax.random.uniform(jax.random.key(0), (2, 32, 32, 3), minval=-1)
  return module, blocks.init_variables(module, jax.random.key(0), image), image


def test_quantiser_gives_its_codes_and_passes_gradients(book):
  module, variables, image = book
  h = module.apply(variables, image, method='encode')
  np.testing.assert_allclose(jnp.linalg.norm(h, axis=-1), 1, atol=1e-5)
  codes, indices, losses, stats = module.apply(variables, h, method='quantise')
  np.testing.assert_allclose(codes, module.apply(variables, indices, method='lookup'), atol=1e-6)
  distance = jnp.sum((h[..., None, :] - variables[STATE]['embedding']) ** 2, -1)
  np.testing.assert_array_equal(indices, jnp.argmin(distance, -1))
  assert 1 <= stats['perplexity'] <= module.num_codes + 1e-3
  weight = jax.random.normal(jax.random.key(1), h.shape)
  slope = jax.grad(lambda h: jnp.sum(weight * module.apply(variables, h, method='quantise')[0]))(h)
  np.testing.assert_allclose(slope, weight, atol=1e-6)
  assert jax.grad(lambda h: module.apply(variables, h, method='quantise')[2]['commitment'])(h).any()


def test_codes_move_only_in_training(book):
  module, variables, image = book
  out, state = module.apply(variables, image, mutable=[STATE])
  assert out[0].shape == image.shape
  np.testing.assert_array_equal(state[STATE]['embedding'], variables[STATE]['embedding'])
  _, state = module.apply(variables, image, train=True, mutable=[STATE], rngs={'codebook': jax.random.key(0)})
  assert jnp.abs(state[STATE]['embedding'] - variables[STATE]['embedding']).max() > 1e-4
  assert nearest_codes(state[STATE]['embedding'], state[STATE]['embedding']).tolist() == list(range(16))


def test_hr_decoder_starts_as_the_codebook_and_obeys_the_weight(book):
  module, variables, _ = book
  codec = registry.make('motion_codec', 'tiny')
  spec = warped_spec(codec, 64, 1)
  rng = np.random.default_rng(0)
  warped = jax.tree.map(lambda s: jnp.asarray(rng.standard_normal(s.shape), jnp.float32), spec)
  codes = blocks.unit(jax.random.normal(jax.random.key(0), (1, 4, 4, 8)))
  decoder = registry.make('hr_decoder', 'tiny')
  params = from_codebook(blocks.init_params(decoder, jax.random.key(1), codes, warped), variables['params'])
  plain = module.apply(variables, codes, method='decode')
  np.testing.assert_allclose(decoder.apply({'params': params}, codes, warped, 0.0), plain, atol=1e-5)
  # Whatever the fusion has learned: at weight 0 it is silent, at weight 1 it is heard.
  stirred = jax.tree.map(lambda a: a + 0.1 * jnp.asarray(rng.standard_normal(a.shape), a.dtype), params)
  other = jax.tree.map(lambda a: a + 1.0, warped)

  def change(weight):
    pair = [decoder.apply({'params': stirred}, codes, w, weight) for w in (warped, other)]
    return float(jnp.abs(pair[0] - pair[1]).max())

  assert change(0.0) == 0
  assert change(1.0) > 1e-2
  with pytest.raises(ValueError, match='widths'):
    from_codebook(
      params,
      Codebook(widths=(16, 16, 32)).init(jax.random.key(0), jnp.zeros((1, 32, 32, 3)))['params'],
    )
