"""Convolution with a fast weight gradient on the CPU, a drop-in for `lax.conv_general_dilated`.

XLA's CPU backend computes the weight gradient of a small-kernel convolution as a convolution with a
picture-sized kernel, at a quarter of the speed of the forward pass (1 x 1: a twentieth). Three special cases:

- 3 x 3, single device: on the CPU the weight gradient is a sum of matrix products, about twice as fast.
- 1 x 1: a matrix product, on every platform.
- Depthwise over time: a sum of shifted copies, on every platform. On a CPU the gradient of the grouped
  convolution takes twenty times as long.

All other convolutions (strided, dilated, grouped) go to `lax` unchanged.
"""

from __future__ import annotations

import functools
import operator

import jax
import jax.numpy as jnp
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
  if _is_depthwise_in_time(lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation, groups):
    return _shifted_sum(lhs, rhs)
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


def _is_depthwise_in_time(lhs, rhs, strides, padding, lhs_dilation, rhs_dilation, groups) -> bool:
  return (
    lhs.ndim == 3
    and groups == lhs.shape[2] == rhs.shape[2] > 1
    and rhs.shape[0] % 2 == 1
    and padding == 'SAME'
    and all(dilation in (None, (1,), [1]) for dilation in (tuple(strides), lhs_dilation, rhs_dilation))
  )


def _shifted_sum(x, kernel):
  """Depthwise convolution of `x [b, n, c]` with an odd `kernel [k, 1, c]`."""
  size, n = kernel.shape[0], x.shape[1]
  padded = jnp.pad(x, ((0, 0), (size // 2, size // 2), (0, 0)))
  return sum(padded[:, i : i + n] * kernel[i, 0] for i in range(size))


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
  return out, functools.reduce(operator.add, parts) if parts else jnp.zeros_like(out)


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
    return functools.reduce(operator.add, map(product, shifted, kernels)).reshape(b, h, w, d)
  kernels = [kernel[i].reshape(3 * c, d) for i in range(3)]

  @functools.partial(jax.checkpoint, prevent_cse=False)
  def one_picture(picture, kernels):
    # Three shifted copies, concatenated over channels: the three kernel rows are then contiguous slices.
    columns = jnp.concatenate([picture[:, j : j + w] for j in range(3)], axis=-1).reshape(-1, 3 * c)
    rows = (product(columns[i * w : (i + h) * w], kernels[i]) for i in range(3))
    return functools.reduce(operator.add, rows).reshape(h, w, d)

  # Reversed, so that the transpose adds up the samples in order.
  return lax.scan(lambda _, picture: (None, one_picture(picture, kernels)), None, padded, reverse=True)[1]
