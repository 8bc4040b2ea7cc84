"""Bodies of the speech encoder, one for each front end: log-mel features or a waveform to states at 25 Hz."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.constants import FPS, SAMPLES_PER_FRAME
from seetalk_jax.models.nn.attention import TransformerBlock, band_mask, key_mask
from seetalk_jax.models.nn.blocks import conv, dense, layer_norm, partitioned
from seetalk_jax.models.nn.layers import rematerialised
from seetalk_jax.models.speech.regularization import Regularization, dropped_out, layer_or_skip, spec_augment
from seetalk_jax.models.speech.wav2vec import Wav2Vec2


class LogMelBody(nn.Module):
  """Log-mel features at 100 Hz `[b, 4 t, f]` to `[b, t, width]`: strided convolutions, conformer layers."""

  width: int
  num_layers: int
  num_heads: int
  stem_channels: tuple[int, ...]
  attention_reach: int
  feed_forward_multiple: float
  remat: bool | str = False
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(
    self, x: jax.Array, valid: jax.Array, rates: Regularization, rng: jax.Array | None
  ) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    mask_rng, *layer_rngs = (
      (None,) * (1 + self.num_layers) if rng is None else jax.random.split(rng, 1 + self.num_layers)
    )
    x = spec_augment(x, rates, mask_rng, 4 * FPS, num_features=x.shape[-1] // 2)
    first, second = self.stem_channels
    # Zero the padding before every convolution, to match its own zero padding at the end of a recording.
    at_100, at_50 = jnp.repeat(valid, 4, axis=-1)[..., None], jnp.repeat(valid, 2, axis=-1)[..., None]
    x = jax.nn.silu(conv(first, (5,), 'stem_100', **types)(x)) * at_100
    x = jax.nn.silu(conv(second, (5,), 'stem_50', strides=2, padding=[(1, 2)], **types)(x)) * at_50
    x = conv(self.width, (5,), 'stem_25', strides=2, padding=[(1, 2)], **types)(x)
    keep = valid[..., None]
    mask = band_mask(x.shape[1], self.attention_reach) & key_mask(valid)
    layer = rematerialised(ConformerLayer, self.remat)
    for i in range(self.num_layers):
      x = layer(
        num_heads=self.num_heads,
        feed_forward_multiple=self.feed_forward_multiple,
        dropout=rates.dropout,
        layer_drop=rates.layer_drop,
        name=f'layers_{i}',
        **types,
      )(x * keep, mask, keep, layer_rngs[i])
    return layer_norm('norm', **types)(x)


class ConformerLayer(nn.Module):
  """Conformer layer (arXiv 2005.08100): convolution, local attention and one feed-forward layer.

  The convolution over three tokens is dense, not depthwise, which is faster on CPUs. Dropout of both branches and layer
  drop are on with a key.
  """

  num_heads: int
  feed_forward_multiple: float
  dropout: float = 0.0
  layer_drop: float = 0.0
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, mask: jax.Array, keep: jax.Array, rng: jax.Array | None) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    width = x.shape[-1]
    y = conv(width, (3,), 'conv', **types)(layer_norm('conv_norm', **types)(x) * keep)
    y = dense(width, 'conv_out', axes=('mlp', 'embed'), **types)(jax.nn.silu(y))
    block = TransformerBlock(
      num_heads=self.num_heads,
      head_dim=width // self.num_heads,
      rotary=True,
      feed_forward_multiple=self.feed_forward_multiple,
      activation='silu',
      name='block',
      **types,
    )
    if rng is None:
      return block(x + y, mask=mask)
    keys = jax.random.split(rng, 3)
    middle = x + dropped_out(y, self.dropout, keys[0])
    # Of a block only the sum of its branches is seen here.
    out = middle + dropped_out(block(middle, mask=mask) - middle, self.dropout, keys[1])
    return layer_or_skip(out, x, self.layer_drop, keys[2])


class WaveformBody(nn.Module):
  """wav2vec 2.0, HuBERT or WavLM on a waveform `[b, 640 t]` to `[b, t, 2 * width]` at 25 Hz.

  Returns a weighted sum of all layers (softmax of `layer_mix`), with pairs of 50 Hz states concatenated. The
  states of each layer are normalized first: in pre-norm models the last layers have the largest magnitude.
  """

  encoder: Mapping[str, Any]
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(
    self, waveform: jax.Array, valid: jax.Array, rates: Regularization, rng: jax.Array | None
  ) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    # Window 400, stride 320: 40 zeros at each end center state j on sample 320 j + 160.
    padded = jnp.pad(waveform, ((0, 0), (40, 40)))
    padded = padded[:, : SAMPLES_PER_FRAME * valid.shape[1] + 80]  # a last partial frame has no token
    encoder = Wav2Vec2(**self.encoder, name='encoder', **types)
    states = encoder(padded, jnp.repeat(valid, 2, axis=-1), rates, rng)
    init = partitioned(nn.initializers.zeros, ('layers',))
    weights = jax.nn.softmax(self.param('layer_mix', init, (len(states),), self.param_dtype))
    norm = layer_norm('mix_norm', use_affine=False, **types)
    mixed = sum(weight.astype(x.dtype) * norm(x) for weight, x in zip(weights, states, strict=True))
    b, t, d = mixed.shape  # pyright: ignore[reportAttributeAccessIssue]
    return mixed.reshape(b, t // 2, 2 * d)  # pyright: ignore[reportAttributeAccessIssue]
