"""Convolutions for the CPU: equal to `lax`, in reverse mode, forward mode and under transformations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from seetalk_jax.models.nn import cpu_conv


def normal(*shape, seed=0):
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize('shape', [(2, 32, 32, 16), (2, 16, 16, 16), (1, 8, 8, 16)])
def test_cpu_convolution_equals_lax(shape):
  x, kernel = normal(*shape), normal(3, 3, 16, 24, seed=1)
  numbers = jax.lax.conv_dimension_numbers(shape, kernel.shape, ('NHWC', 'HWIO', 'NHWC'))
  weight = normal(*shape[:3], 24, seed=2)

  def loss(convolve, x, kernel):
    return jnp.sum(weight * convolve(x, kernel, (1, 1), 'SAME', dimension_numbers=numbers))

  expected, found = (
    jax.jit(jax.value_and_grad(lambda x, k, f=f: loss(f, x, k), (0, 1)))(x, kernel)
    for f in (jax.lax.conv_general_dilated, cpu_conv.conv_general_dilated)
  )
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-2), expected, found)


@pytest.mark.parametrize('frames', [3, 40])
def test_cpu_convolution_of_single_channels_equals_lax(frames):
  x, kernel = normal(2, frames, 24), normal(7, 1, 24, seed=1)
  numbers = jax.lax.conv_dimension_numbers(x.shape, kernel.shape, ('NWC', 'WIO', 'NWC'))
  weight = normal(*x.shape, seed=2)

  def loss(convolve, x, kernel):
    return jnp.sum(
      weight * convolve(x, kernel, (1,), 'SAME', dimension_numbers=numbers, feature_group_count=24)
    )

  expected, found = (
    jax.jit(jax.value_and_grad(lambda x, k, f=f: loss(f, x, k), (0, 1)))(x, kernel)
    for f in (jax.lax.conv_general_dilated, cpu_conv.conv_general_dilated)
  )
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), expected, found)


@pytest.mark.parametrize('window, strides', [((3, 3), (1, 1)), ((5, 5), (2, 2)), ((3, 4), (1, 2))])
@pytest.mark.parametrize('size', [(8, 8), (7, 10), (2, 1)])
def test_depthwise_convolution_of_pictures_equals_lax(window, strides, size):
  x, kernel = normal(2, *size, 6), normal(*window, 1, 6, seed=1)

  def loss(module, x, kernel):
    layout = ('NHWC', 'HWIO', 'NHWC')
    options = dict(dimension_numbers=layout, feature_group_count=6)
    return jnp.sum(jnp.sin(module.conv_general_dilated(x, kernel, strides, 'SAME', **options)))

  expected, found = (
    jax.jit(jax.value_and_grad(lambda x, k, module=module: loss(module, x, k), (0, 1)))(x, kernel)
    for module in (jax.lax, cpu_conv)
  )
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), expected, found)


def test_depthwise_convolution_has_no_grouped_convolution():
  def loss(x, kernel):
    layout = ('NHWC', 'HWIO', 'NHWC')
    options = dict(dimension_numbers=layout, feature_group_count=6)
    return jnp.sum(cpu_conv.conv_general_dilated(x, kernel, (2, 2), 'SAME', **options) ** 2)

  text = jax.jit(jax.grad(loss, (0, 1))).lower(normal(1, 8, 8, 6), normal(3, 3, 1, 6)).as_text()
  assert 'stablehlo.convolution' not in text


def same(x, kernel, module=cpu_conv):
  layout = ('NHWC', 'HWIO', 'NHWC')
  return module.conv_general_dilated(x, kernel, (1, 1), 'SAME', dimension_numbers=layout)


def fast_and_lax(transform, *arguments):
  fast = jax.jit(transform(same))(*arguments)
  return fast, jax.jit(transform(lambda x, kernel: same(x, kernel, jax.lax)))(*arguments)


def assert_equal(trees, rtol=1e-3, atol=1e-3):
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=atol), *trees)


SHAPES = [(2, 16, 16, 16), (2, 32, 32, 16)]  # one product for the batch, a loop over samples


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('moving', ['both', 'x', 'kernel'])
def test_forward_mode_equals_lax(shape, moving):
  x, kernel = normal(*shape), normal(3, 3, 16, 16, seed=1)
  x_dot, kernel_dot = normal(*shape, seed=2), normal(3, 3, 16, 16, seed=3)

  def differential(convolve):
    if moving == 'x':
      return lambda x, kernel: jax.jvp(lambda x: convolve(x, kernel), (x,), (x_dot,))
    if moving == 'kernel':
      return lambda x, kernel: jax.jvp(lambda kernel: convolve(x, kernel), (kernel,), (kernel_dot,))
    return lambda x, kernel: jax.linearize(convolve, x, kernel)[1](x_dot, kernel_dot)

  assert_equal(fast_and_lax(differential, x, kernel))


def scalar(convolve):
  return lambda x, kernel: jnp.sum(jnp.sin(0.1 * convolve(x, kernel)))


def second_derivative(convolve):
  slope = jax.grad(lambda *a: jnp.sum(jnp.sin(jax.grad(scalar(convolve), 1)(*a))), (0, 1))
  return slope


def hessian_product(convolve):
  gradient = jax.grad(scalar(convolve), (0, 1))
  return lambda x, kernel: jax.jvp(gradient, (x, kernel), (jnp.cos(x), jnp.cos(kernel)))[1]


def of_each_example(convolve):
  one = jax.grad(lambda x, kernel: scalar(convolve)(x[None], kernel), 1)
  return jax.vmap(one, (0, None))


def of_each_kernel(convolve):
  gradient = jax.grad(scalar(convolve), (0, 1))
  return lambda x, kernel: jax.vmap(gradient, (None, 0))(x, jnp.stack([kernel, 2 * kernel]))


def in_scan_and_remat(convolve):
  def loss(x, kernel):
    step = jax.checkpoint(lambda x, _: (jnp.tanh(0.1 * convolve(x, kernel)), None))
    return jnp.sum(jax.lax.scan(step, x, None, length=2)[0] ** 2)

  return lambda x, kernel: (jax.grad(loss, (0, 1))(x, kernel), jax.jvp(loss, (x, kernel), (x, kernel)))


def in_shard_map(convolve):
  mesh = jax.make_mesh((1,), ('data',), axis_types=(jax.sharding.AxisType.Auto,))
  spec = PartitionSpec('data')

  def loss(x, kernel):
    each = jax.shard_map(convolve, mesh=mesh, in_specs=(spec, PartitionSpec()), out_specs=spec)
    return jnp.sum(jnp.sin(0.1 * each(x, kernel)))

  return jax.grad(loss, (0, 1))


@pytest.mark.parametrize(
  'transform',
  [second_derivative, hessian_product, of_each_example, of_each_kernel, in_scan_and_remat, in_shard_map],
)
def test_transformations_equal_lax(transform):
  assert_equal(fast_and_lax(transform, normal(*SHAPES[0]), normal(3, 3, 16, 16, seed=1)), 1e-3, 5e-3)


def test_the_weight_gradient_is_products_on_the_cpu():
  x, kernel = normal(*SHAPES[1]), normal(3, 3, 16, 16, seed=1)
  text = jax.jit(jax.grad(scalar(same), 1)).lower(x, kernel).as_text()
  # The forward convolution, and the default branch, which is removed when the program is compiled.
  assert text.count('dot_general') == 3, text.count('dot_general')
