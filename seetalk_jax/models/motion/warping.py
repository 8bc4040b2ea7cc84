"""Backward warping: bilinear sampling, inversion of forward flows, resizing of flows."""

from __future__ import annotations

import functools
import operator

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from seetalk_jax.models.nn.image_ops import resize_image
from seetalk_jax.sharding.constraints import current_mesh_and_rules, map_over_devices


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
  positions = positions.astype(jnp.float32)
  return _sampled(image, positions) if current_mesh_and_rules() is None else _by_devices(image, positions)


@jax.custom_jvp
def _sampled(image, positions):
  weights, corners, _ = _corners(image.shape, positions)
  flat = image.reshape(-1, image.shape[-1])
  out = sum(
    weight.astype(image.dtype) * _lookup(flat, index) for weight, index in zip(weights, corners, strict=True)
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


def _lookup(flat, index):
  return flat.at[index].get(mode='promise_in_bounds')


def _differential(primals, tangents):
  (image, positions), (image_dot, positions_dot) = primals, tangents
  out = _sampled(image, positions)
  parts = []
  if not isinstance(image_dot, SymbolicZero):
    parts.append(_of_image(image_dot, positions))
  if not isinstance(positions_dot, SymbolicZero):
    parts.append(_of_positions(positions_dot, image, positions))
  return out, functools.reduce(operator.add, parts) if parts else jnp.zeros_like(out)


_sampled.defjvp(_differential, symbolic_zeros=True)

# The backward pass is the transpose of the two functions below, and the order of their operations is chosen for it.
# `checkpoint` keeps it from storing weights, indices and corners.
_recomputed = functools.partial(jax.checkpoint, prevent_cse=False)


@_recomputed
def _of_image(image_dot, positions):
  """Differential of `_sampled` along `image_dot`; one lookup, so that the transpose is one scatter."""
  weights, corners, _ = _corners(image_dot.shape, positions)
  flat = image_dot.reshape(-1, image_dot.shape[-1])
  found = (jnp.concatenate(weights) * _lookup(flat, jnp.concatenate(corners))).astype(image_dot.dtype)
  return jnp.sum(found.reshape(4, *positions.shape[:-1], -1), axis=0)


@_recomputed
def _of_positions(positions_dot, image, positions):
  """Differential of `_sampled` along `positions_dot`."""
  _, h, w, c = image.shape
  _, corners, (fx, fy, moving_x, moving_y) = _corners(image.shape, positions)
  flat = image.reshape(-1, c)
  x_dot, y_dot = (x.reshape(-1) for x in jnp.split(positions_dot, 2, axis=-1))
  x_dot, y_dot = x_dot * w * moving_x, y_dot * h * moving_y
  x_lower, x_upper, y_right, y_left = fy * x_dot, (1 - fy) * x_dot, fx * y_dot, (1 - fx) * y_dot
  changes = (-x_upper - y_left, x_upper - y_right, y_left - x_lower, x_lower + y_right)  # of the weights

  def term(index, change):
    # The barrier prevents a second gather for each sum of the transpose.
    corner = jax.lax.optimization_barrier(_lookup(flat, index)).astype(jnp.float32)
    if c <= 4:  # in the transpose, a reduction over such a short axis is slow
      return jnp.stack([corner[:, i] * change for i in reversed(range(c))][::-1], axis=-1)
    return jnp.einsum('nc,n->nc', corner, change)

  out = functools.reduce(operator.add, map(term, corners, changes))
  return out.astype(image.dtype).reshape(*positions.shape[:-1], c)


@jax.custom_vjp
def _by_devices(image, positions):
  """`_sampled` on a mesh, differentiated inside of `map_over_devices` and not through it: in reverse mode only."""
  return map_over_devices(_sampled, image, positions)


def _forward(image, positions):
  return _by_devices(image, positions), (image, positions)


def _gradients(image, positions, cotangent):
  return jax.vjp(_sampled, image, positions)[1](cotangent)


def _backward(saved, cotangent):
  return map_over_devices(_gradients, *saved, cotangent)


_by_devices.defvjp(_forward, _backward)


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
    inverse = -grid_sample(fixed, grid + flow)
    return jnp.where(i < num_steps // 2, inverse, 0.5 * (flow + inverse))

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
  """Bilinear upsampling of `[b, m, n, c]` to `[b, *size, c]`, pixel centers aligned, border clamped.

  In the full precision of `x` on every device: products of bfloat16, the default of TPUs, would move a flow by 0.1
  pixel of a picture of 512.
  """
  if x.shape[1:3] == tuple(size):
    return x
  rows = _interpolation(x.shape[1], size[0], x.dtype)
  columns = _interpolation(x.shape[2], size[1], x.dtype)
  return jnp.einsum('ym,bmnc,xn->byxc', rows, x, columns, optimize=True, precision='highest')


def _interpolation(source: int, target: int, dtype) -> jax.Array:
  """The matrix `[target, source]` of 1-D linear interpolation."""
  at = jnp.clip((jnp.arange(target) + 0.5) * (source / target) - 0.5, 0, source - 1)
  return jnp.maximum(0.0, 1.0 - jnp.abs(at[:, None] - jnp.arange(source)[None, :])).astype(dtype)
