"""EfficientNet-Lite0: a small image classifier without squeeze-and-excite, with ReLU6 (arXiv 1905.11946)."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn.blocks import conv, scaled_channels

# Channels of the first convolution.
STEM_CHANNELS = 32
# Stages of equal blocks: kernel, strides of the first block, expansion, channels, blocks.
STAGES = (
  (3, 1, 1, 16, 1),
  (3, 2, 6, 24, 2),
  (5, 2, 6, 40, 2),
  (3, 2, 6, 80, 3),
  (5, 1, 6, 112, 3),
  (5, 2, 6, 192, 4),
  (3, 1, 6, 320, 1),
)
NUM_BLOCKS = sum(stage[-1] for stage in STAGES)


class EfficientNetLite(nn.Module):
  """The convolutions of EfficientNet-Lite0, up to the last block; there is no classifier.

  Batch norms are folded into the convolutions. Weights can be converted (`convert/efficientnet_lite.py`).

  Attributes:
    width: multiplier of the channels of all layers.
  """

  width: float = 1.0
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> list[jax.Array]:
    """Feature maps after the last blocks of the strides 2, 4, 8, 16 and 32, finest first.

    Args:
      x: `[b, h, w, 3]`, standardized as the weights require.

    Returns:
      five arrays `[b, h / stride, w / stride, c]` (sizes rounded up). Blocks end without an activation, so the values
      have both signs.
    """
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    x = jax.nn.relu6(conv(scaled_channels(STEM_CHANNELS, self.width), 3, 'conv_stem', strides=2, **types)(x))
    maps, index = [], 0
    for kernel, first_strides, expansion, channels, blocks in STAGES:
      if first_strides > 1:
        maps.append(x)
      for i in range(blocks):
        strides = first_strides if i == 0 else 1
        block = InvertedResidual(
          scaled_channels(channels, self.width), kernel, strides, expansion, name=f'blocks_{index}', **types
        )
        x, index = block(x), index + 1
    return [*maps, x]


class InvertedResidual(nn.Module):
  """Inverted residual block: 1 x 1 expansion, depthwise convolution, 1 x 1 projection (arXiv 1801.04381).

  Attributes:
    features: channels of the output.
    kernel, strides: of the depthwise convolution.
    expansion: multiplier of the channels of the depthwise convolution. 1: there is no first convolution.
  """

  features: int
  kernel: int
  strides: int
  expansion: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """`[b, h, w, c]` to `[b, h / strides, w / strides, features]` (rounded up); added to `x` if shapes agree."""
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    wide = self.expansion * x.shape[-1]
    y = x
    if self.expansion > 1:
      y = jax.nn.relu6(conv(wide, 1, 'expand', **types)(y))
    y = jax.nn.relu6(conv(wide, self.kernel, 'depthwise', strides=self.strides, groups=wide, **types)(y))
    y = conv(self.features, 1, 'project', **types)(y)
    return x + y if self.strides == 1 and x.shape[-1] == self.features else y
