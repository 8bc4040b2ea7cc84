"""Encoders of the motion codec: identity features of a portrait, motion latents of a frame and of true motion."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn.blocks import conv, dense, down_levels, group_norm


class IdentityEncoder(nn.Module):
  """Identity encoder `phi_id`: portrait `[b, h, w, 3]` -> features at 1/4, 1/8 and 1/16."""

  widths: tuple[int, int, int]
  num_blocks: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, image: jax.Array) -> dict[int, jax.Array]:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    levels = down_levels(image, self.widths, self.num_blocks, **types)
    return dict(zip((4, 8, 16), levels, strict=True))


class MotionEncoder(nn.Module):
  """Motion encoder `phi_m`: frame `[b, size, size, 3]` -> motion latent `[b, motion_dim]`.

  The last feature map is flattened, not pooled (8 x 8 positions at size 128): motion is a change of position.
  """

  motion_dim: int
  widths: tuple[int, int, int]
  bottleneck: int
  num_blocks: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, image: jax.Array) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    x = down_levels(image, self.widths, self.num_blocks, **types)[-1]
    x = jax.nn.silu(group_norm(x.shape[-1], 'norm_out', **types)(x))
    x = conv(self.bottleneck, 1, 'squeeze', **types)(x)
    return dense(self.motion_dim, 'to_motion', axes=('mlp', 'embed'), **types)(
      x.reshape(x.shape[0], -1)
    ).astype(jnp.float32)


class TruthEncoder(nn.Module):
  """Scaled motion `[b, truth_dim]`, in the fields of the codec -> motion latent `[b, motion_dim]`."""

  motion_dim: int
  hidden: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, truth: jax.Array) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    x = dense(self.hidden, 'linear_in', **types)(truth)
    x = jax.nn.silu(x)
    gate, value = jnp.split(dense(2 * self.hidden, 'gated', **types)(x), 2, axis=-1)
    x = x + jax.nn.silu(gate) * value
    return dense(self.motion_dim, 'linear_out', axes=('mlp', 'embed'), **types)(x).astype(jnp.float32)
