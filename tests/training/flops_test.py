"""FLOPs counted from programs, compared with hand-computed sums."""

import jax
import jax.numpy as jnp
import pytest

from seetalk_jax.training import flops


def of(function, *shapes):
  return flops.count(jax.make_jaxpr(function)(*(jnp.zeros(shape) for shape in shapes)))


def test_products_and_their_gradients():
  assert of(jnp.dot, (3, 4), (4, 5)) == 2 * 3 * 4 * 5
  assert of(lambda a, b: jnp.einsum('bij,bjk->bik', a, b), (7, 3, 4), (7, 4, 5)) == 7 * 2 * 3 * 4 * 5
  # Backward: one product per operand.
  assert of(jax.grad(lambda a, b: jnp.sum(jnp.dot(a, b) ** 2), (0, 1)), (3, 4), (4, 5)) == 3 * 2 * 3 * 4 * 5


def convolution(x, w, stride=1):
  return jax.lax.conv_general_dilated(
    x, w, (stride, stride), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC')
  )


def test_convolutions_and_their_gradients():
  forward = 2 * (2 * 8 * 8 * 6) * (3 * 3 * 4)
  assert of(convolution, (2, 8, 8, 4), (3, 3, 4, 6)) == forward
  assert of(lambda x, w: convolution(x, w, 2), (2, 8, 8, 4), (3, 3, 4, 6)) == forward / 4
  both = of(jax.grad(lambda x, w: jnp.sum(convolution(x, w) ** 2), (0, 1)), (2, 8, 8, 4), (3, 3, 4, 6))
  assert both == pytest.approx(3 * forward)
  strided = of(jax.grad(lambda x, w: jnp.sum(convolution(x, w, 2) ** 2), (0, 1)), (2, 8, 8, 4), (3, 3, 4, 6))
  assert strided == pytest.approx(3 * forward / 4, rel=0.3)  # border effects
  grouped = of(
    lambda x, w: jax.lax.conv_general_dilated(
      x, w, (1, 1), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC'), feature_group_count=4
    ),
    (2, 8, 8, 4),
    (3, 3, 1, 4),
  )
  assert grouped == 2 * (2 * 8 * 8 * 4) * 9


def test_loops_branches_and_what_is_computed_again():
  product = 2 * 4 * 4 * 4

  def scanned(a, b):
    return jax.lax.scan(lambda c, _: (c @ b, None), a, None, length=10)[0]

  assert of(scanned, (4, 4), (4, 4)) == 10 * product
  assert of(jax.jit(scanned), (4, 4), (4, 4)) == 10 * product
  chosen = of(lambda a, b: jax.lax.cond(a[0, 0] > 0, lambda: a @ b @ b, lambda: a @ b), (4, 4), (4, 4))
  assert chosen == 2 * product

  def again(a, b):
    return jnp.sum(jax.checkpoint(lambda a: jnp.sin(a @ b) @ b)(a))

  # Forward 2, backward 2, and the first product again (remat).
  assert of(jax.grad(again), (4, 4), (4, 4)) >= 5 * product


def test_what_one_device_does_counts_on_all():
  auto = (jax.sharding.AxisType.Auto,) * 2
  mesh = jax.sharding.AbstractMesh((4, 2), ('data', 'tensor'), axis_types=auto)
  spec = jax.sharding.PartitionSpec('data')

  def product(a, b):
    return jax.shard_map(jnp.dot, mesh=mesh, in_specs=(spec, jax.sharding.PartitionSpec()), out_specs=spec)(
      a, b
    )

  # Both columns of the mesh compute the same products, and both count.
  assert of(product, (8, 4), (4, 5)) == 2 * (2 * 8 * 4 * 5)


def test_a_kernel_counts_as_often_as_its_grid_runs_it():
  from jax.experimental import pallas

  def kernel(a, b, out):
    out[...] = jnp.dot(a[...], b[...])

  def product(a, b):
    return pallas.pallas_call(
      kernel,
      grid=(4,),
      in_specs=[pallas.BlockSpec((8, 16), lambda i: (i, 0)), pallas.BlockSpec((16, 8), lambda i: (0, 0))],
      out_specs=pallas.BlockSpec((8, 8), lambda i: (i, 0)),
      out_shape=jax.ShapeDtypeStruct((32, 8), jnp.float32),
    )(a, b)

  assert of(product, (32, 16), (16, 8)) == 2 * 32 * 16 * 8
