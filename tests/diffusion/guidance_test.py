"""Guidance: scaled difference of predictions, weights of nested conditions."""

import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.diffusion import guidance


def test_guidance_scales_the_difference():
  calls = []

  def denoise(xt, t, condition):
    calls.append(xt.shape[0])
    return xt * 0 + condition['c'] + t[:, None]

  condition = {'c': jnp.array([[1.0, 2.0], [3.0, 5.0]])}
  xt, t = jnp.zeros((2, 2)), jnp.array([10, 10])
  np.testing.assert_allclose(guidance.guided(denoise, 1.0, condition)(xt, t), condition['c'] + 10)
  assert calls == [2]  # scale 1 uses the conditional prediction only
  np.testing.assert_allclose(guidance.guided(denoise, 0.0, condition)(xt, t), 10.0)
  np.testing.assert_allclose(guidance.guided(denoise, 3.0, condition)(xt, t), 3 * condition['c'] + 10)
  null = {'c': jnp.ones((1, 2))}
  np.testing.assert_allclose(
    guidance.guided(denoise, 3.0, condition, null)(xt, t), 3 * condition['c'] - 2 + 10
  )


def test_weights_of_nested_predictions():
  assert guidance.nested_weights([]) == [1.0]
  assert guidance.nested_weights([1.0, 1.0]) == [0.0, 0.0, 1.0]
  assert guidance.nested_weights([3.0]) == [-2.0, 3.0]
  assert sum(guidance.nested_weights([0.3, 5.0, 1.2])) == pytest.approx(1.0)
