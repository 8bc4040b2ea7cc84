"""Multi-head attention with boolean masks (True = attend), feed-forward layer and transformer block."""

from __future__ import annotations

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn import attention_kernels
from seetalk_jax.models.nn.blocks import activation_of, dense, layer_norm
from seetalk_jax.models.nn.embeddings import apply_rotary, rotary_angles


def attend(
  query: jax.Array,
  key: jax.Array,
  value: jax.Array,
  mask: jax.Array | None = None,
  *,
  bias: jax.Array | None = None,
) -> jax.Array:
  """Softmax attention `[b, t, heads, d] x [b, s, heads, d] -> [b, t, heads, d]`.

  The kernel is chosen by `attention_kernels.route`.

  Args:
    mask: bool broadcastable to `[b, heads, t, s]`, True = attend. A fully masked query returns zeros with
      zero gradient; conditions are dropped this way.
    bias: added to the logits, broadcastable to `[b, heads, t, s]`.

  Raises:
    ValueError: the mask does not have 4 axes.
  """
  if mask is None:
    return _attend(query, key, value, None, bias)
  mask = jnp.asarray(mask, bool)
  b, s = query.shape[0], key.shape[1]
  if mask.ndim != 4:
    raise ValueError(f'mask must have 4 axes [b, heads, t, s], got shape {mask.shape}')
  mask = jnp.broadcast_to(mask, (b, *mask.shape[1:3], s))
  somewhere = jnp.any(mask, axis=-1)  # [b, heads | 1, t | 1]
  # Kernels need a valid key per query: fully masked queries attend to all keys, and the result is discarded.
  out = _attend(query, key, value, mask | ~somewhere[..., None], bias)
  return jnp.where(jnp.swapaxes(somewhere, 1, 2)[..., None], out, jnp.zeros((), out.dtype))


def _attend(query, key, value, mask, bias):
  scale = query.shape[-1] ** -0.5
  how = attention_kernels.route(query, key, mask, bias)
  if how == 'splash':
    return attention_kernels.splash(query, key, value, mask, scale)
  if how == 'by_heads':
    # A program that is traced on a CPU can be exported for other platforms. The checkpoint keeps the residuals of
    # both branches alike: queries, keys and values.
    return jax.lax.platform_dependent(
      query,
      key,
      value,
      mask,
      bias,
      cpu=functools.partial(_by_heads, scale=scale),
      default=jax.checkpoint(functools.partial(_general, scale=scale)),
    )
  return _general(query, key, value, mask, bias, scale, 'cudnn' if how == 'cudnn' else None)


def _by_heads(query, key, value, mask, bias, scale):
  if bias is not None:
    bias = jnp.reshape(bias, (1,) * (4 - bias.ndim) + bias.shape)
  return attention_kernels.by_heads(query, key, value, mask, bias, scale)


def _general(query, key, value, mask, bias, scale, implementation=None):
  if mask is not None:
    mask = jnp.broadcast_to(mask, (*mask.shape[:2], query.shape[1], key.shape[1]))
  return jax.nn.dot_product_attention(
    query, key, value, bias, mask, scale=scale, implementation=implementation
  )


def key_mask(valid: jax.Array) -> jax.Array:
  """Attention mask `[b, 1, 1, s]` from the validity of keys, `[b, s]`."""
  return jnp.asarray(valid, bool)[:, None, None, :]


def band_mask(length: int, before: int, after: int | None = None) -> jax.Array:
  """Band mask, bool `[1, 1, length, length]`: position i attends to i - before .. i + after.

  `after` defaults to `before`.
  """
  offset = jnp.arange(length)[None, :] - jnp.arange(length)[:, None]
  return ((offset >= -before) & (offset <= (before if after is None else after)))[None, None]


