"""Warping: identity, exact translations, gradients compared with finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import precisions
import pytest
from flax import linen as nn
from jax.sharding import AbstractMesh, AxisType

from seetalk_jax.models.motion import warping
from seetalk_jax.models.motion.warping import identity_grid, upsample_bilinear

warp = jax.jit(warping.warp)
grid_sample = jax.jit(warping.grid_sample)
invert_flow = jax.jit(warping.invert_flow, static_argnames='num_steps')


def normal(*shape, seed=0):
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def picture(h=8, w=12, c=3, b=2):
  return normal(b, h, w, c)


@pytest.mark.parametrize('channels', [2, 3, 7])
def test_no_flow_is_the_identity(channels):
  image = picture(c=channels)
  np.testing.assert_allclose(warp(image, np.zeros((2, 8, 12, 2), np.float32)), image, atol=1e-5)


@pytest.mark.parametrize('dx, dy', [(1, 0), (0, 2), (-3, 1)])
def test_whole_pixels_shift_exactly(dx, dy):
  image = picture()
  flow = np.broadcast_to(np.array([dx / 12, dy / 8], np.float32), (2, 8, 12, 2))
  moved = np.asarray(warp(image, flow))
  y = np.clip(np.arange(8) + dy, 0, 7)
  x = np.clip(np.arange(12) + dx, 0, 11)
  np.testing.assert_allclose(moved, image[:, y][:, :, x], atol=1e-5)


def test_half_a_pixel_is_the_mean_of_two():
  image = picture()
  flow = np.broadcast_to(np.array([0.5 / 12, 0.0], np.float32), (2, 8, 12, 2))
  np.testing.assert_allclose(
    np.asarray(warp(image, flow))[:, :, :-1], (image[:, :, :-1] + image[:, :, 1:]) / 2, atol=1e-5
  )


def test_coarse_flow_is_upsampled_and_one_pixel_pictures_work():
  image = picture(16, 16)
  flow = np.full((2, 4, 4, 2), 1 / 16, np.float32)
  np.testing.assert_allclose(np.asarray(warp(image, flow))[:, :-1, :-1], image[:, 1:, 1:], atol=1e-5)
  single = picture(1, 1)
  np.testing.assert_allclose(warp(single, np.full((2, 1, 1, 2), 0.3, np.float32)), single)


def test_inverted_flow_leads_back():
  grid = np.asarray(identity_grid(32, 32))[None]
  x, y = grid[..., 0], grid[..., 1]
  # No motion at the border, so that nothing enters from outside.
  still = (np.sin(np.pi * x) * np.sin(np.pi * y))[..., None]
  forward = np.float32(0.06) * still * np.stack([np.sin(5 * y), np.cos(4 * x)], axis=-1)
  backward = np.asarray(invert_flow(forward, num_steps=12))
  np.testing.assert_allclose(grid_sample(forward, grid + backward), -backward, atol=2e-5)
  assert np.abs(backward + forward).max() > 0.005  # not merely the negated flow
  np.testing.assert_array_equal(invert_flow(np.zeros((1, 4, 4, 2), np.float32)), 0)


def test_what_moves_comes_to_lie_in_front():
  cell = 1 / 32
  forward = np.zeros((1, 32, 32, 2), np.float32)
  forward[:, 8:24, 10:20, 0] = 2 * cell  # a head moves two cells to the right
  backward = np.asarray(invert_flow(forward))
  np.testing.assert_allclose(backward[0, 9:23, 13:21, 0], -2 * cell, atol=1e-5)  # and covers new cells
  np.testing.assert_array_equal(backward[0, :, 24:], 0)  # the background stays
  np.testing.assert_array_equal(backward[0, :5], 0)


def test_inverted_flow_teaches_the_place_that_moved():
  forward = np.zeros((1, 8, 8, 2), np.float32)
  forward[..., 0] = 2 / 8  # the whole picture moves two cells to the right

  def at_target(forward):
    return invert_flow(forward)[0, 3, 5, 0]

  gradient = np.asarray(jax.jit(jax.grad(at_target))(forward))
  np.testing.assert_allclose(gradient[0, 3, 3, 0], -1.0, atol=1e-4)
  np.testing.assert_allclose(np.abs(gradient).sum(), 1.0, atol=1e-4)


@pytest.mark.parametrize('channels', [3, 6])
def test_gradients_match_finite_differences(channels):
  image = picture(5, 6, channels, b=1)
  rng = np.random.default_rng(1)
  inside = rng.uniform(0.2, 0.8, (1, 4, 4, 2))
  # Away from pixel centers, where the gradient is discontinuous.
  cells = np.array([6, 5])
  at = (np.floor(inside * cells - 0.5) + 1.0 + rng.uniform(0.2, 0.3, inside.shape)) / cells
  at = at.astype(np.float32)
  weight = normal(1, 4, 4, channels, seed=3)

  @jax.jit
  def f(image, at):
    return jnp.sum(weight * grid_sample(image, at))

  gradients = jax.device_get(jax.jit(jax.grad(f, (0, 1)))(image, at))
  for i, value in enumerate((image, at)):
    direction = normal(*value.shape, seed=4 + i)
    step = np.float32(1e-2 if i == 0 else 1e-3)
    ends = []
    for sign in (-1, 1):
      arguments = [image, at]
      arguments[i] = value + sign * step * direction
      ends.append(f(*arguments))
    numeric = (ends[1] - ends[0]) / (2 * step)
    np.testing.assert_allclose(np.sum(gradients[i] * direction), numeric, rtol=2e-2, atol=2e-3)


def test_clamped_lookups_have_no_slope():
  outside = np.full((1, 2, 2, 2), 1.5, np.float32)
  slope = jax.jit(jax.grad(lambda at: jnp.sum(grid_sample(picture(b=1), at))))(outside)
  np.testing.assert_array_equal(slope, 0)


def test_on_a_mesh_each_device_looks_up_its_own_pictures():
  """Without shard_map, the partitioner gathers all pictures on every device, also for later layers."""

  def names(jaxpr):  # primitives outside shard_map
    for equation in jaxpr.eqns:
      yield equation.primitive.name
      if equation.primitive.name != 'shard_map':
        for value in equation.params.values():
          if hasattr(inner := getattr(value, 'jaxpr', value), 'eqns'):
            yield from names(inner)

  gradients = jax.grad(lambda image, at: jnp.sum(grid_sample(image, at)), (0, 1))
  arguments = picture(b=8), jnp.zeros((8, 4, 4, 2))
  assert 'gather' in set(names(jax.make_jaxpr(gradients)(*arguments).jaxpr))
  mesh = AbstractMesh((2, 4), ('data', 'fsdp'), axis_types=(AxisType.Auto,) * 2)
  with jax.sharding.use_abstract_mesh(mesh), nn.logical_axis_rules([('batch', ('data', 'fsdp'))]):
    found = list(names(jax.make_jaxpr(gradients)(*arguments).jaxpr))
  assert found.count('shard_map') == 2 and not {'gather', 'scatter-add'} & set(found)


def test_upsampling_keeps_ramps():
  ramp = identity_grid(4, 4)[None]
  up = np.asarray(upsample_bilinear(ramp, (16, 16)))
  np.testing.assert_allclose(up[0, 2:-2, 2:-2], np.asarray(identity_grid(16, 16))[2:-2, 2:-2], atol=1e-6)


@pytest.mark.parametrize('channels', [3, 6])
def test_forward_mode_agrees_with_reverse_mode(channels):
  primals = picture(5, 6, channels, b=1), np.random.default_rng(1).uniform(-0.1, 1.1, (1, 4, 4, 2))
  primals = tuple(np.float32(x) for x in primals)
  tangents = tuple(normal(*x.shape, seed=2 + i) for i, x in enumerate(primals))
  cotangent = normal(1, 4, 4, channels, seed=5)

  @jax.jit
  def both(primals, tangents, cotangent):
    out, change = jax.jvp(warping.grid_sample, primals, tangents)
    _, linear = jax.linearize(warping.grid_sample, *primals)
    gradients = jax.vjp(warping.grid_sample, *primals)[1](cotangent)
    return out, change, linear(*tangents), gradients

  out, change, same, gradients = both(primals, tangents, cotangent)
  np.testing.assert_allclose(out, grid_sample(*primals), rtol=1e-5, atol=1e-6)
  np.testing.assert_allclose(change, same, rtol=1e-6)
  backward = sum(np.sum(g * t) for g, t in zip(gradients, tangents, strict=True))
  np.testing.assert_allclose(np.sum(change * cotangent), backward, rtol=1e-4)


def test_second_derivatives_match_finite_differences():
  image, at = picture(5, 6, 3, b=1), np.full((1, 1, 1, 2), 0.43, np.float32)
  slope = jax.jit(jax.grad(lambda at: jnp.sum(jnp.sin(grid_sample(image, at)))))
  found = jax.jit(jax.jacfwd(slope))(at).reshape(2, 2)
  steps = np.float32(1e-3) * np.eye(2, dtype=np.float32).reshape(2, 1, 1, 1, 2)
  numeric = [(slope(at + step) - slope(at - step)).ravel() / 2e-3 for step in steps]
  np.testing.assert_allclose(found, np.stack(numeric, axis=1), rtol=0.02, atol=0.05)


def test_flows_are_upsampled_in_full_precision_on_every_device():
  precisions.assert_full(lambda flow: upsample_bilinear(flow, (16, 16)), normal(1, 4, 4, 2))
