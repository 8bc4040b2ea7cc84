"""IResNet (arXiv 2004.04989), the backbone of ArcFace (arXiv 1801.07698): portrait to a feature map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn.blocks import conv, group_norm, partitioned
from seetalk_jax.models.nn.layers import rematerialised

# One pixel on either side, also with strides: 'SAME' pads even sizes at the bottom and right only.
_PADDING = [(1, 1), (1, 1)]


class IResNet(nn.Module):
  """A convolution, then stages of `IResBlock`, each with downsampling by 2: `[b, s, s, 3]` in [-1, 1].

  The layers are those of InsightFace's `iresnet` before its flattening; its weights can be converted
  (`convert/arcface.py`).

  Attributes:
    channels, blocks: channels and blocks per stage; the first convolution has `channels[0]`.
    norm: 'group': group norm, for training from scratch; independent of the other samples of a batch.
      'frozen': batch norm with fixed statistics, folded into a scale and an offset per channel (`Affine`).
      All its parameters are trainable.
    groups: groups of the group norms.
    remat: activations recomputed in the backward pass, see `layers.rematerialised`.
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
  """Residual block: norm, conv, norm, PReLU, strided conv, norm; strided blocks project the shortcut."""

  features: int
  strides: int
  norm: str = 'group'
  groups: int = 32
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """`[b, h, w, c]` to `[b, h / strides, w / strides, features]` (rounded up).

    With `strides` 1, c must be `features`.
    """
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    norm = _norms(self.norm, self.groups, types)
    # The first norm precedes a padded convolution, so that its offset cannot be folded into the kernel.
    y = conv(self.features, 3, 'conv1', use_bias=False, **types)(norm(x, 'norm1'))
    y = _prelu(norm(y, 'norm2'), 'prelu', self)
    layer = conv(self.features, 3, 'conv2', strides=self.strides, padding=_PADDING, use_bias=False, **types)
    y = norm(layer(y), 'norm3')
    if self.strides != 1:
      x = conv(self.features, 1, 'conv_shortcut', strides=self.strides, use_bias=False, **types)(x)
      x = norm(x, 'norm_shortcut')
    return x + y


class Affine(nn.Module):
  """Scale and offset per channel of `[..., c]`, computed in float32; initially the identity."""

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
  """The norm of a block, as a function of features and parameter name."""
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
