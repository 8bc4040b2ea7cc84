"""Lip-region refinement: corrections of the motion latent inside the lip subspace, and nowhere else."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn.blocks import conv, dense, layer_norm, partitioned

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(motion_dim=256, token_dim=32, subspace_dim=4, width=32, num_layers=1),
  'demo': dict(motion_dim=256, token_dim=192, subspace_dim=16, width=128, num_layers=3),
  'base': dict(motion_dim=256, token_dim=768, subspace_dim=32, width=512, num_layers=6),
  'large': dict(motion_dim=256, token_dim=1024, subspace_dim=48, width=768, num_layers=8),
}


class LipRefiner(nn.Module):
  """`m' = m + U correction`: a small network with a local window of speech (our reading of "region
  refinement").

  U is stored among the parameters as `subspace`; no gradient reaches it.

  Attributes:
    motion_dim: width of m.
    token_dim: width of the speech tokens.
    subspace_dim: k, columns of the orthonormal lip subspace `U [motion_dim, k]`.
    width: of the convolutions over time.
    num_layers: residual layers; each looks 2 frames to either side.
  """

  motion_dim: int = 256
  token_dim: int = 192
  subspace_dim: int = 16
  width: int = 128
  num_layers: int = 3
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(
    self,
    m: jax.Array,
    tokens: jax.Array,
    subspace: jax.Array | None = None,
    valid: jax.Array | None = None,
  ) -> jax.Array:
    """Refines a track.

    Args:
      m: `[b, n, motion_dim]`, the codec's latent (not standardised).
      tokens: `[b, n, token_dim]`.
      subspace: U, `[motion_dim, subspace_dim]`, orthonormal columns, to use in place of the stored one.
      valid: bool `[b, n]`, True = a frame of the track (default: all); others keep their m.

    Returns:
      float32 `[b, n, motion_dim]`; `m' - m` lies in the span of U.
    """
    shape = (self.motion_dim, self.subspace_dim)
    stored = self.param('subspace', partitioned(_first_axes, ('statistics', None)), shape, jnp.float32)
    subspace = stored if subspace is None else subspace
    if subspace.shape != shape:
      raise ValueError(f'subspace has shape {subspace.shape}, expected {shape}')
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    subspace = jax.lax.stop_gradient(subspace.astype(jnp.float32))
    m = m.astype(jnp.float32)
    valid = jnp.ones(m.shape[:2], bool) if valid is None else valid
    keep = valid[..., None]
    lips = m @ subspace
    x = jnp.concatenate(
      [
        dense(self.width, 'lips_in', axes=('embed', 'mlp'), **types)(lips),
        dense(self.width, 'motion_in', axes=('embed', 'mlp'), **types)(layer_norm('motion_norm', **types)(m)),
        dense(self.width, 'token_in', axes=('embed', 'mlp'), **types)(
          layer_norm('token_norm', **types)(tokens)
        ),
      ],
      axis=-1,
    )
    x = dense(self.width, 'mix', axes=('mlp', 'embed'), **types)(jax.nn.silu(x))
    for i in range(self.num_layers):
      y = layer_norm(f'norm_{i}', **types)(x) * keep
      y = jax.nn.silu(conv(self.width, (5,), f'conv_{i}', **types)(y))
      x = x + dense(self.width, f'out_{i}', axes=('mlp', 'embed'), **types)(y)
    x = layer_norm('norm_out', **types)(x)
    correction = dense(self.subspace_dim, 'correction', axes=('embed', None), zero_init=True, **types)(x)
    return m + (correction.astype(jnp.float32) * keep) @ subspace.T


def _first_axes(rng, shape, dtype):
  del rng
  return jnp.eye(*shape, dtype=dtype)
