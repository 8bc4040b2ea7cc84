"""UNet of Stable Diffusion (arXiv 2112.10752), conditioned on time and on a cross-attention context."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn.attention import TransformerBlock, key_mask
from seetalk_jax.models.nn.blocks import ResBlock, conv, dense, group_norm
from seetalk_jax.models.nn.embeddings import TimeEmbedding
from seetalk_jax.models.nn.image_ops import resize_nearest
from seetalk_jax.models.nn.layers import rematerialised


class UNet2DCondition(nn.Module):
  """UNet with the layout and names of diffusers' UNet2DConditionModel (Stable Diffusion 1.x and 2.x).

  Attributes:
    out_channels: channels of the prediction.
    channels: channels per level, finest first.
    attention_levels: whether each level has cross-attention to the context.
    up_attention: whether the up blocks of those levels have it as well.
    layers_per_block: residual blocks per down block; an up block has one more.
    mid_blocks: residual blocks at the coarsest level, attention after the first.
    num_heads: heads per attention layer; 0: width / `head_dim`.
    head_dim: width of a head, read if `num_heads` is 0.
    conditioning: 'add', 'film' or 'none', see `ResBlock`.
    feed_forward_multiple: hidden width of the transformer blocks' feed-forward layers, in widths.
    time_channels: width of the sinusoidal time embedding; the condition is four times as wide.
    groups: groups of the group norms.
    remat: activations recomputed in the backward pass, see `layers.rematerialised`.
  """

  out_channels: int = 4
  channels: tuple[int, ...] = (320, 640, 1280, 1280)
  attention_levels: tuple[bool, ...] = (True, True, True, False)
  up_attention: bool = True
  layers_per_block: int = 2
  mid_blocks: int = 2
  num_heads: int = 8
  head_dim: int = 0
  conditioning: str = 'add'
  feed_forward_multiple: float = 4
  time_channels: int = 320
  groups: int = 32
  remat: bool | str = False
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @property
  def condition_dim(self) -> int:
    """Width of the conditioning vector of the residual blocks."""
    return 4 * self.time_channels

  @nn.compact
  def __call__(
    self,
    x: jax.Array,
    time: jax.Array,
    context: jax.Array,
    context_valid: jax.Array | None = None,
    condition: jax.Array | None = None,
  ) -> jax.Array:
    """Prediction float32 `[b, h, w, out_channels]`.

    Args:
      x: noisy latents `[b, h, w, c]`.
      time: `[b]` in [0, 1000).
      context: keys and values of the cross-attention, `[b, s, d]`.
      context_valid: bool `[b, s]`, True = valid (default: all). If none is valid the attention returns zeros.
      condition: `[b, condition_dim]`, added to the time embedding.
    """
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    res_block = rematerialised(ResBlock, self.remat)
    spatial = rematerialised(SpatialTransformer, self.remat)
    embedded = TimeEmbedding(self.condition_dim, self.time_channels, name='time_embedding', **types)(time)
    if condition is not None:
      embedded = embedded + condition
    mask = None if context_valid is None else key_mask(context_valid)

    def resnet(x, features, name):
      block = res_block(features, self.conditioning, groups=self.groups, epsilon=1e-5, name=name, **types)
      return block(x, embedded)

    def attend(x, name):
      num_heads = self.num_heads or x.shape[-1] // self.head_dim
      block = spatial(num_heads, self.feed_forward_multiple, self.groups, name=name, **types)
      return block(x, context, mask)

    levels = len(self.channels)
    x = conv(self.channels[0], 3, 'conv_in', **types)(x)
    skips = [x]
    for i, features in enumerate(self.channels):
      for j in range(self.layers_per_block):
        x = resnet(x, features, f'down_blocks_{i}_resnets_{j}')
        if self.attention_levels[i]:
          x = attend(x, f'down_blocks_{i}_attentions_{j}')
        skips.append(x)
      if i < levels - 1:
        name = f'down_blocks_{i}_downsampler'
        x = conv(features, 3, name, strides=2, padding=[(1, 1), (1, 1)], **types)(x)
        skips.append(x)

    for j in range(self.mid_blocks):
      x = resnet(x, self.channels[-1], f'mid_block_resnets_{j}')
      if j == 0:
        x = attend(x, 'mid_block_attentions_0')

    for i, features in enumerate(reversed(self.channels)):
      for j in range(self.layers_per_block + 1):
        x = resnet(jnp.concatenate([x, skips.pop()], axis=-1), features, f'up_blocks_{i}_resnets_{j}')
        if self.attention_levels[-1 - i] and self.up_attention:
          x = attend(x, f'up_blocks_{i}_attentions_{j}')
      if i < levels - 1:
        # To the size of the skip connection: an odd size is not twice its half.
        x = resize_nearest(x, skips[-1].shape[1:3])
        x = conv(features, 3, f'up_blocks_{i}_upsampler', **types)(x)

    x = group_norm(x.shape[-1], 'conv_norm_out', groups=self.groups, epsilon=1e-5, **types)(x)
    out = conv(self.out_channels, 3, 'conv_out', zero_init=True, **types)
    return out(jax.nn.silu(x)).astype(jnp.float32)


class SpatialTransformer(nn.Module):
  """Transformer block over the positions of `x [b, h, w, c]`, with cross-attention to `context [b, s, d]`."""

  num_heads: int
  feed_forward_multiple: float = 4
  groups: int = 32
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, context: jax.Array, context_mask: jax.Array | None) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    b, h, w, c = x.shape
    y = group_norm(c, 'norm', groups=self.groups, **types)(x).reshape(b, h * w, c)
    y = dense(c, 'proj_in', axes=('mlp', 'embed'), **types)(y)
    y = TransformerBlock(
      num_heads=self.num_heads,
      head_dim=c // self.num_heads,
      cross_attention=True,
      feed_forward_multiple=self.feed_forward_multiple,
      activation='geglu',
      name='transformer_blocks_0',
      **types,
    )(y, context, context_mask=context_mask)
    y = dense(c, 'proj_out', axes=('embed', 'mlp'), zero_init=True, **types)(y)
    return x + y.reshape(b, h, w, c)
