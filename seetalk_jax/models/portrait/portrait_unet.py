"""Portrait UNet (P_diff): v-prediction of a noisy portrait latent, conditioned on speech tokens and voice."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn import examples
from seetalk_jax.models.nn.blocks import dense, layer_norm
from seetalk_jax.models.nn.embeddings import TimeEmbedding
from seetalk_jax.models.nn.exportable import exportable
from seetalk_jax.models.nn.image_ops import check_sides, pixel_shuffle, pixel_unshuffle
from seetalk_jax.models.portrait.unet import UNet2DCondition

# Fields that are the same in all sizes.
_COMMON: dict[str, Any] = dict(remat=False)

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(
    **_COMMON,
    latent_channels=4,
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
  # Patches of 2 x 2 latents, so that the body runs at 16 x 16, and a branch along the prior's directions.
  'demo': dict(
    **_COMMON,
    latent_channels=16,
    patch_size=2,
    channels=(96, 160, 160),
    attention_levels=(False, True, True),
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
    latent_channels=4,
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
    latent_channels=4,
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


@exportable
class LinearDenoiserOutput(NamedTuple):
  """Output of the optimal linear denoiser (`diffusion.gaussian`), as input of the network.

  Attributes:
    estimate: estimate of the clean latent, `[b, h, w, 4]`.
    coordinates: coordinates of the noisy latent along `directions`, each scaled to unit variance, `[b, k]`.
    conditional_mean: their means given the voice, in standard deviations, `[b, k]`.
    residual_std: standard deviation of the error of the linear prediction along each direction, `[b, k]`.
    directions: principal components of the face prior, `[k, h, w, 4]`.
  """

  estimate: jax.Array
  coordinates: jax.Array
  conditional_mean: jax.Array
  residual_std: jax.Array
  directions: jax.Array

  @classmethod
  def zeros(cls, shape: tuple[int, int, int, int], num_directions: int) -> LinearDenoiserOutput:
    """Zeros for latents of `shape` `(b, h, w, c)`, as example input for `init`."""
    codes = jnp.zeros((shape[0], num_directions))
    return cls(jnp.zeros(shape), codes, codes, codes, jnp.zeros((num_directions, *shape[1:])))


class PortraitUNet(nn.Module):
  """UNet with cross-attention to speech tokens and the voice vector; `base` is Stable Diffusion 1.5's layout.

  Conditioning:
    Speech tokens, and the voice vector as one more token, enter through cross-attention.
    The voice vector is also projected and added to the time embedding of every residual block.
    A dropped condition is a zero embedding and an all-False `tokens_valid`. The attention then returns zeros.

  The default fields are those of the demo size. Its `patch_size` 2 folds 2 x 2 latent positions into channels, so
  that the body runs at 16 x 16 and below.

  With `num_directions` the network refines the output of the optimal linear denoiser. The convolutions take
  its estimate of the clean latent as additional channels. An MLP (`CoefficientMLP`) predicts a correction
  along the principal components of the face prior, which describe global attributes such as hair, skin and
  glasses.
  Not specified in the paper; we use it so that the network learns only what the linear denoiser gets wrong.
  """

  prediction_type: ClassVar[str] = 'v'  # see `diffusion.objective`

  latent_channels: int = 16
  patch_size: int = 2
  channels: tuple[int, ...] = (96, 160, 160)
  attention_levels: tuple[bool, ...] = (False, True, True)
  layers_per_block: int = 1
  mid_blocks: int = 1
  context_dim: int = 192
  num_heads: int = 4  # per attention layer; 0: as many as `head_dim` allows
  head_dim: int = 0
  conditioning: str = 'film'
  feed_forward_multiple: float = 2
  num_directions: int = 128  # 0: no linear denoiser
  guess_width: int = 256
  guess_blocks: int = 2
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
    linear_output: LinearDenoiserOutput | None = None,
  ) -> jax.Array:
    """Predicts v (`diffusion.objective`) of the residual latent y, float32 `[b, h, w, 4]`.

    The residual is `y = latent_scale z0 - beta p`: z0 is the autoencoder's latent, `latent_scale` a statistic of the
    face prior (1 / standard deviation of all latent values), p the mean latent of the prior in that scale, and beta
    its weight in [0, 1] or above, given the voice (`SampleAdaptiveWeighting`). After sampling,
    `z0 = (y + beta p) / latent_scale`.

    Args:
      y_t: noisy y, `[b, h, w, 4]`, h and w multiples of `patch_size`.
      time: `[b]` in [0, 1000).
      tokens: speech tokens `[b, t, d]`.
      tokens_valid: bool `[b, t]`, True = valid.
      embedding: voice vector `[b, 512]`, unit length, or zeros for none.
      linear_output: required if `num_directions` is positive, otherwise None.

    Raises:
      ValueError: `linear_output` does not agree with `num_directions`, or the latent's sides with `patch_size`.
    """
    check_sides(y_t, self.patch_size, 'latent y_t')
    if (linear_output is None) != (self.num_directions == 0):
      value = 'missing' if linear_output is None else 'set'
      raise ValueError(f'linear_output is {value}, but num_directions is {self.num_directions}')
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    unet = self._unet()
    nn.share_scope(self, unet)  # its parameters are those of this module, under the same names
    voice = embedding * jnp.sqrt(embedding.shape[-1]).astype(embedding.dtype)
    # No bias: a zero (dropped) vector adds nothing.
    condition = dense(unet.condition_dim, 'voice_proj', axes=('embed', 'mlp'), use_bias=False, **types)(voice)
    voice_token = dense(self.context_dim, 'voice_token', axes=('mlp', 'embed'), **types)(voice)[:, None]
    context = dense(self.context_dim, 'token_proj', axes=('mlp', 'embed'), **types)(tokens)
    context = jnp.concatenate([voice_token, context], axis=1)
    voice_valid = jnp.any(embedding != 0, axis=-1, keepdims=True)
    valid = jnp.concatenate([voice_valid, jnp.asarray(tokens_valid, bool)], axis=1)

    unet_input = y_t if linear_output is None else jnp.concatenate([y_t, linear_output.estimate], axis=-1)
    prediction = unet(pixel_unshuffle(unet_input, self.patch_size), time, context, valid, condition)
    prediction = pixel_shuffle(prediction, self.patch_size)
    if linear_output is None:
      return prediction
    correction = linear_output.residual_std * self.coefficient_mlp('guess_refiner')(
      time, embedding, linear_output.coordinates, linear_output.conditional_mean
    )
    return prediction + jnp.einsum('bk,khwc->bhwc', correction, linear_output.directions)

  @nn.nowrap
  def _unet(self) -> UNet2DCondition:
    return UNet2DCondition(
      out_channels=self.latent_channels * self.patch_size**2,
      channels=self.channels,
      attention_levels=self.attention_levels,
      # Stable Diffusion has attention in the up blocks too; with patches only down blocks and middle have it.
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
  def coefficient_mlp(self, name: str | None = None) -> CoefficientMLP:
    """The MLP branch as a separate module; its parameters are `params['guess_refiner']` of this network."""
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    return CoefficientMLP(self.guess_width, self.guess_blocks, self.time_channels, name=name, **types)

  @nn.nowrap
  def example_inputs(
    self, others: examples.Modules | None = None, side: int = examples.SIDE
  ) -> tuple[Any, ...]:
    """Arguments of `__call__` as shapes; see `models.nn.examples`."""
    channels = examples.field(others, 'autoencoder', 'latent_channels', 4)
    latent = examples.array(1, side // 8, side // 8, channels)
    inputs = (latent, examples.array(1), examples.tokens(others), examples.valid(), examples.embedding())
    if not self.num_directions:
      return inputs
    return (*inputs, jax.eval_shape(lambda: LinearDenoiserOutput.zeros(latent.shape, self.num_directions)))


class CoefficientMLP(nn.Module):
  """MLP that predicts the linear denoiser's error along the prior's directions, in units of `residual_std`.

  Its inputs are coordinates and not latents, so that a training step can evaluate it on thousands of noise
  samples per picture.
  """

  width: int
  num_blocks: int
  time_channels: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(
    self, time: jax.Array, embedding: jax.Array, coordinates: jax.Array, conditional_mean: jax.Array
  ) -> jax.Array:
    """Correction float32 `[b, k]`, in units of `LinearDenoiserOutput.residual_std`.

    Args:
      time: `[b]` in [0, 1000).
      embedding: voice vector `[b, 512]`, or zeros for none.
      coordinates, conditional_mean: `[b, k]`, as in `LinearDenoiserOutput`.
    """
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    voice = embedding * jnp.sqrt(embedding.shape[-1]).astype(embedding.dtype)
    condition_width = 2 * self.time_channels
    condition = TimeEmbedding(condition_width, self.time_channels, name='time_embedding', **types)(time)
    condition += dense(condition_width, 'voice_proj', axes=('embed', 'mlp'), use_bias=False, **types)(voice)
    condition = jax.nn.silu(condition)
    x = jnp.concatenate([coordinates, conditional_mean], axis=-1)
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
