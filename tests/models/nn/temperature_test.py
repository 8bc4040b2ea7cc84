"""Bounded temperatures: the value is clipped, the gradient and the penalty lead back into the bounds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.models import registry
from seetalk_jax.models.nn import temperature


def test_a_clip_passes_the_gradient_on_outside_of_its_bounds():
  x = jnp.array([-3.0, -1.0, 0.3, 1.0, 7.0])
  value, gradient = jax.vmap(jax.value_and_grad(lambda x: temperature.clip_straight_through(x, -1.0, 1.0)))(x)
  np.testing.assert_array_equal(value, jnp.clip(x, -1.0, 1.0))
  np.testing.assert_array_equal(gradient, 1.0)


@pytest.mark.parametrize(
  'network, low, high', [('conre', 0.01, 1.0), ('sync_expert', 0.02, 1.0), ('syncnet', 0.02, 1.0)]
)
def test_a_learned_temperature_comes_back_into_its_bounds(network, low, high):
  module = registry.make(network, 'tiny')

  def learned(log_temperature):
    return module.apply({'params': {'log_temperature': log_temperature}}, method='temperature')

  for start, bound in ((low / 3, low), (3 * high, high)):
    start = jnp.log(start)
    np.testing.assert_allclose(learned(start), bound, rtol=1e-6)
    # Squared distance to a temperature inside of the bounds.
    gradient = jax.grad(lambda x: jnp.square(jnp.log(learned(x)) - jnp.log(0.1)))(start)
    assert np.sign(gradient) == np.sign(start - jnp.log(bound)), (
      'a step down the gradient goes towards the bounds'
    )
    penalty = jax.value_and_grad(
      lambda x: module.apply({'params': {'log_temperature': x}}, method='temperature_penalty')
    )
    distance = start - jnp.log(bound)
    np.testing.assert_allclose(penalty(start), (distance**2, 2 * distance), rtol=1e-5)
    assert penalty(jnp.log(0.1)) == (0, 0)


def test_a_temperature_does_not_drift_away_while_a_loss_pulls_it_out():
  import optax

  optimizer, bounds = optax.adam(0.01), (0.01, 1.0)
  x = jnp.log(0.011)
  state = optimizer.init(x)

  @jax.jit
  def step(x, state, direction):
    pull = lambda x: direction * jnp.log(temperature.bounded_temperature(x, *bounds))
    gradient = jax.grad(lambda x: pull(x) + temperature.temperature_penalty(x, *bounds))(x)
    updates, state = optimizer.update(gradient, state)
    return x + updates, state

  for _ in range(2000):
    x, state = step(x, state, 0.5)  # towards lower temperatures
  assert jnp.log(0.01) - 0.3 < x < jnp.log(0.01)
  for _ in range(150):
    x, state = step(x, state, -0.5)
  assert x > jnp.log(0.01)
