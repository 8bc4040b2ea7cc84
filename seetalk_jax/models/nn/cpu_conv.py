"""Convolution with a fast weight gradient on the CPU, a drop-in for `lax.conv_general_dilated`.

XLA's CPU backend computes the weight gradient of a small-kernel convolution as a convolution with a
picture-sized kernel, at a quarter of the speed of the forward pass (1 x 1: a twentieth). Three special cases:

- 3 x 3, single device: on the CPU the weight gradient is a sum of matrix products, about twice as fast.
- 1 x 1: a matrix product, on every platform.
- Depthwise, over time or pictures, with any strides: a sum of shifted copies, on every platform. On a CPU the
  gradient of the grouped convolution takes twenty times as long over time, and five times over pictures.

All other convolutions (strided, dilated, with larger groups) go to `lax` unchanged.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_derivatives import SymbolicZero


def conv_general_dilated(lhs, rhs, window_strides, padding, lhs_dilation=None, rhs_dilation=None, **kwargs):
  """`lax.conv_general_dilated` with the same arguments and values, differentiated as described above.

  With several devices 3 x 3 convolutions use `lax`: a loop over samples would gather a sharded batch.
  """
  numbers = kwargs.pop('dimension_numbers', None)
  groups = kwargs.pop('feature_group_count', 1)
  plain = functools.partial(
    lax.conv_general_dilated,
    dimension_numbers=numbers,
    feature_group_count=groups,
    lhs_dilation=lhs_dilation,
    rhs_dilation=rhs_dilation,
    **kwargs,
  )
  if _is_depthwise(lhs, rhs, padding, lhs_dilation, rhs_dilation, groups):
    return _shifted_sum(lhs, rhs, tuple(window_strides))
  ones = (None, (1, 1), [1, 1])
  simple = (
    lhs.ndim == 4
    and groups == 1
    and tuple(window_strides) == (1, 1)
    and lhs_dilation in ones
    and rhs_dilation in ones
    and kwargs.get('batch_group_count', 1) == 1
  )
  if simple and rhs.shape[:2] == (1, 1) and padding in ('SAME', 'VALID'):
    types = {name: kwargs[name] for name in ('precision', 'preferred_element_type') if name in kwargs}
    return lax.dot_general(lhs, rhs[0, 0], (((3,), (0,)), ((), ())), **types)
  eligible = (
    simple
    and padding == 'SAME'
    and rhs.shape[:2] == (3, 3)
    and min(rhs.shape[2:]) >= 16
    and lhs.shape[1] * lhs.shape[2] >= 256
    and lhs.dtype == rhs.dtype == jnp.float32
    and jax.device_count() == 1
  )
  if not eligible:
    return plain(lhs, rhs, window_strides, padding)
  return _conv3x3(lhs, rhs)


def _is_depthwise(lhs, rhs, padding, lhs_dilation, rhs_dilation, groups) -> bool:
  return (
    lhs.ndim in (3, 4)
    and groups == lhs.shape[-1] == rhs.shape[-1] > 1
    and padding == 'SAME'
    and all(dilation is None or set(dilation) == {1} for dilation in (lhs_dilation, rhs_dilation))
  )


def _shifted_sum(x, kernel, strides):
  """Depthwise convolution of `x [b, *space, c]` with `kernel [*window, 1, c]`, padded as 'SAME'."""
  space, window = x.shape[1:-1], kernel.shape[:-2]
  margins = lax.padtype_to_pads(space, window, strides, 'SAME')
  padded = jnp.pad(x, ((0, 0), *margins, (0, 0)))
  reach = [stride * ((n - 1) // stride) + 1 for n, stride in zip(space, strides, strict=True)]

  def shifted(offsets):
    zipped = zip(offsets, reach, strides, strict=True)
    return padded[:, *(slice(i, i + length, stride) for i, length, stride in zipped)]

  return sum(shifted(offsets) * kernel[*offsets, 0] for offsets in np.ndindex(*window))


def _lax_conv(x, kernel):
  return lax.conv_general_dilated(x, kernel, (1, 1), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC'))


@jax.custom_jvp
def _conv3x3(x, kernel):
  return _lax_conv(x, kernel)


def _differential(primals, tangents):
  (x, kernel), (x_dot, kernel_dot) = primals, tangents
  parts = []
  if not isinstance(x_dot, SymbolicZero):
    parts.append(_lax_conv(x_dot, kernel))
  if not isinstance(kernel_dot, SymbolicZero):
    along = functools.partial(lax.platform_dependent, x, cpu=_by_products, default=_lax_conv)
    # jvp of a linear function: JAX 0.7 transposes only those scans that differentiation has made.
    parts.append(jax.jvp(along, (kernel,), (kernel_dot,))[1])
  out = _conv3x3(x, kernel)
  change: Any = sum(parts) if parts else jnp.zeros_like(out)
  return out, change


_conv3x3.defjvp(_differential, symbolic_zeros=True)


# Recomputed in the backward pass: the shifted copies would be stored otherwise.
@functools.partial(jax.checkpoint, prevent_cse=False)
def _by_products(x, kernel):
  """`_lax_conv` as matrix products, so that its transpose with respect to `kernel` is products too."""
  b, h, w, c = x.shape
  d = kernel.shape[-1]
  padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
  product = functools.partial(lax.dot_general, dimension_numbers=(((1,), (0,)), ((), ())))
  if h * w < 1024:  # small pictures: nine products over the whole batch are faster than a loop over samples
    kernels = [kernel[i, j] for i in range(3) for j in range(3)]
    shifted = [padded[:, i : i + h, j : j + w].reshape(-1, c) for i in range(3) for j in range(3)]
    total: Any = sum(map(product, shifted, kernels))
    return total.reshape(b, h, w, d)
  kernels = [kernel[i].reshape(3 * c, d) for i in range(3)]

  @functools.partial(jax.checkpoint, prevent_cse=False)
  def one_picture(picture, kernels):
    # Three shifted copies, concatenated over channels: the three kernel rows are then contiguous slices.
    columns = jnp.concatenate([picture[:, j : j + w] for j in range(3)], axis=-1).reshape(-1, 3 * c)
    total: Any = sum(product(columns[i * w : (i + h) * w], kernels[i]) for i in range(3))
    return total.reshape(h, w, d)

  # Reversed, so that the transpose adds up the samples in order.
  return lax.scan(lambda _, picture: (None, one_picture(picture, kernels)), None, padded, reverse=True)[1]
