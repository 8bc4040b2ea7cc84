"""Vision transformer (arXiv 2010.11929): picture to states of a class token and of patches."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn.attention import MultiHeadAttention
from seetalk_jax.models.nn.blocks import conv, dense, layer_norm, partitioned
from seetalk_jax.models.nn.layers import rematerialised

# Epsilon of all layer norms, as published.
EPSILON = 1e-12


class VisionTransformer(nn.Module):
  """ViT with the layout of transformers' `ViTModel` without its pooler; the defaults are ViT-B/16.

  Attributes:
    patch_size: side of a patch; remaining pixels at the right and bottom are ignored.
    width, num_layers, num_heads, feed_forward_width: of the transformer.
    remat: activations recomputed in the backward pass, see `layers.rematerialised`.
  """

  patch_size: int = 16
  width: int = 768
  num_layers: int = 12
  num_heads: int = 12
  feed_forward_width: int = 3072
  remat: bool | str = False
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, image: jax.Array) -> jax.Array:
    """Pictures `[b, h, w, 3]` in [-1, 1] to states `[b, 1 + n, width]` of the class token and n patches.

    States have the final layer norm. The learned positions have 1 + n entries, so that the picture size is
    fixed at initialization.

    Raises:
      ValueError: `width` is not a multiple of `num_heads`.
    """
    if self.width % self.num_heads:
      raise ValueError(f'num_heads must divide width, got {self.num_heads} and {self.width}')
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    block = rematerialised(ViTBlock, self.remat)
    patches = conv(
      self.width, self.patch_size, 'patch_embedding', strides=self.patch_size, padding='VALID', **types
    )
    x = patches(image)
    x = x.reshape(x.shape[0], -1, self.width)
    init = nn.initializers.normal(0.02)
    token = self.param('cls_token', partitioned(init, ('embed',)), (self.width,), self.param_dtype)
    token = jnp.broadcast_to(token.astype(x.dtype), (x.shape[0], 1, self.width))
    x = jnp.concatenate([token, x], axis=1)
    table = partitioned(init, ('positions', 'embed'))
    x = x + self.param('positions', table, x.shape[1:], self.param_dtype).astype(x.dtype)
    for i in range(self.num_layers):
      x = block(self.num_heads, self.feed_forward_width, name=f'layers_{i}', **types)(x)
    return layer_norm('norm_out', epsilon=EPSILON, **types)(x)


class ViTBlock(nn.Module):
  """Pre-norm transformer block on `[b, t, d]`: self-attention and feed-forward, with biases."""

  num_heads: int
  feed_forward_width: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    width = x.shape[-1]
    attention = MultiHeadAttention(
      self.num_heads, width // self.num_heads, qkv_bias=True, name='attention', **types
    )
    x = x + attention(layer_norm('norm1', epsilon=EPSILON, **types)(x))
    y = layer_norm('norm2', epsilon=EPSILON, **types)(x)
    y = dense(self.feed_forward_width, 'feed_forward_in', axes=('embed', 'mlp'), **types)(y)
    y = jax.nn.gelu(y, approximate=False)
    return x + dense(width, 'feed_forward_out', axes=('mlp', 'embed'), **types)(y)
