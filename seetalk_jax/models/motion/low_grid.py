"""Networks of the motion codec whose layers run at 1/8 and 1/16 of the picture alone.

The codec of `MotionCodec(low_grid=True)`. On CPUs, wide layers on few positions are faster than narrow ones on many.
Maps at 1/4, and pixels, are interpolated from 1/8, with details that are linear functions of the features of their
position. Most pixels are copied from the portrait.

Not specified in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.motion.motion_warper import MotionBasis, waves
from seetalk_jax.models.motion.smooth_upsample import SmoothUpsample
from seetalk_jax.models.motion.warped import Warped, blend_painted
from seetalk_jax.models.motion.warping import upsample_bilinear
from seetalk_jax.models.nn.blocks import ResBlock, conv, group_norm, partitioned
from seetalk_jax.models.nn.image_ops import pixel_unshuffle


class LowGridIdentityEncoder(nn.Module):
  """Identity encoder `phi_id`: portrait `[b, h, w, 3]` -> features at 1/8 and 1/16.

  Attributes:
    widths: channels at 1/8 and 1/16.
    num_blocks: residual blocks at each.
  """

  widths: tuple[int, int]
  num_blocks: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, image: jax.Array) -> dict[int, jax.Array]:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    x = conv(self.widths[0], 1, 'patches', **types)(pixel_unshuffle(image, 8))
    levels = {}
    for level, (factor, width) in enumerate(zip((8, 16), self.widths, strict=True)):
      if level:
        x = conv(width, 3, f'down_{level}', strides=2, **types)(jax.nn.silu(x))
      for i in range(self.num_blocks):
        x = ResBlock(width, zero_init=False, name=f'block_{level}_{i}', **types)(x)
      levels[factor] = x
    return levels


class LowGridModes(nn.Module):
  """Identity features -> flow basis, appearance gates and canonical coordinates at 1/4.

  As `motion_warper.MotionModes`, whose layers run at 1/4 too.
  """

  num_modes: int
  num_gates: int
  widths: tuple[int, int]
  num_blocks: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, features: Mapping[int, jax.Array]) -> MotionBasis:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    middle_width, coarse_width = self.widths
    middle, x = features[8], features[16]
    b, h, w, _ = x.shape
    position = self.param(
      'position', partitioned(nn.initializers.normal(0.1), (None, None, 'positions')), (16, 16, 16)
    )
    position = upsample_bilinear(jnp.asarray(position, x.dtype)[None], (h, w))
    x = jnp.concatenate([x, jnp.broadcast_to(position, (b, h, w, 16))], axis=-1)
    x = conv(coarse_width, 1, 'coarse_in', **types)(x)
    for i in range(2 * self.num_blocks):
      x = ResBlock(coarse_width, zero_init=False, name=f'coarse_block_{i}', **types)(x)
    x = jnp.concatenate([upsample_bilinear(x, (2 * h, 2 * w)), middle], axis=-1)
    x = conv(middle_width, 1, 'middle_in', **types)(x)
    for i in range(self.num_blocks):
      x = ResBlock(middle_width, zero_init=False, name=f'middle_block_{i}', **types)(x)
    x = jax.nn.silu(group_norm(middle_width, 'norm', **types)(x))
    canonical_coords = SmoothUpsample(3, 2, name='places', **types)(x)
    x = jnp.concatenate([x, pixel_unshuffle(waves(canonical_coords), 2).astype(x.dtype)], axis=-1)
    x = jax.nn.silu(conv(2 * middle_width, 1, 'mode_in', **types)(x))
    x = jax.nn.silu(conv(2 * middle_width, 1, 'mode_hidden', **types)(x))
    # Two components of the flow, and the importance of the position where others move to the same place.
    flow_modes = SmoothUpsample(3 * self.num_modes, 2, name='modes', **types)(x)
    flow_modes = flow_modes.reshape(*flow_modes.shape[:3], self.num_modes, 3)
    gates = SmoothUpsample(self.num_gates, 2, name='gates', **types)(x)
    importance = SmoothUpsample(1, 2, name='importance', **types)(x)
    return MotionBasis(flow_modes, gates, canonical_coords, importance)


class LowGridDecoder(nn.Module):
  """Decoder without a codebook, as `motion_codec.PlainDecoder`: (picture, copy weight per pixel).

  Attributes:
    width: channels at 1/8.
    num_blocks: half the number of residual blocks.
  """

  width: int
  num_blocks: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, warped: Warped) -> tuple[jax.Array, jax.Array]:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    maps = pixel_unshuffle(jnp.concatenate([warped.features[4], warped.occlusion], axis=-1), 2)
    x = jnp.concatenate([warped.features[8], maps.astype(warped.features[8].dtype)], axis=-1)
    x = conv(self.width, 1, 'maps_in', **types)(x)
    for i in range(2 * self.num_blocks):
      x = ResBlock(self.width, zero_init=False, name=f'block_{i}', **types)(x)
    x = jax.nn.silu(group_norm(self.width, 'norm_out', **types)(x))
    x = SmoothUpsample(4, 8, name='out', **types)(x)
    return blend_painted(warped, x[..., :3], x[..., 3:])
