"""Backward warping: bilinear sampling, inversion of forward flows, resizing of flows."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from seetalk_jax.models.nn.blocks import resize_image
from seetalk_jax.sharding.constraints import each_device


def identity_grid(height: int, width: int) -> jax.Array:
  """Pixel centers in picture units, float32 `[height, width, 2]` as (x, y) in (0, 1)."""
  x = (jnp.arange(width, dtype=jnp.float32) + 0.5) / width
  y = (jnp.arange(height, dtype=jnp.float32) + 0.5) / height
  return jnp.stack(jnp.meshgrid(x, y), axis=-1)


def grid_sample(image: jax.Array, positions: jax.Array) -> jax.Array:
  """Bilinear sampling with border clamp: `image [b, h, w, c]`, `positions [b, m, n, 2]` -> `[b, m, n, c]`.

  Args:
    positions: (x, y) in picture units: 0 and 1 are the outer edges, pixel i of w has its center at (i + 0.5)
      / w.

  Differentiable in both arguments. The gradient of `image` needs a scatter; apply `stop_gradient` to an image
  that is data, and the compiler removes it.
  """
  return _grid_sample(image, positions.astype(jnp.float32))


@jax.custom_vjp
def _grid_sample(image, positions):
  return each_device(_sampled, image, positions)


def _sampled(image, positions):
  weights, corners, _ = _corners(image.shape, positions)
  flat = image.reshape(-1, image.shape[-1])
  out = sum(
    weight.astype(image.dtype) * _look_up(flat, index) for weight, index in zip(weights, corners, strict=True)
  )
  return out.reshape(*positions.shape[:-1], image.shape[-1])  # pyright: ignore[reportAttributeAccessIssue]


def _corners(shape, positions):
  """Weights `[n, 1]` and flat indices `[n]` of the four neighbors; (fx, fy, x not clamped, y not clamped)
  `[n]` each."""
  b, h, w, _ = shape
  x, y = positions[..., 0].reshape(-1) * w - 0.5, positions[..., 1].reshape(-1) * h - 0.5
  inside = ((x > 0) & (x < w - 1), (y > 0) & (y < h - 1))  # clamped positions have no gradient
  x, y = jnp.clip(x, 0, w - 1), jnp.clip(y, 0, h - 1)
  # The upper left corner stays one pixel short of the border so that all four corners exist.
  x0, y0 = jnp.clip(jnp.floor(x), 0, max(w - 2, 0)), jnp.clip(jnp.floor(y), 0, max(h - 2, 0))
  fx, fy = x - x0, y - y0
  start = jnp.repeat(jnp.arange(b) * (h * w), positions.shape[1] * positions.shape[2])
  index = start + (y0 * w + x0).astype(jnp.int32)
  right, down = (1 if w > 1 else 0), (w if h > 1 else 0)
  weights = ((1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx)
  corners = (index, index + right, index + down, index + down + right)
  return [weight[:, None] for weight in weights], corners, (fx, fy, *inside)


def _look_up(flat, index):
  return flat.at[index].get(mode='promise_in_bounds')


def _forward(image, positions):
  return _grid_sample(image, positions), (image, positions)


def _backward(saved, cotangent):
  return each_device(_gradients, *saved, cotangent)


def _gradients(image, positions, cotangent):
  b, h, w, c = image.shape
  weights, corners, (fx, fy, moving_x, moving_y) = _corners(image.shape, positions)
  flat, cotangent = image.reshape(-1, c), cotangent.reshape(-1, c)

  def agreement(index):  # <corner, cotangent>; the barrier prevents a second gather for each sum
    corner = jax.lax.optimization_barrier(_look_up(flat, index))
    if c <= 4:  # a reduction over such a short axis is slow
      return sum(corner[:, i].astype(jnp.float32) * cotangent[:, i] for i in range(c))
    return jnp.einsum('nc,nc->n', corner, cotangent, preferred_element_type=jnp.float32)

  upper_left, upper_right, lower_left, lower_right = (agreement(index) for index in corners)
  x_bar = (1 - fy) * (upper_right - upper_left) + fy * (lower_right - lower_left)
  y_bar = (1 - fx) * (lower_left - upper_left) + fx * (lower_right - upper_right)
  positions_bar = jnp.stack([x_bar * moving_x * w, y_bar * moving_y * h], axis=-1).reshape(positions.shape)
  image_bar = jnp.zeros_like(flat)
  for weight, index in zip(weights, corners, strict=True):
    image_bar = image_bar.at[index].add((weight * cotangent).astype(flat.dtype), mode='promise_in_bounds')
  return image_bar.reshape(image.shape), positions_bar


_grid_sample.defvjp(_forward, _backward)


def warp(image: jax.Array, flow: jax.Array) -> jax.Array:
  """`out(x) = image(x + flow(x))`: `image [b, h, w, c]`, `flow [b, m, n, 2]` -> `[b, h, w, c]`.

  Args:
    flow: backward flow: offsets (x, y) in picture units (0.1: a tenth of the picture), resized to the picture
      when smaller. It must be free of NaN.
  """
  h, w = image.shape[1:3]
  return grid_sample(image, identity_grid(h, w) + resize_flow(flow, (h, w)))


def invert_flow(forward: jax.Array, num_steps: int = 6, reach: float = 0.09) -> jax.Array:
  """Inverts a forward flow to a backward flow by fixed-point iteration: `out(x) = -forward(x + out(x))`.

  Occlusions: where the moving head covers the background, two source points map to one target point, and the
  iteration converges to the solution near its start. Each position starts from the longest displacement
  within `reach`, since the moving surface is in front. The second half of the steps are damped by 1/2, for
  convergence where several solutions exist.

  Gradient: that of the last evaluation of `forward` only, which is exact to first order in the spatial
  gradient of `forward`.

  Args:
    forward: `[b, h, w, 2]`, (x, y) in picture units: source position x moves to `x + forward(x)`.
    num_steps: fixed-point steps before the last evaluation.
    reach: radius of the search for the starting displacement, in picture heights.
  """
  grid = identity_grid(*forward.shape[1:3])
  fixed = jax.lax.stop_gradient(forward)

  def step(i, flow):
    found = -grid_sample(fixed, grid + flow)
    return jnp.where(i < num_steps // 2, found, 0.5 * (flow + found))

  longest = _longest_around(fixed, round(reach * forward.shape[1]))
  flow = jax.lax.fori_loop(0, num_steps, step, -longest)
  return -grid_sample(forward, grid + jax.lax.stop_gradient(flow))


def _longest_around(flow: jax.Array, radius: int) -> jax.Array:
  """The longest vector of `flow [b, h, w, 2]` within a square of `radius` positions around each."""

  def spread(axis):
    def once(_, flow):
      before, after = (
        jnp.roll(flow, shift, axis).at[edge(end)].set(0.0) for shift, end in ((1, 0), (-1, -1))
      )
      for other in (before, after):
        longer = jnp.sum(jnp.square(other), -1) > jnp.sum(jnp.square(flow), -1)
        flow = jnp.where(longer[..., None], other, flow)
      return flow

    def edge(end):
      return (slice(None), end) if axis == 1 else (slice(None), slice(None), end)

    return once

  for axis in (1, 2):
    flow = jax.lax.fori_loop(0, radius, spread(axis), flow)
  return flow


def resize_flow(flow: jax.Array, size: tuple[int, int]) -> jax.Array:
  """Resizes a flow `[b, m, n, 2]` to `[b, *size, 2]`: bilinear up, area mean down. Values are in picture
  units and keep their scale."""
  if flow.shape[1] <= size[0]:
    return upsample_bilinear(flow, size)
  return resize_image(flow, size)


def upsample_bilinear(x: jax.Array, size: tuple[int, ...]) -> jax.Array:
  """Bilinear upsampling of `[b, m, n, c]` to `[b, *size, c]`, pixel centers aligned, border clamped."""
  if x.shape[1:3] == tuple(size):
    return x
  rows = _interpolation(x.shape[1], size[0], x.dtype)
  columns = _interpolation(x.shape[2], size[1], x.dtype)
  return jnp.einsum('ym,bmnc,xn->byxc', rows, x, columns, optimize=True)


def _interpolation(source: int, target: int, dtype) -> jax.Array:
  """The matrix `[target, source]` of 1-D linear interpolation."""
  at = jnp.clip((jnp.arange(target) + 0.5) * (source / target) - 0.5, 0, source - 1)
  return jnp.maximum(0.0, 1.0 - jnp.abs(at[:, None] - jnp.arange(source)[None, :])).astype(dtype)
