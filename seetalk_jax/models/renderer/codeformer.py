"""CodeFormer (arXiv 2206.11253): face restoration by code prediction, at 512 px."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.motion.warping import upsample_bilinear
from seetalk_jax.models.nn import examples
from seetalk_jax.models.nn.attention import attend
from seetalk_jax.models.nn.blocks import (
  ResBlock,
  conv,
  dense,
  exact_gelu,
  group_norm,
  layer_norm,
  partitioned,
)
from seetalk_jax.models.nn.image_ops import upsample_nearest
from seetalk_jax.models.portrait.autoencoder import MidAttention
from seetalk_jax.models.renderer.codebook import nearest_codes, straight_through_lookup

# Fields that are the same in all sizes.
_COMMON: dict[str, Any] = dict(num_blocks=2)

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(
    **_COMMON,
    image_size=32,
    channels=(8, 16, 16),
    num_codes=16,
    code_dim=8,
    width=16,
    num_heads=2,
    num_layers=1,
    fused=(1,),
  ),
  'demo': dict(
    **_COMMON,
    image_size=256,
    channels=(32, 32, 64, 64, 128, 128),
    num_codes=512,
    code_dim=256,
    width=192,
    num_heads=8,
    num_layers=4,
    fused=(1, 2, 3, 4),
  ),
  'base': dict(
    **_COMMON,
    image_size=512,
    channels=(64, 128, 128, 256, 256, 512),
    num_codes=1024,
    code_dim=256,
    width=512,
    num_heads=8,
    num_layers=9,
    fused=(1, 2, 3, 4),
  ),
  'large': dict(
    **_COMMON,
    image_size=1024,
    channels=(64, 128, 128, 256, 256, 512),
    num_codes=1024,
    code_dim=256,
    width=768,
    num_heads=12,
    num_layers=12,
    fused=(1, 2, 3, 4),
  ),
}

_LEAST = 1  # minimum of channels per group: the finest norms have two per group


class CodeFormer(nn.Module):
  """CodeFormer: restores a degraded face from a discrete codebook.

  The default fields are those of the published network, size 'base'.
  The layers are those of the published network; its weights can be converted (`convert/codeformer.py`). A
  transformer predicts the code at each position from the encoder's last feature map. The decoder synthesizes
  the picture from the codes. At the levels `fused`, encoder features modulate the decoder with a weight
  (controllable feature transformation).

  Methods for `apply(..., method=...)`: `encode`, `predict`, `decode`, `rebuild`.

  Attributes:
    image_size: picture size of the learned position table. Not specified in the paper; we interpolate the
      table for other sizes.
    channels: channels per level, finest first. Each but the last halves the size; the last has attention.
    num_blocks: residual blocks per level.
    num_codes, code_dim: of the codebook.
    width, num_heads, num_layers: of the transformer.
    fused: levels (0: full size) at which encoder features modulate the decoder.

  Raises:
    ValueError: an `image_size` that is not a multiple of `factor`, or unknown levels in `fused`.
  """

  image_size: int = 512
  channels: tuple[int, ...] = (64, 128, 128, 256, 256, 512)
  num_blocks: int = 2
  num_codes: int = 1024
  code_dim: int = 256
  width: int = 512
  num_heads: int = 8
  num_layers: int = 9
  fused: tuple[int, ...] = (1, 2, 3, 4)
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @property
  def factor(self) -> int:
    """Pixels per code along an edge: 32."""
    return 2 ** (len(self.channels) - 1)

  def setup(self):
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    if self.image_size % self.factor:
      raise ValueError(f'image_size must be a multiple of {self.factor}, got {self.image_size}')
    if not all(0 <= level < len(self.channels) - 1 for level in self.fused):
      raise ValueError(f'fused names levels 0 to {len(self.channels) - 2}, got {self.fused}')
    self.encoder = Encoder(self.code_dim, self.channels, self.num_blocks, **types)
    self.decoder = Decoder(self.channels, self.num_blocks, **types)
    self.fusions = {str(level): FeatureFusion(self.channels[level], **types) for level in self.fused}
    codes = partitioned(nn.initializers.variance_scaling(1.0, 'fan_out', 'uniform'), ('codes', 'code_dim'))
    self.embedding = self.param('embedding', codes, (self.num_codes, self.code_dim), self.param_dtype)
    side = self.image_size // self.factor
    table = partitioned(nn.initializers.normal(0.02), (None, 'positions', 'embed'))
    self.positions = self.param('positions', table, (side, side, self.width), self.param_dtype)
    self.feature_in = dense(self.width, axes=('code_dim', 'embed'), **types)
    self.layers = [TransformerLayer(self.num_heads, **types) for _ in range(self.num_layers)]
    self.norm_out = layer_norm(**types)
    self.to_logits = dense(self.num_codes, axes=('embed', 'codes'), use_bias=False, **types)

  def __call__(
    self, image: jax.Array, weight: jax.Array | float = 0.5, match_colours: bool = True
  ) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Restores pictures.

    Args:
      image: `[b, h, w, 3]` in [-1, 1], sides multiples of 32; published weights are for 512 x 512.
      weight: fusion weight w in [0, 1], a number or `[b, 1, 1, 1]`: 0 uses the codes only (quality), 1 the
        encoder features fully (fidelity).
      match_colours: adaptive instance normalization of the codes to the encoder's map, which preserves color
        and lighting (as published for inference; not used in training).

    Returns:
      (picture float32 `[b, h, w, 3]`, about [-1, 1] and not clipped; logits float32 `[b, h / 32, w / 32,
      num_codes]`; the encoder's last map, `[b, h / 32, w / 32, code_dim]`).
    """
    features, encoder_features = self.encode(image)
    logits = self.predict(features)
    codes = straight_through_lookup(logits, jnp.asarray(self.embedding, jnp.float32))
    if match_colours:
      codes = match_statistics(codes, features)
    return self.decode(codes, encoder_features, weight), logits, features

  def encode(self, image: jax.Array) -> tuple[jax.Array, dict[int, jax.Array]]:
    """Pictures to (the encoder's last map `[b, h / 32, w / 32, code_dim]`, fused level -> encoder features).

    Raises:
      ValueError: a side is not a multiple of `factor`.
    """
    if any(side % self.factor for side in image.shape[1:3]):
      raise ValueError(f'sides must be multiples of {self.factor}, got shape {image.shape}')
    features, encoder_features = self.encoder(image)
    return features, {level: encoder_features[level] for level in self.fused}

  def predict(self, features: jax.Array) -> jax.Array:
    """The encoder's last map to code logits float32 `[b, m, n, num_codes]`."""
    b, m, n, _ = features.shape
    positions = upsample_bilinear(jnp.asarray(self.positions, self.dtype)[None], (m, n)).reshape(1, m * n, -1)
    x = self.feature_in(features.reshape(b, m * n, -1))
    for layer in self.layers:
      x = layer(x, positions)
    return self.to_logits(self.norm_out(x)).astype(jnp.float32).reshape(b, m, n, self.num_codes)

  def decode(
    self,
    codes: jax.Array,
    encoder_features: Mapping[int, jax.Array] | None = None,
    weight: jax.Array | float = 0.0,
  ) -> jax.Array:
    """Codes to a picture float32 `[b, 32 m, 32 n, 3]`.

    Args:
      codes: `[b, m, n, code_dim]`.
      encoder_features: level -> encoder features, from `encode`; None: no fusion.
      weight: fusion weight, as in `__call__`.
    """

    def fuse(level, x):
      if encoder_features is None or level not in self.fused:
        return x
      return self.fusions[str(level)](encoder_features[level], x, weight)

    return self.decoder(codes.astype(self.dtype), fuse).astype(jnp.float32)

  def rebuild(self, image: jax.Array) -> tuple[jax.Array, jax.Array]:
    """VQ reconstruction by the nearest codes of the encoder's map: (picture, indices `[b, m, n]`)."""
    embedding = jnp.asarray(self.embedding, jnp.float32)
    indices = nearest_codes(self.encoder(image)[0].astype(jnp.float32), embedding)
    return self.decode(embedding[indices]), indices

  @nn.nowrap
  def example_inputs(
    self, others: examples.Modules | None = None, side: int = examples.SIDE
  ) -> tuple[Any, ...]:
    """Arguments of `__call__` as shapes; see `models.nn.examples`."""
    del others
    return (examples.image(side),)


