"""Time and position embeddings: sinusoidal embedding, time MLP, rotary position embedding."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn.blocks import dense


def sinusoidal_embedding(values: jax.Array, features: int, max_period: float = 10_000.0) -> jax.Array:
  """Real `values [*b]` to float32 `[*b, features]`: cosines, then sines (as in diffusers).

  Raises:
    ValueError: odd `features`.
  """
  if features % 2:
    raise ValueError(f'features must be even, got {features}')
  half = features // 2
  frequencies = jnp.exp(-jnp.log(max_period) * jnp.arange(half, dtype=jnp.float32) / half)
  angles = jnp.asarray(values, jnp.float32)[..., None] * frequencies
  return jnp.concatenate([jnp.cos(angles), jnp.sin(angles)], axis=-1)


class TimeEmbedding(nn.Module):
  """Diffusion time `[b]` in [0, 1000) to a conditioning vector `[b, features]`."""

  features: int
  frequencies: int = 0  # width of the sinusoids; 0 means `features`
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, time: jax.Array) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    x = sinusoidal_embedding(time, self.frequencies or self.features)
    x = jax.nn.silu(dense(self.features, 'linear_1', axes=('embed', 'mlp'), **types)(x))
    return dense(self.features, 'linear_2', axes=('mlp', 'embed'), **types)(x)


def rotary_angles(length: int, head_dim: int, max_period: float = 10_000.0) -> jax.Array:
  """Rotary angles float32 `[length, head_dim // 2]` for positions `0 .. length - 1`.

  Raises:
    ValueError: odd `head_dim`.
  """
  if head_dim % 2:
    raise ValueError(f'rotary positions need an even head_dim, got {head_dim}')
  frequencies = max_period ** (-jnp.arange(0, head_dim, 2, dtype=jnp.float32) / head_dim)
  return jnp.arange(length, dtype=jnp.float32)[:, None] * frequencies


def apply_rotary(x: jax.Array, angles: jax.Array) -> jax.Array:
  """Rotates pairs of channels of `x [b, t, heads, head_dim]` by `angles [t, head_dim // 2]`."""
  first, second = jnp.split(x, 2, axis=-1)
  cos = jnp.cos(angles)[:, None, :].astype(x.dtype)
  sin = jnp.sin(angles)[:, None, :].astype(x.dtype)
  return jnp.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