class MultiHeadAttention(nn.Module):
  """Multi-head attention with projections: `[b, t, d]` (and context `[b, s, e]`) -> `[b, t, features]`.

  The names `to_q`, `to_k`, `to_v`, `to_out` follow diffusers. `features` 0 is the width of the input.
  """

  num_heads: int
  head_dim: int
  features: int = 0
  qkv_bias: bool = False
  out_bias: bool = True
  rotary: bool = False
  zero_init: bool = False
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(
    self, x: jax.Array, context: jax.Array | None = None, mask: jax.Array | None = None
  ) -> jax.Array:
    """`context [b, s, e]` (None: self-attention); `mask` as in `attend`."""
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    source = x if context is None else context
    width = self.num_heads * self.head_dim

    def project(value, name):
      value = dense(width, name, axes=('embed', 'heads'), use_bias=self.qkv_bias, **types)(value)
      return value.reshape(*value.shape[:-1], self.num_heads, self.head_dim)

    query, key, value = project(x, 'to_q'), project(source, 'to_k'), project(source, 'to_v')
    if self.rotary:
      query = apply_rotary(query, rotary_angles(query.shape[1], self.head_dim))
      key = apply_rotary(key, rotary_angles(key.shape[1], self.head_dim))
    out = attend(query, key, value, mask)
    out = out.reshape(*out.shape[:-2], width)
    return dense(
      self.features or x.shape[-1],
      'to_out',
      axes=('heads', 'embed'),
      use_bias=self.out_bias,
      zero_init=self.zero_init,
      **types,
    )(out)


class FeedForward(nn.Module):
  """`[..., d] -> [..., d]` through `multiple * d` hidden channels; `activation` 'gelu', 'silu' or 'geglu'."""

  multiple: float = 4
  activation: str = 'gelu'
  zero_init: bool = False
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    hidden = int(self.multiple * x.shape[-1])
    if self.activation == 'geglu':
      up, gate = jnp.split(dense(2 * hidden, 'proj_in', axes=('embed', 'mlp'), **types)(x), 2, axis=-1)
      y = up * jax.nn.gelu(gate, approximate=False)
    else:
      y = activation_of(self.activation)(dense(hidden, 'proj_in', axes=('embed', 'mlp'), **types)(x))
    return dense(x.shape[-1], 'proj_out', axes=('mlp', 'embed'), zero_init=self.zero_init, **types)(y)


class TransformerBlock(nn.Module):
  """Pre-norm transformer block: self-attention, optional cross-attention, feed-forward, on `[b, t, d]`.

  With `adaptive=True` a vector `condition [b, e]` is projected to scale, shift and gate of the self-attention
  and feed-forward branches (adaLN-zero: both branches are zero at initialization).
  """

  num_heads: int
  head_dim: int
  cross_attention: bool = False
  adaptive: bool = False
  rotary: bool = False
  feed_forward_multiple: float = 4
  activation: str = 'gelu'
  qkv_bias: bool = False
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(
    self,
    x: jax.Array,
    context: jax.Array | None = None,
    *,
    mask: jax.Array | None = None,
    context_mask: jax.Array | None = None,
    condition: jax.Array | None = None,
  ) -> jax.Array:
    """`mask` and `context_mask` broadcast to `[b, heads, t, t]` and `[b, heads, t, s]`, True = attend.

    Raises:
      ValueError: an adaptive block without `condition`, or one with cross-attention without `context`.
    """
    if self.adaptive and condition is None:
      raise ValueError('the block is adaptive, so condition [b, e] must be given')
    if self.cross_attention and context is None:
      raise ValueError('the block has cross-attention, so context [b, s, e] must be given')
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    heads: dict[str, Any] = dict(
      num_heads=self.num_heads, head_dim=self.head_dim, qkv_bias=self.qkv_bias, **types
    )

    if self.adaptive:
      modulation = dense(6 * x.shape[-1], 'modulation', axes=('embed', 'mlp'), zero_init=True, **types)
      parts = jnp.split(modulation(jax.nn.silu(condition))[:, None, :], 6, axis=-1)  # pyright: ignore[reportArgumentType]
    else:
      parts = None

    def branch(index, function, name):
      if parts is None:
        return function(layer_norm(name, **types)(x))
      scale, shift, gate = parts[3 * index : 3 * index + 3]
      return gate * function(layer_norm(name, use_affine=False, **types)(x) * (1 + scale) + shift)

    attention = MultiHeadAttention(rotary=self.rotary, name='attn1', **heads)
    x = x + branch(0, lambda y: attention(y, mask=mask), 'norm1')
    if self.cross_attention:
      cross = MultiHeadAttention(name='attn2', **heads)
      x = x + cross(layer_norm('norm2', **types)(x), context, mask=context_mask)
    feed_forward = FeedForward(self.feed_forward_multiple, self.activation, name='ff', **types)
    return x + branch(1, feed_forward, 'norm3')