def match_statistics(x: jax.Array, like: jax.Array, epsilon: float = 1e-5) -> jax.Array:
  """Adaptive instance normalization: `x [b, h, w, c]` with the mean and std of each channel of `like`."""

  def statistics(maps):
    maps = maps.astype(jnp.float32)
    mean = jnp.mean(maps, axis=(1, 2), keepdims=True)
    return mean, jnp.sqrt(jnp.var(maps, axis=(1, 2), keepdims=True, ddof=1) + epsilon)

  (own, own_spread), (mean, spread) = statistics(x), statistics(like)
  return (x - own) / own_spread * spread + mean


class Encoder(nn.Module):
  """Picture -> (map `[b, h / 32, w / 32, code_dim]`, level -> features after its residual blocks)."""

  code_dim: int
  channels: tuple[int, ...]
  num_blocks: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, image: jax.Array) -> tuple[jax.Array, dict[int, jax.Array]]:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    last = len(self.channels) - 1
    encoder_features = {}
    x = conv(self.channels[0], 3, 'conv_in', **types)(image)
    for level, channels in enumerate(self.channels):
      for i in range(self.num_blocks):
        x = ResBlock(channels, least=_LEAST, name=f'level_{level}_block_{i}', **types)(x)
        if level == last:
          x = MidAttention(name=f'level_{level}_attention_{i}', **types)(x)
      encoder_features[level] = x
      if level < last:
        padding = [(0, 1), (0, 1)]  # at the bottom and right edges only
        x = conv(channels, 3, f'level_{level}_down', strides=2, padding=padding, **types)(x)
    x = _middle(x, types)
    return conv(self.code_dim, 3, 'conv_out', **types)(_norm(x, types)), encoder_features


