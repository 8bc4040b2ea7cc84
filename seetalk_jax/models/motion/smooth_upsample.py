"""Outputs on a finer grid than the features: interpolation plus details. Not specified in the paper."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.motion.warping import upsample_bilinear
from seetalk_jax.models.nn.blocks import conv
from seetalk_jax.models.nn.image_ops import pixel_shuffle


class SmoothUpsample(nn.Module):
  """Features `[b, h, w, c]` -> float32 `[b, factor h, factor w, features]`.

  The sum of bilinearly interpolated outputs, one per position, and of a pixel shuffle that starts at zero. A pixel
  shuffle alone begins with unrelated outputs side by side, which leaves saw teeth at the edges of what a flow moves
  (checkerboard artifacts, arXiv 1707.02937).

  Attributes:
    features: number of outputs.
    factor: positions of the output per position of the features, along an edge.
    kernel: side of the kernels.
    zero_init: start the interpolated part at zero too.
  """

  features: int
  factor: int
  kernel: int = 1
  zero_init: bool = False
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    size = tuple(self.factor * side for side in x.shape[1:3])
    smooth = conv(self.features, self.kernel, 'smooth', zero_init=self.zero_init, **types)(x)
    details = conv(self.factor**2 * self.features, self.kernel, 'details', zero_init=True, **types)(x)
    smooth, details = smooth.astype(jnp.float32), details.astype(jnp.float32)
    return upsample_bilinear(smooth, size) + pixel_shuffle(details, self.factor)
