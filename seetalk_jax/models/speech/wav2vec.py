"""wav2vec 2.0, HuBERT and WavLM (arXiv 2006.11477, 2106.07447, 2110.13900): waveform to states at 50 Hz."""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import SAMPLE_RATE_HZ
from seetalk_jax.models.nn.attention import attend, key_mask
from seetalk_jax.models.nn.blocks import conv, dense, exact_gelu, layer_norm, partitioned
from seetalk_jax.models.nn.layers import rematerialised, scan_layers
from seetalk_jax.models.speech.regularization import Regularization, dropped_out, layer_or_skip, spec_augment

KERNELS = (10, 3, 3, 3, 3, 2, 2)
STRIDES = (5, 2, 2, 2, 2, 2, 2)


def num_states(num_samples: int, kernels=KERNELS, strides=STRIDES) -> int:
  """Number of states of a waveform of `num_samples` samples, without padding at its ends."""
  for kernel, stride in zip(kernels, strides, strict=True):
    num_samples = (num_samples - kernel) // stride + 1
  return num_samples


def counted_frames(valid: jax.Array, num_frames: int) -> jax.Array:
  """Frames of the first convolution that a valid state reads, bool `[b, num_frames]`.

  Args:
    valid: bool `[b, t]`, validity of the states. The frames after the field of the last state belong to it.
    num_frames: frames of the first convolution, `num_states(n, KERNELS[:1], STRIDES[:1])`.
  """
  valid = jnp.asarray(valid)  # a NumPy array has no traced indices
  hop, reach = 1, 1  # of a state, in frames
  for kernel, stride in zip(KERNELS[1:], STRIDES[1:], strict=True):
    reach, hop = reach + (kernel - 1) * hop, hop * stride
  frame, last = jnp.arange(num_frames), valid.shape[1] - 1
  # Fields of neighboring states overlap by less than a hop: a frame is in the field of one state or two.
  own = jnp.minimum(frame // hop, last)
  before = jnp.maximum(own - 1, 0)
  return valid[:, own] | (valid[:, before] & (frame - before * hop < reach))


class Wav2Vec2(nn.Module):
  """Seven convolutions, a positional convolution and a transformer; returns the states of every layer.

  The fields select the published model. wav2vec 2.0 and HuBERT base have `feature_norm` 'group' and
  `pre_norm` False, the large models 'layer' and True. WavLM has `relative_buckets`.

  Attributes:
    width, num_layers, num_heads, feed_forward_width: of the transformer.
    feature_channels: channels of the convolutions; kernels and strides are those of all published models.
    feature_norm: 'group' normalizes each channel of the first convolution over time, without padding: a recording
      in a padded batch has the states that it has alone, where the published models count the zeros too. 'layer'
      applies a layer norm after every convolution.
    feature_bias: whether the convolutions have a bias.
    project_norm: layer norm before the projection to `width`.
    pre_norm: layer norms before each branch and after the last layer, instead of after each branch.
    position_kernel, position_groups: kernel size and groups of the positional convolution.
    relative_buckets: buckets of WavLM's gated relative position bias; 0: none.
    relative_reach: all distances from here on share one bucket.
    scan: compile the layers once, by `lax.scan`; the parameters are the same.
    remat: activations recomputed in the backward pass, see `layers.rematerialised`.
  """

  width: int = 768
  num_layers: int = 12
  num_heads: int = 12
  feed_forward_width: int = 3072
  feature_channels: int = 512
  feature_norm: str = 'group'
  feature_bias: bool = False
  project_norm: bool = True
  pre_norm: bool = False
  position_kernel: int = 128
  position_groups: int = 16
  relative_buckets: int = 0
  relative_reach: int = 800
  scan: bool = False
  remat: bool | str = False
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(
    self,
    waveform: jax.Array,
    valid: jax.Array | None = None,
    rates: Regularization = Regularization(),  # noqa: B008 (frozen)
    rng: jax.Array | None = None,
  ) -> list[jax.Array]:
    """The input of the first layer and the output of every layer, `num_layers + 1` arrays `[b, t, width]`.

    Args:
      waveform: `[b, n]` at 16 kHz, of unit variance for models that were trained on such input.
      valid: bool `[b, t]`, t = `num_states(n)`, True = valid; states of padding are masked out as keys, and their
        samples do not count in the norm over time.
      rates: of dropout, layer drop and masks, which are on with `rng`.
      rng: random key; None: none of them.

    With `pre_norm` only the last state has the final layer norm, as published.

    Raises:
      ValueError: unknown `feature_norm`.
    """
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    x = self._features(waveform, valid, types)
    if self.project_norm:
      x = layer_norm('projection_norm', **types)(x)
    x = dense(self.width, 'projection', axes=('embed', 'mlp'), **types)(x)
    mask_rng, drop_rng, layers_rng = (None,) * 3 if rng is None else jax.random.split(rng, 3)
    x = spec_augment(x, rates, mask_rng, SAMPLE_RATE_HZ // int(np.prod(STRIDES)))
    mask = None
    if valid is not None:
      x = jnp.where(valid[..., None], x, jnp.zeros((), x.dtype))
      mask = key_mask(valid)
    x = x + PositionalConvolution(self.position_kernel, self.position_groups, name='position_conv', **types)(
      x
    )
    if not self.pre_norm:
      x = layer_norm('encoder_norm', **types)(x)
    x = dropped_out(x, rates.dropout, drop_rng)
    bias = None
    if self.relative_buckets:
      table = RelativePositions(
        self.num_heads, self.relative_buckets, self.relative_reach, name='relative_positions', **types
      )
      bias = table(x.shape[1])
    states, names = [x], [f'layers_{i}' for i in range(self.num_layers)]
    fields: dict[str, Any] = dict(
      num_heads=self.num_heads,
      feed_forward_width=self.feed_forward_width,
      pre_norm=self.pre_norm,
      dropout=rates.dropout,
      layer_drop=rates.layer_drop,
      **types,
    )
    per_layer = () if layers_rng is None else (jax.random.split(layers_rng, self.num_layers),)
    if self.scan and not self.is_initializing():
      layer = Layer(**fields, parent=None)
      x, outputs = scan_layers(self, layer, names, x, mask, bias, per_layer=per_layer, remat=self.remat)
      states += list(outputs)
    else:
      layer = rematerialised(Layer, self.remat)
      for i, name in enumerate(names):
        x = layer(**fields, name=name)(x, mask, bias, *(keys[i] for keys in per_layer))
        states.append(x)
    if self.pre_norm:
      states[-1] = layer_norm('encoder_norm', **types)(x)
    return states

  def _features(self, waveform: jax.Array, valid: jax.Array | None, types: dict[str, Any]) -> jax.Array:
    if self.feature_norm not in ('group', 'layer'):
      raise ValueError(f"feature_norm must be 'group' or 'layer', got {self.feature_norm!r}")
    x = waveform[..., None]
    for i, (kernel, stride) in enumerate(zip(KERNELS, STRIDES, strict=True)):
      layer = conv(
        self.feature_channels,
        (kernel,),
        f'feature_conv_{i}',
        strides=stride,
        padding='VALID',
        use_bias=self.feature_bias,
        **types,
      )
      x = layer(x)
      if self.feature_norm == 'layer':
        x = layer_norm(f'feature_norm_{i}', **types)(x)
      elif i == 0:
        counted = None if valid is None else counted_frames(valid, x.shape[1])
        x = ChannelNorm(name='feature_norm_0', **types)(x, counted)
      x = exact_gelu(x)
    return x


class ChannelNorm(nn.Module):
  """Normalization of each channel of `[b, t, c]` over time (a group norm with one channel per group).

  Frames that are not `counted` (bool `[b, t]`; None: all are) have no part in mean and variance.
  """

  epsilon: float = 1e-5
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, counted: jax.Array | None = None) -> jax.Array:
    ones, zeros = nn.initializers.ones, nn.initializers.zeros
    shape = (x.shape[-1],)
    scale = self.param('scale', partitioned(ones, ('norm',)), shape, self.param_dtype)
    bias = self.param('bias', partitioned(zeros, ('norm',)), shape, self.param_dtype)
    wide = x.astype(jnp.float32)
    if counted is None:
      counted = jnp.ones(x.shape[:2], bool)
    weight = counted[..., None].astype(jnp.float32)
    # 1 of nothing: the mean of no frame is 0.
    weight = weight / jnp.maximum(jnp.sum(weight, axis=1, keepdims=True), 1.0)
    mean = jnp.sum(weight * wide, axis=1, keepdims=True)
    variance = jnp.sum(weight * jnp.square(wide - mean), axis=1, keepdims=True)
    return ((wide - mean) * (jax.lax.rsqrt(variance + self.epsilon) * scale) + bias).astype(self.dtype)


class PositionalConvolution(nn.Module):
  """Positional embedding by a wide grouped convolution and GELU, `[b, t, d]` to the same shape."""

  kernel: int
  groups: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    half = self.kernel // 2
    # With symmetric padding an even kernel has one output too many; the published models drop the last.
    padding = [(half, half - (self.kernel % 2 == 0))]
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    x = conv(x.shape[-1], (self.kernel,), 'conv', padding=padding, groups=self.groups, **types)(x)
    return exact_gelu(x)


class RelativePositions(nn.Module):
  """Relative position bias `[num_heads, t, t]`, learned per head and bucket of distances."""

  num_heads: int
  num_buckets: int
  reach: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, length: int) -> jax.Array:
    init = partitioned(nn.initializers.normal(0.02), ('positions', None))
    table = self.param('embedding', init, (self.num_buckets, self.num_heads), self.param_dtype)
    place = np.arange(length)
    buckets = relative_bucket(place[None, :] - place[:, None], self.num_buckets, self.reach)
    return jnp.moveaxis(table[buckets], -1, 0).astype(self.dtype)


