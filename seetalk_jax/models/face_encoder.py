"""Face encoder: an aligned portrait to one unit vector, the visual tower of ConRe."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.blocks import (
  ResBlock,
  conv,
  dense,
  group_norm,
  partitioned,
  pixel_unshuffle,
  resize_image,
  resolve_size,
  unit,
)

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(image_size=32, channels=(16, 16), blocks=(1, 1)),
  'demo': dict(image_size=128, channels=(48, 80, 112, 112), blocks=(1, 1, 1, 0)),
  # IResNet-50 and -100, the ArcFace backbones (arXiv 1801.07698, 2004.04989).
  'base': dict(
    architecture='iresnet', image_size=112, channels=(64, 128, 256, 512), blocks=(3, 4, 14, 3), groups=32
  ),
  'large': dict(
    architecture='iresnet', image_size=112, channels=(64, 128, 256, 512), blocks=(3, 13, 30, 3), groups=32
  ),
}


class FaceEncoder(nn.Module):
  """Portraits `[b, s, s, 3]` in [-1, 1], any size, to unit vectors `[b, 512]`.

  `architecture` 'patch': pixels unshuffled by 4, then residual stages, each at half the last one's size.
  'iresnet': the ArcFace backbone's shape with group normalisation in place of batch normalisation.
  """

  image_size: int = 128
  channels: tuple[int, ...] = (48, 80, 112, 112)
  blocks: tuple[int, ...] = (1, 1, 1, 0)
  embedding_dim: int = 512
  architecture: str = 'patch'
  groups: int = 8
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @classmethod
  def build(cls, size='demo') -> FaceEncoder:
    """A size of `SIZES` by name, or the module of a dict of fields."""
    return cls(**resolve_size(SIZES, size))

  @nn.compact
  def __call__(self, image: jax.Array) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    x = resize_image(image, self.image_size)
    if self.architecture == 'patch':
      x = conv(self.channels[0], 3, 'conv_in', **types)(pixel_unshuffle(x, 4))
      for i, (channels, blocks) in enumerate(zip(self.channels, self.blocks, strict=True)):
        if i:
          x = conv(channels, 3, f'down_{i}', strides=2, **types)(x)
        for j in range(blocks):
          x = ResBlock(channels, groups=self.groups, name=f'stage_{i}_{j}', **types)(x)
      x = jax.nn.silu(group_norm(x.shape[-1], 'norm_out', groups=self.groups, **types)(x))
      x = conv(32, 1, 'squeeze', **types)(x)
    elif self.architecture == 'iresnet':
      norm = dict(groups=self.groups, **types)
      x = conv(self.channels[0], 3, 'conv_in', use_bias=False, **types)(x)
      x = _prelu(group_norm(x.shape[-1], 'norm_in', **norm)(x), 'prelu_in', self)
      for i, (channels, blocks) in enumerate(zip(self.channels, self.blocks, strict=True)):
        for j in range(blocks):
          x = IResBlock(channels, 2 if j == 0 else 1, self.groups, name=f'stage_{i}_{j}', **types)(x)
      x = group_norm(x.shape[-1], 'norm_out', **norm)(x)
    else:
      raise ValueError(f"architecture must be 'patch' or 'iresnet', got {self.architecture!r}")
    x = x.reshape(x.shape[0], -1)
    return unit(dense(self.embedding_dim, 'to_embedding', axes=('embed', 'mlp'), **types)(x))


def _prelu(x: jax.Array, name: str, module: nn.Module) -> jax.Array:
  init = partitioned(nn.initializers.constant(0.25), ('norm',))
  slope = module.param(name, init, (x.shape[-1],), jnp.dtype(module.param_dtype))
  return jnp.where(x >= 0, x, slope.astype(x.dtype) * x)


class IResBlock(nn.Module):
  """Norm, conv, norm, PReLU, strided conv, norm, plus the (projected) input."""

  features: int
  strides: int
  groups: int = 32
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    norm = dict(groups=self.groups, **types)
    y = conv(self.features, 3, 'conv1', use_bias=False, **types)(group_norm(x.shape[-1], 'norm1', **norm)(x))
    y = _prelu(group_norm(self.features, 'norm2', **norm)(y), 'prelu', self)
    y = conv(self.features, 3, 'conv2', strides=self.strides, use_bias=False, **types)(y)
    y = group_norm(self.features, 'norm3', **norm)(y)
    if self.strides != 1:
      x = conv(self.features, 1, 'conv_shortcut', strides=self.strides, use_bias=False, **types)(x)
      x = group_norm(self.features, 'norm_shortcut', **norm)(x)
    return x + y
