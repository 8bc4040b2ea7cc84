"""Image autoencoder (KL-regularized): pictures to latents at 1/8 of the size, 1/16 in the size demo, and back."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.models.nn import examples
from seetalk_jax.models.nn.attention import MultiHeadAttention
from seetalk_jax.models.nn.blocks import ResBlock, conv, group_norm
from seetalk_jax.models.nn.image_ops import check_sides, pixel_shuffle, pixel_unshuffle, upsample_nearest
from seetalk_jax.models.nn.layers import rematerialised
from seetalk_jax.models.portrait import cosine_transform

# Of the latents' posterior at first with the shortcut, whose latents have a variance of about 1: little noise.
_FIRST_LOG_VARIANCE = -6.0

# Fields that are the same in all sizes.
_COMMON: dict[str, Any] = dict(remat=False)

# Channels are listed from the finest level to the coarsest, as Stable Diffusion lists them.
SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(
    **_COMMON,
    latent_channels=4,
    cosine_shortcut=False,
    patch_size=4,
    encoder_channels=(16, 16),
    decoder_channels=(16, 16),
    encoder_blocks=(0, 1),
    decoder_blocks=(1, 1),
    mid_blocks=1,
    mid_attention=False,
    groups=4,
    quant_conv=False,
  ),
  'demo': dict(
    **_COMMON,
    latent_channels=16,
    cosine_shortcut=True,
    patch_size=8,
    encoder_channels=(64, 128),
    decoder_channels=(72, 144),
    encoder_blocks=(1, 1),
    decoder_blocks=(2, 2),
    mid_blocks=1,
    mid_attention=False,
    groups=8,
    quant_conv=False,
  ),
  # Stable Diffusion's, in both sizes.
  'base': dict(
    **_COMMON,
    latent_channels=4,
    cosine_shortcut=False,
    patch_size=1,
    encoder_channels=(128, 256, 512, 512),
    decoder_channels=(128, 256, 512, 512),
    encoder_blocks=(2, 2, 2, 2),
    decoder_blocks=(3, 3, 3, 3),
    mid_blocks=2,
    mid_attention=True,
    groups=32,
    quant_conv=True,
  ),
  'large': dict(
    **_COMMON,
    latent_channels=4,
    cosine_shortcut=False,
    patch_size=1,
    encoder_channels=(128, 256, 512, 512),
    decoder_channels=(128, 256, 512, 512),
    encoder_blocks=(2, 2, 2, 2),
    decoder_blocks=(3, 3, 3, 3),
    mid_blocks=2,
    mid_attention=True,
    groups=32,
    quant_conv=True,
  ),
}


class AutoencoderKL(nn.Module):
  """KL autoencoder: f16 and 16 latent channels in the size demo, f8 and 4 in the others.

  `base` has the layout and names of Stable Diffusion's (diffusers).
  `patch_size` 4 replaces the first two downsampling levels by pixel unshuffle, and the last two upsampling
  levels by pixel shuffle (8: three), so that no layer with few channels runs at full resolution. Latents are not
  scaled. The scale that gives them unit variance is a statistic of the training data, stored beside the parameters
  (`latent_scale`).

  Attributes:
    cosine_shortcut: the networks start at zero and add to a truncated cosine transform of every patch
      (`cosine_transform`), which has no parameters.
  """

  latent_channels: int = 16
  cosine_shortcut: bool = True
  patch_size: int = 8
  encoder_channels: tuple[int, ...] = (64, 128)
  decoder_channels: tuple[int, ...] = (72, 144)
  encoder_blocks: tuple[int, ...] = (1, 1)
  decoder_blocks: tuple[int, ...] = (2, 2)
  mid_blocks: int = 1
  mid_attention: bool = False
  groups: int = 8
  quant_conv: bool = False
  remat: bool | str = False
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @property
  def factor(self) -> int:
    """Pixels per latent along an edge: 8."""
    return self.patch_size * 2 ** (len(self.encoder_channels) - 1)

  def setup(self):
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    shared: dict[str, Any] = dict(
      patch_size=self.patch_size,
      mid_blocks=self.mid_blocks,
      mid_attention=self.mid_attention,
      groups=self.groups,
      zero_init=self.cosine_shortcut,
      remat=self.remat,
      **types,
    )
    self.encoder = Encoder(2 * self.latent_channels, self.encoder_channels, self.encoder_blocks, **shared)
    self.decoder = Decoder(3, self.decoder_channels, self.decoder_blocks, **shared)
    if self.quant_conv:
      self.quant = conv(2 * self.latent_channels, 1, **types)
      self.post_quant = conv(self.latent_channels, 1, **types)

  def __call__(self, image: jax.Array, rng: jax.Array | None = None) -> tuple[jax.Array, ...]:
    """(reconstruction, mean, log variance). Decodes a posterior sample with `rng`, the mean without."""
    mean, log_variance = self.encode(image)
    z = mean if rng is None else sample_posterior(mean, log_variance, rng)
    return self.decode(z), mean, log_variance

  def encode(self, image: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Pictures `[b, h, w, 3]` in [-1, 1] to (mean, log variance), each float32 `[b, h / 8, w / 8, 4]`.

    Raises:
      ValueError: a side is not a multiple of `factor`.
    """
    check_sides(image, self.factor, 'picture')
    moments = self.encoder(image)
    if self.quant_conv:
      moments = self.quant(moments)
    mean, log_variance = jnp.split(moments.astype(jnp.float32), 2, axis=-1)
    if self.cosine_shortcut:
      mean = mean + cosine_transform.encode(image, self.factor, self.latent_channels)
      log_variance = log_variance + _FIRST_LOG_VARIANCE
    return mean, jnp.clip(log_variance, -30.0, 20.0)

  def decode(self, z: jax.Array) -> jax.Array:
    """Latents `[b, h, w, 4]` (unscaled) to pictures float32 `[b, 8 h, 8 w, 3]`, about in [-1, 1]."""
    if self.quant_conv:
      z = self.post_quant(z)
    image = self.decoder(z).astype(jnp.float32)
    return image + cosine_transform.decode(z, self.factor) if self.cosine_shortcut else image

  @nn.nowrap
  def mirrored(self, z: jax.Array) -> jax.Array:
    """Latents of the mirrored picture (left and right exchanged), as far as they are a linear function of it.

    With `cosine_shortcut` channels of odd waves change their sign. Otherwise positions are exchanged and channels left
    as they are. Applied twice it returns its input.
    """
    signs = 1.0
    if self.cosine_shortcut:
      signs = cosine_transform.mirror_signs(self.factor, self.latent_channels).astype(np.float32)
    return z[..., ::-1, :] * signs

  @nn.nowrap
  def example_inputs(
    self, others: examples.Modules | None = None, side: int = examples.SIDE
  ) -> tuple[Any, ...]:
    """Arguments of `__call__` as shapes; see `models.nn.examples`."""
    del others
    return (examples.image(side),)


