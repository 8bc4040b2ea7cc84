"""Motion diffusion transformer (M_diff): denoises a motion track, conditioned on frame-aligned speech."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.constants import CONTROLS
from seetalk_jax.models.motion.motion_controls import MotionControls
from seetalk_jax.models.nn import examples
from seetalk_jax.models.nn.attention import TransformerBlock, key_mask
from seetalk_jax.models.nn.blocks import MLP, conv, dense, layer_norm, partitioned
from seetalk_jax.models.nn.embeddings import TimeEmbedding

PAST_PARAMETER = 'given_frame'  # the vector of networks that take given frames
CONTROLS_PART = 'controls_in'  # the parameters of the controls

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
    with_past=False,
  ),
  'demo': dict(
    motion_dim=256,
    token_dim=192,
    width=192,
    num_heads=4,
    num_layers=5,
    feed_forward_multiple=2.0,
    context=3,
    controls=CONTROLS,
    with_past=True,
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
    with_past=False,
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
    with_past=False,
  ),
}


class MotionTransformer(nn.Module):
  """Non-autoregressive transformer that denoises a whole window of motion latents in parallel.

  Blocks with adaLN-zero and rotary positions (DiT, arXiv 2212.09748). The architecture is not specified in
  the paper; we use this one.

  Conditioning:
    Speech is added to every frame: a temporal convolution over the frame's token and its neighbors,
    projected. The projection is added again after every block.
    The portrait's motion `m_0` is added to every frame and to the time embedding, which modulates the blocks.

  A depthwise temporal convolution precedes each block. A blink lasts about five frames, and their local
  average shows it at noise levels at which no single frame does.

  Attributes:
    motion_dim: width of m.
    token_dim: width of the speech tokens.
    width, num_heads, num_layers, feed_forward_multiple: of the transformer.
    context: frames on either side in the local convolutions, of speech and of motion.
    controls: names from `constants.CONTROLS` that condition the network besides speech and portrait.
    with_past: frames can be given, as the past of a track: a learned vector marks them. It starts at zero, so weights
      of a network without it give the same output at first.
  """

  # The prediction type, see `diffusion.objective`. Motion tracks lie near a low-dimensional manifold, noise
  # does not. A network narrower than m cannot pass the noise through, which 'v' and 'eps' require.
  prediction_type: ClassVar[str] = 'x0'

  motion_dim: int = 256
  token_dim: int = 192
  width: int = 192
  num_heads: int = 4
  num_layers: int = 5
  feed_forward_multiple: float = 2.0
  context: int = 3
  controls: tuple[str, ...] = CONTROLS
  with_past: bool = True
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
    given: jax.Array | None = None,
  ) -> jax.Array:
    """Predicts x0 from the noisy track.

    Args:
      xt: noisy standardized motion `[b, n, motion_dim]`; clean in given frames.
      time: `[b]` in [0, 1000).
      tokens: speech tokens `[b, n, token_dim]`; token i covers frame i.
      m_0: motion of the portrait, standardized, `[b, motion_dim]`.
      valid: bool `[b, n]`, True = a frame of the track (default: all). Other frames are masked out as keys
        and in the convolutions, their speech too: it has no effect on frames of the track.
      drop: bool `[b]`, True = replace the speech by a learned null token, for classifier-free guidance.
      controls, drop_controls: see `MotionControls`; controls can be dropped per sample.
      given: bool `[b, n]`, True = xt holds the clean motion of the frame (default: none).

    Returns:
      x0, float32 `[b, n, motion_dim]`. The estimate of given frames has no meaning.

    Raises:
      ValueError: an unknown control, tokens that are not aligned with the motion, or given frames for a network
        without `with_past`.
    """
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    if unknown := [name for name in self.controls if name not in CONTROLS]:
      raise ValueError(f'unknown control {unknown[0]!r}: use some of {", ".join(CONTROLS)}')
    b, n, _ = xt.shape
    if tokens.shape[:2] != (b, n):
      raise ValueError(f'tokens {tokens.shape} are not aligned with motion {xt.shape}: one token a frame')
    if given is not None and not self.with_past:
      raise ValueError('this motion transformer takes no given frames: make it with with_past=True')
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
    if self.with_past:
      start = partitioned(nn.initializers.zeros, ('embed',))
      mark = self.param(PAST_PARAMETER, start, (self.width,), self.param_dtype)
      if given is not None:
        x = x + jnp.where(given[..., None], jnp.asarray(mark, x.dtype), 0)

    condition = TimeEmbedding(self.width, name='time_embedding', **types)(time) + portrait
    if self.controls or controls:
      embed_controls = MotionControls(
        self.controls, self.width, self.motion_dim, self.context, name=CONTROLS_PART, **types
      )
      of_frames, of_clip = embed_controls((b, n), controls or {}, drop_controls or {})
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
      # Speech again after every block: otherwise the residual stream dilutes it, and lips follow it closely.
      x = x + dense(self.width, f'speech_{i}', axes=('embed', None), zero_init=True, **types)(speech)
    x = layer_norm('norm_out', **types)(x)
    return dense(self.motion_dim, 'motion_out', axes=('embed', 'mlp'), zero_init=True, **types)(x).astype(
      jnp.float32
    )

  @nn.nowrap
  def example_inputs(
    self, others: examples.Modules | None = None, side: int = examples.SIDE
  ) -> tuple[Any, ...]:
    """Arguments of `__call__` as shapes; see `models.nn.examples`."""
    del side
    width = examples.motion_dim(others)
    tracks = examples.array(1, examples.TOKENS, width)
    return tracks, examples.array(1), examples.tokens(others), examples.array(1, width), examples.valid()
