"""Embeddings of time and position: rotary positions, sinusoids."""

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.models.nn import embeddings


def test_rotary_attention_depends_on_distance_alone():
  q, k = jax.random.normal(jax.random.key(0), (2, 8))
  angles = embeddings.rotary_angles(20, 8)

  def turn(x, n):
    return embeddings.apply_rotary(x[None, None, None], angles[n : n + 1])[0, 0, 0]

  def score(i, j):
    return jnp.dot(turn(q, i), turn(k, j))

  np.testing.assert_allclose(score(2, 5), score(12, 15), rtol=1e-4)
  assert abs(score(2, 5) - score(2, 9)) > 1e-3


def test_sinusoids_tell_times_apart():
  table = embeddings.sinusoidal_embedding(jnp.arange(1000), 64)
  assert table.shape == (1000, 64)
  distances = jnp.linalg.norm(table[1:] - table[:-1], axis=-1)
  assert distances.min() > 0.1