def relative_bucket(offset: np.ndarray, num_buckets: int, reach: int) -> np.ndarray:
  """Bucket of the offset key minus query. Half of the buckets are for keys after the query.

  In each half the first half are single distances, the others are logarithmic.
  """
  half = num_buckets // 2
  exact = half // 2
  distance = np.abs(offset)
  # In float32, as the published models: some bucket borders fall on integers, where rounding decides.
  ratio = np.log(np.maximum(distance, 1).astype(np.float32) / np.float32(exact)).astype(np.float32)
  far = exact + (ratio / np.float32(math.log(reach / exact)) * np.float32(half - exact)).astype(np.int64)
  return half * (offset > 0) + np.where(distance < exact, distance, np.minimum(far, half - 1))


class Layer(nn.Module):
  """Transformer layer on `x [b, t, d]`: attention and feed-forward, pre-norm or post-norm.

  A position bias `[heads, t, t]` is multiplied by a gate per query (WavLM). Dropout and layer drop are on with a key.
  """

  num_heads: int
  feed_forward_width: int
  pre_norm: bool
  dropout: float = 0.0
  layer_drop: float = 0.0
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(
    self, x: jax.Array, mask: jax.Array | None, bias: jax.Array | None, rng: jax.Array | None = None
  ) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    keys = (None,) * 4 if rng is None else jax.random.split(rng, 4)
    attention = SelfAttention(self.num_heads, name='attention', **types)
    widen = dense(self.feed_forward_width, 'feed_forward_in', axes=('embed', 'mlp'), **types)
    narrow = dense(x.shape[-1], 'feed_forward_out', axes=('mlp', 'embed'), **types)
    attention_norm, final_norm = (layer_norm(name, **types) for name in ('attention_norm', 'final_norm'))

    def attend_to(y):
      return dropped_out(attention(y, mask, bias), self.dropout, keys[0])

    def feed_forward(y):
      y = dropped_out(exact_gelu(widen(y)), self.dropout, keys[1])
      return dropped_out(narrow(y), self.dropout, keys[2])

    if self.pre_norm:
      y = x + attend_to(attention_norm(x))
      y = y + feed_forward(final_norm(y))
    else:
      y = attention_norm(x + attend_to(x))
      y = final_norm(y + feed_forward(y))
    return layer_or_skip(y, x, self.layer_drop, keys[3])


