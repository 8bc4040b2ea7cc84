"""Inception-v3 (arXiv 1512.00567) in the variant of pytorch-fid, whose features FID is measured with."""

from __future__ import annotations

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn import examples
from seetalk_jax.models.nn.blocks import conv, scaled_channels
from seetalk_jax.models.nn.image_ops import resize_bilinear

IMAGE_SIDE = 299  # pixels


class Layer(NamedTuple):
  """A convolution with ReLU. With strides of 2 it has no padding."""

  name: str
  channels: int
  kernel: tuple[int, int] = (1, 1)
  strides: int = 1


# Steps of a branch: a layer; a pool 'average', 'max' (3 x 3, strides of 1) or 'max_strided' (strides of 2, without
# padding); or a tuple of layers whose outputs are concatenated.
Step = Layer | str | tuple[Layer, ...]
Branches = tuple[tuple[Step, ...], ...]


def _block_a(pooled: int) -> Branches:
  return (
    (Layer('branch1x1', 64),),
    (Layer('branch5x5_1', 48), Layer('branch5x5_2', 64, (5, 5))),
    (
      Layer('branch3x3dbl_1', 64),
      Layer('branch3x3dbl_2', 96, (3, 3)),
      Layer('branch3x3dbl_3', 96, (3, 3)),
    ),
    ('average', Layer('branch_pool', pooled)),
  )


def _block_b() -> Branches:
  return (
    (Layer('branch3x3', 384, (3, 3), 2),),
    (
      Layer('branch3x3dbl_1', 64),
      Layer('branch3x3dbl_2', 96, (3, 3)),
      Layer('branch3x3dbl_3', 96, (3, 3), 2),
    ),
    ('max_strided',),
  )


def _block_c(inner: int) -> Branches:
  return (
    (Layer('branch1x1', 192),),
    (
      Layer('branch7x7_1', inner),
      Layer('branch7x7_2', inner, (1, 7)),
      Layer('branch7x7_3', 192, (7, 1)),
    ),
    (
      Layer('branch7x7dbl_1', inner),
      Layer('branch7x7dbl_2', inner, (7, 1)),
      Layer('branch7x7dbl_3', inner, (1, 7)),
      Layer('branch7x7dbl_4', inner, (7, 1)),
      Layer('branch7x7dbl_5', 192, (1, 7)),
    ),
    ('average', Layer('branch_pool', 192)),
  )


def _block_d() -> Branches:
  return (
    (Layer('branch3x3_1', 192), Layer('branch3x3_2', 320, (3, 3), 2)),
    (
      Layer('branch7x7x3_1', 192),
      Layer('branch7x7x3_2', 192, (1, 7)),
      Layer('branch7x7x3_3', 192, (7, 1)),
      Layer('branch7x7x3_4', 192, (3, 3), 2),
    ),
    ('max_strided',),
  )


def _block_e(pool: str) -> Branches:
  return (
    (Layer('branch1x1', 320),),
    (
      Layer('branch3x3_1', 384),
      (Layer('branch3x3_2a', 384, (1, 3)), Layer('branch3x3_2b', 384, (3, 1))),
    ),
    (
      Layer('branch3x3dbl_1', 448),
      Layer('branch3x3dbl_2', 384, (3, 3)),
      (Layer('branch3x3dbl_3a', 384, (1, 3)), Layer('branch3x3dbl_3b', 384, (3, 1))),
    ),
    (pool, Layer('branch_pool', 192)),
  )


# Layers and pools before the blocks. Their convolutions have no padding, but for the third.
STEM = (
  Layer('Conv2d_1a_3x3', 32, (3, 3), 2),
  Layer('Conv2d_2a_3x3', 32, (3, 3)),
  Layer('Conv2d_2b_3x3', 64, (3, 3)),
  'max_strided',
  Layer('Conv2d_3b_1x1', 80),
  Layer('Conv2d_4a_3x3', 192, (3, 3)),
  'max_strided',
)
_PADDED = 'Conv2d_2b_3x3'
BLOCKS = {
  'Mixed_5b': _block_a(32),
  'Mixed_5c': _block_a(64),
  'Mixed_5d': _block_a(64),
  'Mixed_6a': _block_b(),
  'Mixed_6b': _block_c(128),
  'Mixed_6c': _block_c(160),
  'Mixed_6d': _block_c(160),
  'Mixed_6e': _block_c(192),
  'Mixed_7a': _block_d(),
  'Mixed_7b': _block_e('average'),
  'Mixed_7c': _block_e('max'),  # an average in the paper; FID's network has a maximum
}

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(width=0.0625),
  'demo': dict(width=1.0),
  'base': dict(width=1.0),
  'large': dict(width=1.0),
}


