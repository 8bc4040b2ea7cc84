"""I3D, Inception-v1 with convolutions over time (arXiv 1705.07750), whose logits FVD is measured with."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn import examples
from seetalk_jax.models.nn.blocks import conv, dense, scaled_channels
from seetalk_jax.models.nn.image_ops import resize_bilinear

IMAGE_SIDE = 224  # pixels
MIN_FRAMES = 9  # the last average pool covers two maps, each of eight frames
WINDOW_FRAMES = 16  # of clips in FVD (arXiv 1812.01717), and of the example inputs

# Convolutions with padding: channels, side of the kernel, strides.
CONVOLUTIONS = {
  'Conv3d_1a_7x7': (64, 7, 2),
  'Conv3d_2b_1x1': (64, 1, 1),
  'Conv3d_2c_3x3': (192, 3, 1),
}
# Channels of the layers of a block, see `LAYERS`.
BLOCKS = {
  'Mixed_3b': (64, 96, 128, 16, 32, 32),
  'Mixed_3c': (128, 128, 192, 32, 96, 64),
  'Mixed_4b': (192, 96, 208, 16, 48, 64),
  'Mixed_4c': (160, 112, 224, 24, 64, 64),
  'Mixed_4d': (128, 128, 256, 24, 64, 64),
  'Mixed_4e': (112, 144, 288, 32, 64, 64),
  'Mixed_4f': (256, 160, 320, 32, 128, 128),
  'Mixed_5b': (256, 160, 320, 32, 128, 128),
  'Mixed_5c': (384, 192, 384, 48, 128, 128),
}
# Layers of a block: first branch; two layers of the second; two of the third; the last, after a pool.
LAYERS = ('b0', 'b1a', 'b1b', 'b2a', 'b2b', 'b3b')
# Layer -> maximum pool before it: window and strides over time, height and width.
_POOLS = {
  'Conv3d_2b_1x1': ((1, 3, 3), (1, 2, 2)),
  'Mixed_3b': ((1, 3, 3), (1, 2, 2)),
  'Mixed_4b': ((3, 3, 3), (2, 2, 2)),
  'Mixed_5b': ((2, 2, 2), (2, 2, 2)),
}

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(width=0.0625, num_classes=16),
  'demo': dict(width=1.0, num_classes=400),
  'base': dict(width=1.0, num_classes=400),
  'large': dict(width=1.0, num_classes=400),
}


class InceptionI3D(nn.Module):
  """Logits of clips for FVD (arXiv 1812.01717), by the RGB network of I3D.

  Needs converted weights (`convert/i3d.py`); of an untrained network, distances of logits are not FVD. Batch norms are
  folded into the convolutions. All padding is that of TensorFlow's 'SAME'.

  Attributes:
    width: multiplier of the channels of all layers but the logits.
    num_classes: number of logits; 400 for Kinetics.
  """

  width: float = 1.0
  num_classes: int = 400
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, frames: jax.Array) -> jax.Array:
    """Clips `[b, t, h, w, 3]` in [-1, 1], of any size, to logits float32 `[b, num_classes]`, averaged over time.

    Frames are resized to 224 x 224, bilinearly and without antialiasing.

    Raises:
      ValueError: another shape, or fewer than 9 frames.
    """
    if frames.ndim != 5 or frames.shape[-1] != 3 or frames.shape[1] < MIN_FRAMES:
      raise ValueError(f'expected clips [b, t, h, w, 3] with t at least {MIN_FRAMES}, got {frames.shape}')
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    x = resize_bilinear(frames.astype(jnp.float32), (IMAGE_SIDE, IMAGE_SIDE)).astype(self.dtype)
    for name, (channels, side, strides) in CONVOLUTIONS.items():
      x = _pooled_before(name, x)
      channels = scaled_channels(channels, self.width)
      x = jax.nn.relu(conv(channels, (side,) * 3, name, strides=strides, **types)(x))
    for name, channels in BLOCKS.items():
      x = _pooled_before(name, x)
      x = InceptionBlock3D(tuple(scaled_channels(c, self.width) for c in channels), name=name, **types)(x)
    x = nn.avg_pool(x, (2, *x.shape[2:4]), (1, 1, 1))  # 2 x 7 x 7
    # The layer is linear: the mean of its outputs over time is its output for the mean.
    x = jnp.mean(x.astype(jnp.float32), axis=(1, 2, 3)).astype(self.dtype)
    logits = dense(self.num_classes, 'logits', axes=('conv_out', 'codes'), **types)
    return logits(x).astype(jnp.float32)

  @nn.nowrap
  def example_inputs(
    self, others: examples.Modules | None = None, side: int = examples.SIDE
  ) -> tuple[Any, ...]:
    """Arguments of `__call__` as shapes; see `models.nn.examples`."""
    del others
    return (examples.array(1, WINDOW_FRAMES, side, side, 3),)


class InceptionBlock3D(nn.Module):
  """Four parallel branches, concatenated: `[b, t, h, w, c] -> [b, t, h, w, c']`.

  Attributes:
    channels: of the layers, in the order of `LAYERS`.
  """

  channels: tuple[int, ...]
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)

    def layer(name: str, x: jax.Array, side: int = 1) -> jax.Array:
      channels = self.channels[LAYERS.index(name)]
      return jax.nn.relu(conv(channels, (side,) * 3, name, **types)(x))

    branches = (
      layer('b0', x),
      layer('b1b', layer('b1a', x), 3),
      layer('b2b', layer('b2a', x), 3),
      layer('b3b', nn.max_pool(x, (3, 3, 3), (1, 1, 1), 'SAME')),
    )
    return jnp.concatenate(branches, axis=-1)


def _pooled_before(name: str, x: jax.Array) -> jax.Array:
  """`x [b, t, h, w, c]` after the pool before a layer, if there is one."""
  return nn.max_pool(x, *_POOLS[name], 'SAME') if name in _POOLS else x


def layer_channels() -> dict[str, int]:
  """Path of every convolution, such as `Mixed_3b/b0`, to its channels at width 1; without the logits."""
  found = {name: channels for name, (channels, _, _) in CONVOLUTIONS.items()}
  for name, channels in BLOCKS.items():
    found |= {f'{name}/{layer}': count for layer, count in zip(LAYERS, channels, strict=True)}
  return found
