"""Smooth noise in space."""

import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic.human import noise


def points(count, seed=0):
  return jnp.asarray(np.random.default_rng(seed).uniform(-20, 20, (3, count)), jnp.float32)


def test_values_lie_in_the_unit_interval_and_vary():
  for values in (noise.value_noise(points(5000), 3.0), noise.octaves(points(5000), 3.0, 4)):
    assert 0 <= values.min() and values.max() <= 1 and values.std() > 0.08
    assert abs(values.mean() - 0.5) < 0.03


def test_noise_is_smooth_and_periodic():
  at = points(1000)
  step = noise.value_noise(at + 1e-3) - noise.value_noise(at)
  assert np.abs(step).max() < 5e-3
  np.testing.assert_allclose(noise.value_noise(at + 32.0), noise.value_noise(at), atol=1e-3)


def test_the_value_at_a_place_does_not_depend_on_the_others():
  at = points(100)
  np.testing.assert_array_equal(noise.value_noise(at)[10:20], noise.value_noise(at[:, 10:20]))