class InceptionV3(nn.Module):
  """Features of pictures for FID (arXiv 1706.08500), by the network of pytorch-fid; there is no classifier.

  It differs from torchvision's Inception-v3 in its weights, in average pools that leave out padding, and in the
  maximum pool of the last block. Needs converted weights (`convert/inception.py`); of an untrained network, distances
  of features are not FID. Batch norms are folded into the convolutions.

  Attributes:
    width: multiplier of the channels of all layers.
  """

  width: float = 1.0
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, images: jax.Array) -> jax.Array:
    """Pictures `[b, h, w, 3]` in [-1, 1], of any size, to features float32 `[b, 2048 * width]`, 0 and more.

    Pictures are resized to 299 x 299, bilinearly and without antialiasing, as pytorch-fid does.

    Raises:
      ValueError: another shape.
    """
    if images.ndim != 4 or images.shape[-1] != 3:
      raise ValueError(f'expected pictures [b, h, w, 3], got {images.shape}')
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    x = resize_bilinear(images.astype(jnp.float32), (IMAGE_SIDE, IMAGE_SIDE)).astype(self.dtype)
    for step in STEM:
      if isinstance(step, str):
        x = pool(x, step)
      else:
        x = convolve(x, step, self.width, 'SAME' if step.name == _PADDED else 'VALID', **types)
    for name, branches in BLOCKS.items():
      x = InceptionBlock(branches, self.width, name=name, **types)(x)
    return jnp.mean(x.astype(jnp.float32), axis=(1, 2))

  @nn.nowrap
  def example_inputs(
    self, others: examples.Modules | None = None, side: int = examples.SIDE
  ) -> tuple[Any, ...]:
    """Arguments of `__call__` as shapes; see `models.nn.examples`."""
    del others
    return (examples.image(side),)


class InceptionBlock(nn.Module):
  """Parallel branches, concatenated: `[b, h, w, c] -> [b, h', w', c']`.

  Attributes:
    branches: steps of every branch.
    width: multiplier of the channels of all layers.
  """

  branches: Branches
  width: float
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    return jnp.concatenate([self._branch(x, steps) for steps in self.branches], axis=-1)

  def _branch(self, x: jax.Array, steps: tuple[Step, ...]) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    for step in steps:
      if isinstance(step, str):
        x = pool(x, step)
        continue
      layers = (step,) if isinstance(step, Layer) else step
      padding = 'SAME' if layers[0].strides == 1 else 'VALID'
      x = jnp.concatenate([convolve(x, layer, self.width, padding, **types) for layer in layers], axis=-1)
    return x


def convolve(x: jax.Array, layer: Layer, width: float, padding: str, **types: Any) -> jax.Array:
  """Convolution and ReLU; call it inside of a compact method."""
  channels = scaled_channels(layer.channels, width)
  features = conv(channels, layer.kernel, layer.name, strides=layer.strides, padding=padding, **types)(x)
  return jax.nn.relu(features)


def pool(x: jax.Array, kind: str) -> jax.Array:
  """3 x 3 pool of `[b, h, w, c]`; padding counts in none of them."""
  if kind == 'average':
    return nn.avg_pool(x, (3, 3), (1, 1), 'SAME', count_include_pad=False)
  strides, padding = ((2, 2), 'VALID') if kind == 'max_strided' else ((1, 1), 'SAME')
  return nn.max_pool(x, (3, 3), strides, padding)


def layer_channels() -> dict[str, int]:
  """Path of every convolution, such as `Mixed_5b/branch1x1`, to its channels at width 1."""
  found = {step.name: step.channels for step in STEM if isinstance(step, Layer)}
  for name, branches in BLOCKS.items():
    for step in (step for steps in branches for step in steps if not isinstance(step, str)):
      for layer in (step,) if isinstance(step, Layer) else step:
        found[f'{name}/{layer.name}'] = layer.channels
  return found