def sample_posterior(mean: jax.Array, log_variance: jax.Array, rng: jax.Array) -> jax.Array:
  """A latent from the posterior `[b, h, w, c]` that `AutoencoderKL.encode` returns."""
  return mean + jnp.exp(0.5 * log_variance) * jax.random.normal(rng, mean.shape, mean.dtype)


class MidAttention(nn.Module):
  """Single-head self-attention over all positions, added to `x [b, h, w, c]`."""

  groups: int = 32
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    b, h, w, c = x.shape
    y = group_norm(c, 'group_norm', groups=self.groups, **types)(x).reshape(b, h * w, c)
    y = MultiHeadAttention(num_heads=1, head_dim=c, qkv_bias=True, name='attention', **types)(y)
    return x + y.reshape(b, h, w, c)


class Encoder(nn.Module):
  """Stem, levels of residual blocks with downsampling by 2 after all but the last, middle, output."""

  out_channels: int
  channels: tuple[int, ...]
  blocks: tuple[int, ...]
  patch_size: int
  mid_blocks: int
  mid_attention: bool
  groups: int
  zero_init: bool = False
  remat: bool | str = False
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, image: jax.Array) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    block = rematerialised(ResBlock, self.remat)
    x = conv(self.channels[0], 3, 'conv_in', **types)(pixel_unshuffle(image, self.patch_size))
    for i, (channels, blocks) in enumerate(zip(self.channels, self.blocks, strict=True)):
      for j in range(blocks):
        x = block(channels, groups=self.groups, name=f'down_blocks_{i}_resnets_{j}', **types)(x)
      if i < len(self.channels) - 1:
        # Stable Diffusion pads the bottom and right edges only.
        name = f'down_blocks_{i}_downsampler'
        x = conv(channels, 3, name, strides=2, padding=[(0, 1), (0, 1)], **types)(x)
    x = _middle(x, self, block, types)
    x = jax.nn.silu(group_norm(x.shape[-1], 'conv_norm_out', groups=self.groups, **types)(x))
    return conv(self.out_channels, 3, 'conv_out', zero_init=self.zero_init, **types)(x)


class Decoder(nn.Module):
  """Middle, levels from the coarsest with upsampling by 2 after all but the last, output."""

  out_channels: int
  channels: tuple[int, ...]
  blocks: tuple[int, ...]
  patch_size: int
  mid_blocks: int
  mid_attention: bool
  groups: int
  zero_init: bool = False
  remat: bool | str = False
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, z: jax.Array) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    block = rematerialised(ResBlock, self.remat)
    x = conv(self.channels[-1], 3, 'conv_in', **types)(z)
    x = _middle(x, self, block, types)
    for i, channels in enumerate(reversed(self.channels)):
      # Names count from the coarsest level, as Stable Diffusion's do.
      for j in range(self.blocks[-1 - i]):
        x = block(channels, groups=self.groups, name=f'up_blocks_{i}_resnets_{j}', **types)(x)
      if i < len(self.channels) - 1:
        # With pixel shuffle the width changes at the coarse size, where it is cheap.
        name = f'up_blocks_{i}_upsampler'
        if self.patch_size == 1:
          x = conv(channels, 3, name, **types)(upsample_nearest(x))
        else:
          x = pixel_shuffle(conv(4 * self.channels[-2 - i], 3, name, **types)(x), 2)
    x = jax.nn.silu(group_norm(x.shape[-1], 'conv_norm_out', groups=self.groups, **types)(x))
    x = conv(self.out_channels * self.patch_size**2, 3, 'conv_out', zero_init=self.zero_init, **types)(x)
    return pixel_shuffle(x, self.patch_size)


def _middle(x: jax.Array, module: Encoder | Decoder, block: Any, types: dict[str, Any]) -> jax.Array:
  """Residual blocks at the coarsest level, with attention after the first if `mid_attention`."""
  for j in range(module.mid_blocks):
    x = block(x.shape[-1], groups=module.groups, name=f'mid_block_resnets_{j}', **types)(x)
    if j == 0 and module.mid_attention:
      x = MidAttention(module.groups, name='mid_block_attentions_0', **types)(x)
  return x
