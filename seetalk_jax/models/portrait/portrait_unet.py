"""Portrait UNet: predicts the velocity v of a noisy portrait latent from the speech that the face must fit."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn.blocks import dense, layer_norm, pixel_shuffle, pixel_unshuffle
from seetalk_jax.models.nn.embeddings import TimeEmbedding
from seetalk_jax.models.portrait.unet import UNet2DCondition

# Fields that are the same in all sizes.
_COMMON: dict[str, Any] = dict(latent_channels=4, remat=False)

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(
    **_COMMON,
    patch_size=2,
    channels=(16, 32),
    attention_levels=(False, True),
    layers_per_block=1,
    mid_blocks=1,
    context_dim=16,
    num_heads=2,
    head_dim=0,
    conditioning='film',
    feed_forward_multiple=2,
    num_directions=0,
    guess_width=512,
    guess_blocks=4,
    time_channels=64,
    groups=4,
  ),
  # Patches of 4 x 4 latents, so that the body runs at 8 x 8, and a branch along the prior's directions.
  'demo': dict(
    **_COMMON,
    patch_size=4,
    channels=(64, 96),
    attention_levels=(False, True),
    layers_per_block=1,
    mid_blocks=1,
    context_dim=192,
    num_heads=4,
    head_dim=0,
    conditioning='film',
    feed_forward_multiple=2,
    num_directions=128,
    guess_width=256,
    guess_blocks=2,
    time_channels=64,
    groups=8,
  ),
  # Stable Diffusion 1.5.
  'base': dict(
    **_COMMON,
    patch_size=1,
    channels=(320, 640, 1280, 1280),
    attention_levels=(True, True, True, False),
    layers_per_block=2,
    mid_blocks=2,
    context_dim=768,
    num_heads=8,
    head_dim=0,
    conditioning='add',
    feed_forward_multiple=4,
    num_directions=0,
    guess_width=512,
    guess_blocks=4,
    time_channels=320,
    groups=32,
  ),
  # Stable Diffusion 2.1: heads of 64 channels, wider context.
  'large': dict(
    **_COMMON,
    patch_size=1,
    channels=(320, 640, 1280, 1280),
    attention_levels=(True, True, True, False),
    layers_per_block=2,
    mid_blocks=2,
    context_dim=1024,
    num_heads=0,
    head_dim=64,
    conditioning='add',
    feed_forward_multiple=4,
    num_directions=0,
    guess_width=512,
    guess_blocks=4,
    time_channels=320,
    groups=32,
  ),
}


class LinearGuess(NamedTuple):
  """What the best linear denoiser knows (`diffusion.gaussian`), for a network that goes on from there.

  Attributes:
    estimate: of the clean latent, `[b, h, w, 4]`.
    coordinates: of the noisy latent along the prior's directions, each of unit variance, `[b, k]`.
    expected: where the voice says they are, in standard deviations, `[b, k]`.
    doubt: how wrong the linear prediction is along each, `[b, k]`.
    directions: `[k, h, w, 4]`.
  """

  estimate: jax.Array
  coordinates: jax.Array
  expected: jax.Array
  doubt: jax.Array
  directions: jax.Array

  @classmethod
  def zeros(cls, shape: tuple[int, int, int, int], num_directions: int) -> LinearGuess:
    """An empty guess for latents of a shape, to make parameters with."""
    codes = jnp.zeros((shape[0], num_directions))
    return cls(jnp.zeros(shape), codes, codes, codes, jnp.zeros((num_directions, *shape[1:])))


class PortraitUNet(nn.Module):
  """UNet with cross-attention to speech tokens and the voice vector; `base` is Stable Diffusion 1.5's layout.

  Conditions enter twice: tokens (and the voice vector as one more token) through cross-attention, the voice
  vector beside the time through every residual block. A dropped condition is a zero embedding and all-False
  validity: nothing to look at, and no NaN.
  `patch_size` 2 folds 2 x 2 latents into one position first, so that the body runs at 16 x 16 and 8 x 8.

  With `num_directions` the network goes on from a linear denoiser (our reading): the convolutions see its
  estimate beside the noisy latent, and a branch of dense layers answers for whole faces, along the prior's
  directions: which hair, which skin, glasses or none.
  """

  prediction_type: ClassVar[str] = 'v'  # what it predicts, see `diffusion.objective`

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
  num_directions: int = 0  # 0: no linear guess
  guess_width: int = 512
  guess_blocks: int = 4
  time_channels: int = 64
  groups: int = 8
  remat: bool | str = False
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(
    self,
    y_t: jax.Array,
    time: jax.Array,
    tokens: jax.Array,
    tokens_valid: jax.Array,
    embedding: jax.Array,
    guess: LinearGuess | None = None,
  ) -> jax.Array:
    """Noisy latents to a prediction of the same shape, float32.

    Args:
      y_t: `[b, h, w, 4]`, h and w multiples of `patch_size`.
      time: `[b]` in [0, 1000).
      tokens: speech tokens `[b, t, d]`; `tokens_valid` bool `[b, t]`.
      embedding: voice vector `[b, 512]`, unit length, or zeros for none.
      guess: must be given if there are `num_directions`, and only then.
    """
    if (guess is None) != (self.num_directions == 0):
      raise ValueError(
        f'num_directions is {self.num_directions}, so guess must {"" if guess is None else "not "}be given'
      )
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    unet = self._unet()
    nn.share_scope(self, unet)  # its parameters are ours, under the same names
    voice = embedding * jnp.sqrt(embedding.shape[-1]).astype(embedding.dtype)
    # No bias: a zero (dropped) vector adds nothing.
    condition = dense(unet.condition_dim, 'voice_proj', axes=('embed', 'mlp'), use_bias=False, **types)(voice)
    voice_token = dense(self.context_dim, 'voice_token', axes=('mlp', 'embed'), **types)(voice)[:, None]
    context = dense(self.context_dim, 'token_proj', axes=('mlp', 'embed'), **types)(tokens)
    context = jnp.concatenate([voice_token, context], axis=1)
    voice_valid = jnp.any(embedding != 0, axis=-1, keepdims=True)
    valid = jnp.concatenate([voice_valid, jnp.asarray(tokens_valid, bool)], axis=1)

    seen = y_t if guess is None else jnp.concatenate([y_t, guess.estimate], axis=-1)
    prediction = unet(pixel_unshuffle(seen, self.patch_size), time, context, valid, condition)
    prediction = pixel_shuffle(prediction, self.patch_size)
    if guess is None:
      return prediction
    along = guess.doubt * self.guess_refiner('guess_refiner')(
      time, embedding, guess.coordinates, guess.expected
    )
    return prediction + jnp.einsum('bk,khwc->bhwc', along, guess.directions)

  @nn.nowrap
  def _unet(self) -> UNet2DCondition:
    return UNet2DCondition(
      out_channels=self.latent_channels * self.patch_size**2,
      channels=self.channels,
      attention_levels=self.attention_levels,
      # Attention on the way up is Stable Diffusion's; the patched body keeps to the way down and the middle.
      up_attention=self.patch_size == 1,
      layers_per_block=self.layers_per_block,
      mid_blocks=self.mid_blocks,
      num_heads=self.num_heads,
      head_dim=self.head_dim,
      conditioning=self.conditioning,
      feed_forward_multiple=self.feed_forward_multiple,
      time_channels=self.time_channels,
      groups=self.groups,
      remat=self.remat,
      dtype=self.dtype,
      param_dtype=self.param_dtype,
    )

  @nn.nowrap
  def guess_refiner(self, name: str | None = None) -> GuessRefiner:
    """The dense branch as a module of its own; its parameters are `guess_refiner` of these."""
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    return GuessRefiner(self.guess_width, self.guess_blocks, self.time_channels, name=name, **types)


class GuessRefiner(nn.Module):
  """Coordinates `[b, k]` and where the voice expects them -> what the linear guess gets wrong, in its doubts.

  It never sees a latent, so that a training step can show it thousands of noises for the price of a few
  pictures.
  """

  width: int
  num_blocks: int
  time_channels: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(
    self, time: jax.Array, embedding: jax.Array, coordinates: jax.Array, expected: jax.Array
  ) -> jax.Array:
    """`time [b]`, `embedding [b, 512]` (zeros: no voice), the rest as in `LinearGuess`; float32 `[b, k]`."""
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    voice = embedding * jnp.sqrt(embedding.shape[-1]).astype(embedding.dtype)
    condition_width = 2 * self.time_channels
    condition = TimeEmbedding(condition_width, self.time_channels, name='time_embedding', **types)(time)
    condition += dense(condition_width, 'voice_proj', axes=('embed', 'mlp'), use_bias=False, **types)(voice)
    condition = jax.nn.silu(condition)
    x = jnp.concatenate([coordinates, expected], axis=-1)
    x = dense(self.width, 'coordinates_in', **types)(x)
    for i in range(self.num_blocks):
      scale_shift = dense(2 * self.width, f'condition_{i}', zero_init=True, **types)(condition)
      scale, shift = jnp.split(scale_shift, 2, axis=-1)
      y = layer_norm(f'norm_{i}', use_affine=False, **types)(x) * (1 + scale) + shift
      y = jax.nn.silu(dense(self.width, f'fc1_{i}', **types)(y))
      x = x + dense(self.width, f'fc2_{i}', axes=('mlp', 'embed'), **types)(y)
    x = layer_norm('norm_out', **types)(x)
    out = dense(coordinates.shape[-1], 'coordinates_out', axes=('mlp', 'embed'), zero_init=True, **types)
    return out(x).astype(jnp.float32)