class Decoder(nn.Module):
  """Codes -> picture; calls `fuse(level, x)` after the first residual block of every level but the last."""

  channels: tuple[int, ...]
  num_blocks: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, codes: jax.Array, fuse) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    last = len(self.channels) - 1
    x = conv(self.channels[-1], 3, 'conv_in', **types)(codes)
    x = _middle(x, types)
    for level in range(last, -1, -1):
      channels = self.channels[level]
      for i in range(self.num_blocks):
        x = ResBlock(channels, least=_LEAST, name=f'level_{level}_block_{i}', **types)(x)
        if level == last:
          x = MidAttention(name=f'level_{level}_attention_{i}', **types)(x)
        elif i == 0:
          x = fuse(level, x)
      if level:
        x = conv(channels, 3, f'level_{level}_up', **types)(upsample_nearest(x))
    return conv(3, 3, 'conv_out', **types)(_norm(x, types))


class FeatureFusion(nn.Module):
  """Controllable feature transformation `x + weight (x scale + shift)`.

  Scale and shift are predicted from encoder features and x.
  """

  features: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, encoder_features: jax.Array, x: jax.Array, weight: jax.Array | float) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    both = ResBlock(self.features, least=_LEAST, name='both', **types)(
      jnp.concatenate([encoder_features, x], axis=-1)
    )

    def branch(name):
      y = jax.nn.leaky_relu(conv(self.features, 3, f'{name}_in', **types)(both), 0.2)
      return conv(self.features, 3, f'{name}_out', zero_init=True, **types)(y)

    return x + jnp.asarray(weight, x.dtype) * (x * branch('scale') + branch('shift'))


class TransformerLayer(nn.Module):
  """Pre-norm transformer layer on `x [b, t, d]`; positions are added to queries and keys only."""

  num_heads: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, positions: jax.Array) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    b, t, d = x.shape
    y = layer_norm('norm1', **types)(x)

    def heads(value, name):
      value = dense(d, name, axes=('embed', 'heads'), **types)(value)
      return value.reshape(b, t, self.num_heads, d // self.num_heads)

    placed = y + positions
    y = attend(heads(placed, 'to_q'), heads(placed, 'to_k'), heads(y, 'to_v')).reshape(b, t, d)
    x = x + dense(d, 'to_out', axes=('heads', 'embed'), **types)(y)
    y = dense(2 * d, 'proj_in', axes=('embed', 'mlp'), **types)(layer_norm('norm2', **types)(x))
    return x + dense(d, 'proj_out', axes=('mlp', 'embed'), **types)(exact_gelu(y))


def _middle(x: jax.Array, types: dict[str, Any]) -> jax.Array:
  channels = x.shape[-1]
  x = ResBlock(channels, least=_LEAST, name='middle_block_0', **types)(x)
  x = MidAttention(name='middle_attention', **types)(x)
  return ResBlock(channels, least=_LEAST, name='middle_block_1', **types)(x)


def _norm(x: jax.Array, types: dict[str, Any]) -> jax.Array:
  return group_norm(x.shape[-1], 'norm_out', least=_LEAST, **types)(x)
