"""Lip refiner: corrects the motion latent inside the lip subspace, `m' = m + U c(m, speech)`."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn import examples
from seetalk_jax.models.nn.blocks import conv, dense, layer_norm, partitioned

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(motion_dim=256, token_dim=32, subspace_dim=4, width=32, num_layers=1),
  'demo': dict(motion_dim=256, token_dim=192, subspace_dim=16, width=128, num_layers=3),
  'base': dict(motion_dim=256, token_dim=768, subspace_dim=32, width=512, num_layers=6),
  'large': dict(motion_dim=256, token_dim=1024, subspace_dim=48, width=768, num_layers=8),
}


class LipRefiner(nn.Module):
  """Temporal convolutions that predict the correction `c` in `m' = m + U c`.

  `U [motion_dim, k]` has orthonormal columns and spans the lip subspace: the directions u of largest
  `u^T C_lips u / u^T C_rest u`, where C are second moments of changes of m in which only the lips, or only
  the rest of the face, move (`stages.lip_subspace`). It is stored among the parameters as
  `subspace`, and no gradient reaches it. `c [b, n, k]` is computed from `m`, `U^T m` and the speech tokens of
  a local window. Components of `m` orthogonal to `U` do not change.

  Not specified in the paper ("region refinement"); we use a low-dimensional linear subspace.

  Attributes:
    motion_dim: width of m.
    token_dim: width of the speech tokens.
    subspace_dim: k, the dimension of the lip subspace.
    width: channels of the temporal convolutions.
    num_layers: residual layers, each with a receptive field of 2 frames on either side.
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
    """Refines a motion track.

    Args:
      m: `[b, n, motion_dim]`, the codec's motion latent (not standardized).
      tokens: speech tokens `[b, n, token_dim]`, one per frame.
      subspace: U, `[motion_dim, subspace_dim]`, orthonormal columns; replaces the stored one.
      valid: bool `[b, n]`, True = a frame of the track (default: all). Other frames keep their m, and have no effect on
        those of the track.

    Returns:
      float32 `[b, n, motion_dim]`; `m' - m` lies in the span of U.

    Raises:
      ValueError: `subspace` has another shape.
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
    lips = jnp.matmul(m, subspace, precision='highest')
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
    # Full precision on every device: rounded products would leave the span of U.
    return m + jnp.matmul(correction.astype(jnp.float32) * keep, subspace.T, precision='highest')

  @nn.nowrap
  def example_inputs(
    self, others: examples.Modules | None = None, side: int = examples.SIDE
  ) -> tuple[Any, ...]:
    """Arguments of `__call__` as shapes; see `models.nn.examples`."""
    del side
    tracks = examples.array(1, examples.TOKENS, examples.motion_dim(others))
    return tracks, examples.tokens(others)


def _first_axes(rng, shape, dtype):
  del rng
  return jnp.eye(*shape, dtype=dtype)
