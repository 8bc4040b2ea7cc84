"""Portrait UNet: predicts the noise of a portrait latent from the speech that the face must fit."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.attention import TransformerBlock, key_mask
from seetalk_jax.models.blocks import (
  ResBlock,
  conv,
  dense,
  group_norm,
  pixel_shuffle,
  pixel_unshuffle,
  resolve_size,
  upsample_nearest,
)
from seetalk_jax.models.embeddings import TimeEmbedding

_STABLE_DIFFUSION = dict(
  patch_size=1,
  channels=(320, 640, 1280, 1280),
  attention_levels=(True, True, True, False),
  layers_per_block=2,
  mid_blocks=2,
  context_dim=768,
  num_heads=8,
  conditioning='add',
  feed_forward_multiple=4,
  time_channels=320,
  groups=32,
)
SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(channels=(16, 32), context_dim=16, num_heads=2, groups=4),
  'demo': dict(channels=(96, 128), context_dim=192, num_heads=4, time_channels=64),
  'base': _STABLE_DIFFUSION,
  # Stable Diffusion 2.1: heads of 64 channels, wider context.
  'large': _STABLE_DIFFUSION | dict(context_dim=1024, num_heads=0, head_dim=64),
}


class PortraitUNet(nn.Module):
  """UNet with cross-attention to speech tokens and the voice vector; `base` is Stable Diffusion 1.5's layout.

  Conditions enter twice: tokens (and the voice vector as one more token) through cross-attention, the voice
  vector beside the time through every residual block. A dropped condition is a zero embedding and all-False
  validity: nothing to look at, and no NaN.
  `patch_size` 2 folds 2 x 2 latents into one position first, so that the body runs at 16 x 16 and 8 x 8.
  """

  latent_channels: int = 4
  patch_size: int = 2
  channels: tuple[int, ...] = (128, 176)
  attention_levels: tuple[bool, ...] = (False, True)
  layers_per_block: int = 1
  mid_blocks: int = 1
  context_dim: int = 192
  num_heads: int = 4  # per attention layer; 0: as many as `head_dim` allows
  head_dim: int = 0
  conditioning: str = 'film'
  feed_forward_multiple: float = 2
  time_channels: int = 64
  groups: int = 8
  remat: bool = False
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @classmethod
  def build(cls, size='demo') -> PortraitUNet:
    """A size of `SIZES` by name, or the module of a dict of fields."""
    return cls(**resolve_size(SIZES, size))

  @nn.compact
  def __call__(
    self,
    y_t: jax.Array,
    time: jax.Array,
    tokens: jax.Array,
    tokens_valid: jax.Array,
    embedding: jax.Array,
  ) -> jax.Array:
    """Noisy latents to a prediction of the same shape, float32.

    Args:
      y_t: `[b, h, w, 4]`, h and w multiples of `patch_size * 2 ** (levels - 1)`.
      time: `[b]` in [0, 1000).
      tokens: speech tokens `[b, t, d]`; `tokens_valid` bool `[b, t]`.
      embedding: voice vector `[b, 512]`, unit length, or zeros for none.
    """
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    levels = len(self.channels)
    res_block = nn.remat(ResBlock) if self.remat else ResBlock
    spatial = nn.remat(SpatialTransformer) if self.remat else SpatialTransformer

    voice = embedding * jnp.sqrt(embedding.shape[-1]).astype(embedding.dtype)
    width = 4 * self.time_channels
    condition = TimeEmbedding(width, self.time_channels, name='time_embedding', **types)(time)
    # No bias: a zero (dropped) vector adds nothing.
    condition = condition + dense(width, 'voice_proj', axes=('embed', 'mlp'), use_bias=False, **types)(voice)
    voice_token = dense(self.context_dim, 'voice_token', axes=('mlp', 'embed'), **types)(voice)[:, None]
    context = dense(self.context_dim, 'token_proj', axes=('mlp', 'embed'), **types)(tokens)
    context = jnp.concatenate([voice_token, context], axis=1)
    voice_valid = jnp.any(embedding != 0, axis=-1, keepdims=True)
    mask = key_mask(jnp.concatenate([voice_valid, jnp.asarray(tokens_valid, bool)], axis=1))

    def resnet(x, features, name):
      block = res_block(features, self.conditioning, groups=self.groups, epsilon=1e-5, name=name, **types)
      return block(x, condition)

    def attend(x, name):
      num_heads = self.num_heads or x.shape[-1] // self.head_dim
      block = spatial(num_heads, self.feed_forward_multiple, self.groups, name=name, **types)
      return block(x, context, mask)

    x = conv(self.channels[0], 3, 'conv_in', **types)(pixel_unshuffle(y_t, self.patch_size))
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
      # Attention on the way up is Stable Diffusion's; the patched body keeps to the way down and the middle.
      up_attention = self.attention_levels[-1 - i] and self.patch_size == 1
      for j in range(self.layers_per_block + 1):
        x = resnet(jnp.concatenate([x, skips.pop()], axis=-1), features, f'up_blocks_{i}_resnets_{j}')
        if up_attention:
          x = attend(x, f'up_blocks_{i}_attentions_{j}')
      if i < levels - 1:
        x = conv(features, 3, f'up_blocks_{i}_upsampler', **types)(upsample_nearest(x))

    x = group_norm(x.shape[-1], 'conv_norm_out', groups=self.groups, epsilon=1e-5, **types)(x)
    out = conv(self.latent_channels * self.patch_size**2, 3, 'conv_out', zero_init=True, **types)
    return pixel_shuffle(out(jax.nn.silu(x)).astype(jnp.float32), self.patch_size)


class SpatialTransformer(nn.Module):
  """One transformer block over the positions of `x [b, h, w, c]`, looking at `context [b, s, d]`."""

  num_heads: int
  feed_forward_multiple: float = 4
  groups: int = 32
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, context: jax.Array, context_mask: jax.Array) -> jax.Array:
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
