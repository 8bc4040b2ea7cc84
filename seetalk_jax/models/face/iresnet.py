"""IResNet (arXiv 2004.04989), the backbone of ArcFace (arXiv 1801.07698): a portrait to a small map of features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn.blocks import conv, group_norm, partitioned
from seetalk_jax.models.nn.layers import rematerialised

# One pixel on either side, also with strides: 'SAME' would pad even sizes on the far side alone.
_PADDING = [(1, 1), (1, 1)]


class IResNet(nn.Module):
  """A convolution, then stages of `IResBlock`, each at half the last one's size: `[b, s, s, 3]` in [-1, 1].

  Layer for layer InsightFace's `iresnet` up to its flattening, whose weights convert (`convert/arcface.py`).

  Attributes:
    channels, blocks: per stage; the first convolution is as wide as the first stage.
    norm: 'group' trains from scratch, and nothing depends on who else is in the batch. 'frozen' is what batch
      normalisation is once its statistics no longer move: an offset and a scale per channel (`Affine`), into
      which they fold exactly, so that all that is left may be trained and no array must be kept from it.
    groups: of the group norms.
    remat: what the backward pass computes anew, see `layers.rematerialised`.
  """

  channels: tuple[int, ...] = (64, 128, 256, 512)
  blocks: tuple[int, ...] = (3, 4, 14, 3)
  norm: str = 'group'
  groups: int = 32
  remat: bool | str = False
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, image: jax.Array) -> jax.Array:
    """`[b, s, s, 3]` to `[b, s / 2^stages, s / 2^stages, channels[-1]]` (sizes rounded up).

    Raises:
      ValueError: an unknown `norm`.
    """
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    norm = _norms(self.norm, self.groups, types)
    block = rematerialised(IResBlock, self.remat)
    x = conv(self.channels[0], 3, 'conv_in', use_bias=False, **types)(image)
    x = _prelu(norm(x, 'norm_in'), 'prelu_in', self)
    for i, (channels, blocks) in enumerate(zip(self.channels, self.blocks, strict=True)):
      for j in range(blocks):
        strides = 2 if j == 0 else 1
        x = block(channels, strides, self.norm, self.groups, name=f'stage_{i}_{j}', **types)(x)
    return norm(x, 'norm_out')


class IResBlock(nn.Module):
  """Norm, conv, norm, PReLU, strided conv, norm, plus the input, which is projected where there are strides."""

  features: int
  strides: int
  norm: str = 'group'
  groups: int = 32
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """`[b, h, w, c]` to `[b, h / strides, w / strides, features]` (rounded up); c = features without strides."""
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    norm = _norms(self.norm, self.groups, types)
    # The first norm comes before a padded convolution, so that its offset cannot move into the kernel.
    y = conv(self.features, 3, 'conv1', use_bias=False, **types)(norm(x, 'norm1'))
    y = _prelu(norm(y, 'norm2'), 'prelu', self)
    layer = conv(self.features, 3, 'conv2', strides=self.strides, padding=_PADDING, use_bias=False, **types)
    y = norm(layer(y), 'norm3')
    if self.strides != 1:
      x = conv(self.features, 1, 'conv_shortcut', strides=self.strides, use_bias=False, **types)(x)
      x = norm(x, 'norm_shortcut')
    return x + y


class Affine(nn.Module):
  """A scale and an offset per channel of `[..., c]`, in float32; it starts as the identity."""

  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    shape = (x.shape[-1],)
    scale = self.param('scale', partitioned(nn.initializers.ones, ('norm',)), shape, self.param_dtype)
    bias = self.param('bias', partitioned(nn.initializers.zeros, ('norm',)), shape, self.param_dtype)
    wide = x.astype(jnp.float32) * scale.astype(jnp.float32) + bias.astype(jnp.float32)
    return wide.astype(self.dtype)


def _norms(kind: str, groups: int, types: dict[str, Any]) -> Callable[[jax.Array, str], jax.Array]:
  """How a block norms: a function of the features and the name of their parameters."""
  if kind not in ('group', 'frozen'):
    raise ValueError(f"norm must be 'group' or 'frozen', got {kind!r}")

  def norm(x, name):
    if kind == 'frozen':
      return Affine(name=name, **types)(x)
    return group_norm(x.shape[-1], name, groups=groups, **types)(x)

  return norm


def _prelu(x: jax.Array, name: str, module: nn.Module) -> jax.Array:
  init = partitioned(nn.initializers.constant(0.25), ('norm',))
  slope = module.param(name, init, (x.shape[-1],), jnp.dtype(module.param_dtype))
  return jnp.where(x >= 0, x, slope.astype(x.dtype) * x)