class SelfAttention(nn.Module):
  """Multi-head self-attention with biases in its projections, and WavLM's gates with a position bias."""

  num_heads: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, mask: jax.Array | None, bias: jax.Array | None) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    b, t, width = x.shape

    def heads(value):
      return value.reshape(b, t, self.num_heads, width // self.num_heads)

    query, key, value = (
      heads(dense(width, name, axes=('embed', 'heads'), **types)(x)) for name in ('to_q', 'to_k', 'to_v')
    )
    if bias is not None:
      bias = self._gate(heads(x), types) * bias
    out = attend(query, key, value, mask, bias=bias).reshape(b, t, width)
    return dense(width, 'to_out', axes=('heads', 'embed'), **types)(out)

  def _gate(self, x: jax.Array, types: dict[str, Any]) -> jax.Array:
    """WavLM's gate of the position bias, `[b, heads, t, 1]`, from the input `x [b, t, heads, d]`."""
    init = partitioned(nn.initializers.ones, ('heads',))
    scale = self.param('gate_scale', init, (self.num_heads,), self.param_dtype)
    y = dense(8, 'gate', axes=(None, None), **types)(x)
    first, second = jnp.moveaxis(jax.nn.sigmoid(y.reshape(*x.shape[:3], 2, 4).sum(-1)), -1, 0)
    gate = first * (second * scale.astype(x.dtype) - 1.0) + 2.0
    return jnp.moveaxis(gate, 1, 2)[..., None]
