"""Shared blocks: lossless pixel shuffles, picture ranges, axis names, group norm, bounded temperatures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks
from seetalk_jax.models.nn.attention import MultiHeadAttention


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


def test_a_clip_passes_the_gradient_on_outside_of_its_bounds():
  x = jnp.array([-3.0, -1.0, 0.3, 1.0, 7.0])
  value, gradient = jax.vmap(jax.value_and_grad(lambda x: blocks.clip_straight_through(x, -1.0, 1.0)))(x)
  np.testing.assert_array_equal(value, jnp.clip(x, -1.0, 1.0))
  np.testing.assert_array_equal(gradient, 1.0)


@pytest.mark.parametrize(
  'network, low, high', [('conre', 0.01, 1.0), ('sync_expert', 0.02, 1.0), ('syncnet', 0.02, 1.0)]
)
def test_a_learned_temperature_comes_back_into_its_bounds(network, low, high):
  module = registry.make(network, 'tiny')

  def temperature(log_temperature):
    return module.apply({'params': {'log_temperature': log_temperature}}, method='temperature')

  for start, bound in ((low / 3, low), (3 * high, high)):
    start = jnp.log(start)
    np.testing.assert_allclose(temperature(start), bound, rtol=1e-6)
    # Squared distance to a temperature inside of the bounds.
    gradient = jax.grad(lambda x: jnp.square(jnp.log(temperature(x)) - jnp.log(0.1)))(start)
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
    pull = lambda x: direction * jnp.log(blocks.bounded_temperature(x, *bounds))
    gradient = jax.grad(lambda x: pull(x) + blocks.temperature_penalty(x, *bounds))(x)
    updates, state = optimizer.update(gradient, state)
    return x + updates, state

  for _ in range(2000):
    x, state = step(x, state, 0.5)  # towards lower temperatures
  assert jnp.log(0.01) - 0.3 < x < jnp.log(0.01)
  for _ in range(150):
    x, state = step(x, state, -0.5)
  assert x > jnp.log(0.01)
