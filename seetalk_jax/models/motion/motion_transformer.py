"""M_diff's network: a transformer over the motion track, given the speech frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.constants import CONTROLS
from seetalk_jax.models.motion.motion_controls import MotionControls
from seetalk_jax.models.nn.attention import TransformerBlock, key_mask
from seetalk_jax.models.nn.blocks import MLP, conv, dense, layer_norm, partitioned
from seetalk_jax.models.nn.embeddings import TimeEmbedding

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(
    motion_dim=256,
    token_dim=32,
    width=32,
    num_heads=2,
    num_layers=1,
    feed_forward_multiple=2.0,
    context=3,
    controls=(),
  ),
  'demo': dict(
    motion_dim=256,
    token_dim=192,
    width=192,
    num_heads=4,
    num_layers=5,
    feed_forward_multiple=2.0,
    context=3,
    controls=(),
  ),
  'base': dict(
    motion_dim=256,
    token_dim=768,
    width=768,
    num_heads=12,
    num_layers=12,
    feed_forward_multiple=2.0,
    context=3,
    controls=(),
  ),
  'large': dict(
    motion_dim=256,
    token_dim=1024,
    width=1024,
    num_heads=16,
    num_layers=24,
    feed_forward_multiple=2.0,
    context=3,
    controls=(),
  ),
}


class MotionTransformer(nn.Module):
  """Denoises a whole window of motion latents at once (our reading of M_diff; blocks as in DiT, arXiv
  2212.09748).

  Speech enters frame by frame: each frame's token with its neighbours `context` frames to either side,
  projected and added. The portrait's motion is added to every frame and, with the time, steers the blocks.
  Before each block every channel also looks at its own neighbours in time: a blink lasts five frames, and
  shows through the noise in their sum long before it does in any of them.

  Attributes:
    motion_dim: width of m.
    token_dim: width of the speech tokens.
    width, num_heads, num_layers, feed_forward_multiple: of the transformer.
    context: frames to either side in the local convolutions, of speech and of motion.
    controls: names of `constants.CONTROLS` that it listens to besides speech and portrait.
  """

  # What it predicts, see `diffusion.objective`. Tracks lie near a surface of few dimensions, noise fills all of them: a
  # network narrower than m cannot hand the noise through to a 'v', and would spend itself on trying.
  prediction_type: ClassVar[str] = 'x0'

  motion_dim: int = 256
  token_dim: int = 192
  width: int = 192
  num_heads: int = 4
  num_layers: int = 5
  feed_forward_multiple: float = 2.0
  context: int = 3
  controls: tuple[str, ...] = ()
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(
    self,
    xt: jax.Array,
    time: jax.Array,
    tokens: jax.Array,
    m_0: jax.Array,
    valid: jax.Array | None = None,
    drop: jax.Array | None = None,
    controls: Mapping[str, jax.Array] | None = None,
    drop_controls: Mapping[str, jax.Array] | None = None,
  ) -> jax.Array:
    """One prediction.

    Args:
      xt: noised standardised motion `[b, n, motion_dim]`.
      time: `[b]` in [0, 1000).
      tokens: speech `[b, n, token_dim]`, token i sounds with frame i.
      m_0: the portrait's motion, standardised, `[b, motion_dim]`.
      valid: bool `[b, n]`, True = a frame of the track (default: all); others neither look nor are looked at.
      drop: bool `[b]`, True = without speech (for guidance): a learned token stands in.
      controls, drop_controls: see `MotionControls`; each control may be there or not, sample by sample.

    Returns:
      float32 `[b, n, motion_dim]`.
    """
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    if unknown := [name for name in self.controls if name not in CONTROLS]:
      raise ValueError(f'unknown control {unknown[0]!r}: use some of {", ".join(CONTROLS)}')
    b, n, _ = xt.shape
    if tokens.shape[:2] != (b, n):
      raise ValueError(f'tokens {tokens.shape} are not aligned with motion {xt.shape}: one token a frame')
    valid = jnp.ones((b, n), bool) if valid is None else valid
    silence = self.param(
      'null_token', partitioned(nn.initializers.normal(0.02), ('embed',)), (self.token_dim,), self.param_dtype
    )
    if drop is not None:
      tokens = jnp.where(drop[:, None, None], jnp.asarray(silence, tokens.dtype), tokens)

    speech = layer_norm('token_norm', **types)(tokens) * valid[..., None]
    speech = conv(self.width, (2 * self.context + 1,), 'token_in', **types)(speech)
    speech = dense(self.width, 'token_out', **types)(jax.nn.silu(speech))
    portrait = MLP(self.width, self.width, name='portrait_mlp', **types)(m_0)
    x = dense(self.width, 'motion_in', **types)(xt) + speech + portrait[:, None, :]

    condition = TimeEmbedding(self.width, name='time_embedding', **types)(time) + portrait
    if self.controls or controls:
      asked = MotionControls(
        self.controls, self.width, self.motion_dim, self.context, name='controls_in', **types
      )
      of_frames, of_clip = asked((b, n), controls or {}, drop_controls or {})
      x, condition = x + of_frames * valid[..., None], condition + of_clip
    mask = key_mask(valid)
    for i in range(self.num_layers):
      near = conv(
        self.width, (2 * self.context + 1,), f'local_{i}', groups=self.width, zero_init=True, **types
      )
      x = x + near(x * valid[..., None])
      x = TransformerBlock(
        self.num_heads,
        self.width // self.num_heads,
        adaptive=True,
        rotary=True,
        feed_forward_multiple=self.feed_forward_multiple,
        name=f'block_{i}',
        **types,
      )(x, mask=mask, condition=condition)
      # Speech again after every block: lips follow it closely and the stream must not wash it out.
      x = x + dense(self.width, f'speech_{i}', axes=('embed', 'embed'), zero_init=True, **types)(speech)
    x = layer_norm('norm_out', **types)(x)
    return dense(self.motion_dim, 'motion_out', axes=('embed', 'mlp'), zero_init=True, **types)(x).astype(
      jnp.float32
    )
