"""Vision transformer (arXiv 2010.11929): a picture as patches, and one more token that looks at them all."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn.attention import MultiHeadAttention
from seetalk_jax.models.nn.blocks import conv, dense, layer_norm, partitioned
from seetalk_jax.models.nn.layers import rematerialised

# Of all layer norms, as published.
EPSILON = 1e-12


class VisionTransformer(nn.Module):
  """The layout of transformers' `ViTModel`, without its pooler; the defaults are ViT-B/16.

  Attributes:
    patch_size: side of a patch; what is left of a picture at its right and bottom is not seen.
    width, num_layers, num_heads, feed_forward_width: of the transformer.
    remat: what the backward pass computes anew, see `layers.rematerialised`.
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
    """Pictures `[b, h, w, 3]` in [-1, 1] to normed states `[b, 1 + n, width]`: the class token, then n patches.

    The table of positions has one place for each of them, so a module with parameters takes one size.

    Raises:
      ValueError: heads that do not share the width evenly.
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
  """Pre-norm self-attention and feed-forward, all with biases, each added to the stream `[b, t, d]`."""

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
