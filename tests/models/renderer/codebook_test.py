"""Codebook: moving averages against NumPy, code revival, straight-through gradients; HR decoder fusion."""

import jax
import jax.numpy as jnp
import numpy as np
import precisions
import programs
import pytest

from seetalk_jax.models import registry
from seetalk_jax.models.motion.motion_codec import warped_spec
from seetalk_jax.models.nn import blocks
from seetalk_jax.models.renderer.codebook import (
  STATE,
  Codebook,
  average_codes,
  nearest_codes,
  straight_through_lookup,
  update_codes,
)
from seetalk_jax.models.renderer.hr_decoder import from_codebook


def unit(vectors):
  return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


update = jax.jit(update_codes, static_argnames=('decay', 'revive_below'))


def test_update_matches_numpy():
  rng = np.random.default_rng(0)
  k, d, n = 5, 3, 40
  count, total = rng.uniform(1, 2, k), rng.standard_normal((k, d))
  vectors, indices = rng.standard_normal((n, d)), rng.integers(0, k - 1, n)  # the last code is never used
  embedding, new_count, new_total = update(
    count.astype(np.float32),
    total.astype(np.float32),
    vectors.astype(np.float32).reshape(2, 20, d),
    indices.reshape(2, 20),
    jax.random.key(0),
    decay=0.9,
    revive_below=0.01,
  )
  embedding, new_count, new_total = map(np.asarray, (embedding, new_count, new_total))
  for i in range(k):
    mine = vectors[indices == i]
    np.testing.assert_allclose(new_count[i], 0.9 * count[i] + 0.1 * len(mine), rtol=1e-5)
    sums = 0.9 * total[i] + 0.1 * mine.sum(0)
    np.testing.assert_allclose(new_total[i], sums, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(embedding[i], sums / np.linalg.norm(sums), rtol=1e-4, atol=1e-5)


def test_dead_codes_come_back_as_vectors_of_the_batch():
  vectors = unit(np.random.default_rng(1).standard_normal((30, 4)))
  count = np.array([1.0, 1e-4, 1.0], np.float32)
  total = np.eye(3, 4, dtype=np.float32)
  embedding, count, _ = update(
    count, total, vectors, np.zeros(30, int), jax.random.key(0), decay=0.9, revive_below=0.1
  )
  embedding, count = np.asarray(embedding), np.asarray(count)
  nearest = np.max(vectors @ embedding[1])
  np.testing.assert_allclose(nearest, 1.0, atol=1e-5)
  assert count[1] >= 1  # a revived code does not die in the next update
  np.testing.assert_allclose(embedding[2], total[2], atol=1e-6)  # unused but not yet dead: unchanged


def test_lookup_is_straight_through():
  rng = np.random.default_rng(0)
  embedding, logits, weight = (
    rng.standard_normal(shape).astype(np.float32) for shape in ((7, 3), (2, 7), (2, 3))
  )
  found = jax.jit(straight_through_lookup)(logits, embedding)
  np.testing.assert_allclose(found, embedding[np.argmax(logits, -1)], atol=1e-6)
  found = jax.jit(jax.grad(lambda x, e: jnp.sum(weight * straight_through_lookup(x, e))))(logits, embedding)
  soft = jax.jit(jax.grad(lambda x: jnp.sum(weight * (jax.nn.softmax(x) @ embedding))))(logits)
  np.testing.assert_allclose(found, soft, atol=1e-6)


@pytest.fixture(scope='module')
def book():
  module = registry.make('codebook', 'tiny')
  image = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
  return module, blocks.init_variables(module, jax.random.key(0), image), image


def test_quantiser_gives_its_codes_and_passes_gradients(book):
  module, variables, image = book
  h = programs.apply(module, variables, image, method='encode')
  np.testing.assert_allclose(np.linalg.norm(h, axis=-1), 1, atol=1e-5)
  codes, indices, losses, stats = programs.apply(module, variables, h, method='quantise')
  np.testing.assert_allclose(codes, programs.apply(module, variables, indices, method='lookup'), atol=1e-6)
  distance = np.sum((h[..., None, :] - np.asarray(variables[STATE]['embedding'])) ** 2, -1)
  np.testing.assert_array_equal(indices, np.argmin(distance, -1))
  assert 1 <= stats['perplexity'] <= module.num_codes + 1e-3
  weight = np.random.default_rng(1).standard_normal(h.shape).astype(np.float32)

  def weighted(h):
    codes, _, losses, _ = module.apply(variables, h, method='quantise')
    return jnp.sum(weight * codes), losses['commitment']

  slope, commitment = jax.jit(jax.jacrev(weighted))(h)
  np.testing.assert_allclose(slope, weight, atol=1e-6)
  assert np.any(commitment)


def test_codes_move_only_in_training(book):
  module, variables, image = book
  out, state = programs.apply(module, variables, image, mutable=STATE)
  assert out[0].shape == image.shape
  np.testing.assert_array_equal(state[STATE]['embedding'], variables[STATE]['embedding'])
  rngs = {'codebook': jax.random.key(0)}
  _, state = programs.apply(module, variables, image, train=True, mutable=STATE, rngs=rngs)
  assert np.abs(state[STATE]['embedding'] - variables[STATE]['embedding']).max() > 1e-4
  assert jax.jit(nearest_codes)(state[STATE]['embedding'], state[STATE]['embedding']).tolist() == list(
    range(16)
  )


def test_hr_decoder_starts_as_the_codebook_and_obeys_the_weight(book):
  module, variables, _ = book
  codec = registry.make('motion_codec', 'tiny')
  spec = warped_spec(codec, 64, 1)
  rng = np.random.default_rng(0)
  warped = jax.tree.map(lambda s: rng.standard_normal(s.shape).astype(np.float32), spec)
  codes = unit(rng.standard_normal((1, 4, 4, 8)))
  decoder = registry.make('hr_decoder', 'tiny')
  params = from_codebook(blocks.init_params(decoder, jax.random.key(1), codes, warped), variables['params'])
  plain = programs.apply(module, variables, codes, method='decode')
  found = programs.apply(decoder, {'params': params}, codes, warped, 0.0)
  np.testing.assert_allclose(found, plain, atol=1e-5)
  # For any fusion parameters: no effect at weight 0, an effect at weight 1.
  stirred = jax.tree.map(lambda a: np.asarray(a) + 0.1 * rng.standard_normal(a.shape).astype(a.dtype), params)
  other = jax.tree.map(lambda a: a + 1.0, warped)

  def change(weight):
    pair = [programs.apply(decoder, {'params': stirred}, codes, w, weight) for w in (warped, other)]
    return np.abs(pair[0] - pair[1]).max()

  assert change(0.0) == 0
  assert change(1.0) > 1e-2
  with pytest.raises(ValueError, match='widths'):
    from_codebook(
      params,
      blocks.init_params(Codebook(widths=(16, 16, 32)), jax.random.key(0), jnp.zeros((1, 32, 32, 3))),
    )


def test_codes_are_chosen_in_full_precision_on_every_device():
  precisions.assert_full(nearest_codes, np.ones((2, 3, 8), np.float32), np.ones((16, 8), np.float32))


def test_averaged_codes_are_those_of_the_averaged_vectors():
  rng = np.random.default_rng(0)
  states = [
    {'embedding': unit(total), 'count': rng.uniform(1, 2, 5).astype(np.float32), 'total': total}
    for total in rng.standard_normal((3, 5, 4)).astype(np.float32)
  ]
  average = states[0]
  for state in states[1:]:
    average = average_codes(average, state, 0.75)
  total = 0.75 * (0.75 * states[0]['total'] + 0.25 * states[1]['total']) + 0.25 * states[2]['total']
  np.testing.assert_allclose(average['total'], total, rtol=1e-5)
  np.testing.assert_allclose(average['embedding'], unit(total), rtol=1e-5)


def test_averages_of_codes_do_not_depend_on_the_number_of_pieces():
  """Vectors whose codes have the frequencies of a Zipf law: rare codes live in a batch, not in each of its pieces."""
  k, size, steps = 256, 512, 150
  rng = np.random.default_rng(1)
  frequency = 1 / np.arange(1, k + 1) ** 1.6
  indices = rng.choice(k, size=(steps, size), p=frequency / frequency.sum())
  vectors = jnp.asarray(unit(rng.standard_normal((size, 4))))

  def run(pieces):
    def step(state, chosen):
      count, total, replaced = state
      start = max(1.0, size / k)
      _, new, total = update_codes(
        count,
        total,
        vectors[: len(chosen)],
        chosen,
        jax.random.key(0),
        decay=0.97,
        revive_below=0.02,
        pieces=pieces,
      )
      return (new, total, replaced + jnp.sum((new == start) & (count < start))), None

    state = (jnp.ones(k), jnp.asarray(unit(rng.standard_normal((k, 4)))), jnp.int32(0))
    return jax.jit(lambda x: jax.lax.scan(step, state, x)[0])(indices.reshape(steps * pieces, -1))

  for pieces in (1, 2, 4):
    count, _, replaced = run(pieces)
    assert 7 <= replaced <= 9 and np.mean(count) == pytest.approx(2.034, abs=0.02)


def test_sums_of_codes_are_in_full_precision():
  count, total, vectors = np.ones(3, np.float32), np.eye(3, 4, dtype=np.float32), np.ones((6, 4), np.float32)

  def run(vectors):
    return update_codes(
      count, total, vectors, np.zeros(6, int), jax.random.key(0), decay=0.9, revive_below=0.1
    )

  precisions.assert_full(run, vectors)
