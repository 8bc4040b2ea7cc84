"""Speech encoder: waveform to frame-aligned tokens at 25 Hz and a unit voice vector e_s."""

from __future__ import annotations

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.constants import EMBEDDING_DIM, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from seetalk_jax.models.nn import examples
from seetalk_jax.models.nn.blocks import MLP, dense, layer_norm, unit
from seetalk_jax.models.nn.exportable import exportable
from seetalk_jax.models.speech.mel import (
  cut,
  energy_sums,
  loud_level,
  mel_power,
  relative_log,
  token_validity,
)
from seetalk_jax.models.speech.regularization import Regularization
from seetalk_jax.models.speech.speech_bodies import LogMelBody, WaveformBody

# Fields that are the same in all sizes.
_COMMON: dict[str, Any] = dict(
  embedding_dim=512,
  num_bands=80,
  attention_reach=5,
  feed_forward_multiple=2,
  feature_channels=512,
  project_norm=True,
  position_kernel=128,
  position_groups=16,
  relative_buckets=0,
  relative_reach=800,
  scan=False,
  remat=False,
)

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(
    **_COMMON,
    token_dim=32,
    width=32,
    num_layers=1,
    num_heads=2,
    front_end='log_mel',
    stem_channels=(16, 16),
    feed_forward_width=3072,
    feature_norm='group',
    feature_bias=False,
    pre_norm=False,
  ),
  'demo': dict(
    **_COMMON,
    token_dim=192,
    width=192,
    num_layers=3,
    num_heads=4,
    front_end='log_mel',
    stem_channels=(128, 128),
    feed_forward_width=3072,
    feature_norm='group',
    feature_bias=False,
    pre_norm=False,
  ),
  # wav2vec 2.0 / HuBERT base and large layouts (arXiv 2006.11477, 2106.07447).
  'base': dict(
    **_COMMON,
    token_dim=768,
    width=768,
    num_layers=12,
    num_heads=12,
    front_end='waveform',
    stem_channels=(128, 128),
    feed_forward_width=3072,
    feature_norm='group',
    feature_bias=False,
    pre_norm=False,
  ),
  'large': dict(
    **_COMMON,
    token_dim=1024,
    width=1024,
    num_layers=24,
    num_heads=16,
    front_end='waveform',
    stem_channels=(128, 128),
    feed_forward_width=4096,
    feature_norm='layer',
    feature_bias=True,
    pre_norm=True,
  ),
}

# Fields of `wav2vec.Wav2Vec2`, read only with `front_end` 'waveform'.
WAVEFORM_FIELDS = (
  'width',
  'num_layers',
  'num_heads',
  'feed_forward_width',
  'feature_channels',
  'feature_norm',
  'feature_bias',
  'project_norm',
  'pre_norm',
  'position_kernel',
  'position_groups',
  'relative_buckets',
  'relative_reach',
  'scan',
  'remat',
)


@exportable
class SpeechFeatures(NamedTuple):
  """Output of the encoder.

  Attributes:
    tokens: `[b, t, token_dim]`, one per video frame.
    valid: bool `[b, t]`, True = inside the recording.
    embedding: voice vector e_s, `[b, 512]`, unit length.
  """

  tokens: jax.Array
  valid: jax.Array
  embedding: jax.Array


class Normaliser(NamedTuple):
  """Input normalization of a whole recording: loud level `[b]`, log-mel mean and std `[b, bands]`."""

  level: jax.Array
  mean: jax.Array
  std: jax.Array


class SpeechEncoder(nn.Module):
  """Waveform `[b, n]` at 16 kHz to `SpeechFeatures`; token i covers samples 640 i to 640 (i + 1).

  `front_end` 'log_mel' (demo): log-mel features, strided convolutions and local conformer layers. Each token
  depends on less than one second on either side, so that long audio can be encoded in chunks. Features:

  - 80 log-mel bands relative to the loud level of the recording, which keep the spectral envelope (the voice),
  - the same bands standardized over active frames, which removes the frequency response of the microphone,
  - the loudness of the frame, which marks pauses.

  `front_end` 'waveform' (base, large): wav2vec 2.0, HuBERT or WavLM with converted published weights
  (`WAVEFORM_FIELDS` are the fields of `speech.wav2vec.Wav2Vec2`), a learned weighted sum of its layers, and
  pairs of 50 Hz states concatenated to 25 Hz tokens.

  Both take `remat` (see `layers.rematerialised`); `scan`, which compiles equal layers once, is for 'waveform' alone.
  """

  token_dim: int = 192
  width: int = 192
  num_layers: int = 3
  num_heads: int = 4
  embedding_dim: int = EMBEDDING_DIM
  front_end: str = 'log_mel'
  num_bands: int = 80
  stem_channels: tuple[int, ...] = (128, 128)
  attention_reach: int = 5  # receptive field of the attention, in tokens on either side per layer
  feed_forward_multiple: float = 2
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

  def setup(self):
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    if self.front_end == 'log_mel':
      self.body = LogMelBody(
        width=self.width,
        num_layers=self.num_layers,
        num_heads=self.num_heads,
        stem_channels=self.stem_channels,
        attention_reach=self.attention_reach,
        feed_forward_multiple=self.feed_forward_multiple,
        remat=self.remat,
        **types,
      )
      if self.scan:
        raise ValueError("scan is for front_end 'waveform': leave it off with 'log_mel'")
    elif self.front_end == 'waveform':
      fields = {name: getattr(self, name) for name in WAVEFORM_FIELDS}
      self.body = WaveformBody(fields, **types)
    else:
      raise ValueError(f"front_end must be 'log_mel' or 'waveform', got {self.front_end!r}")
    self.to_token = dense(self.token_dim, axes=('mlp', 'embed'), **types)
    self.token_norm = layer_norm(**types)
    self.pool_score = MLP(64, 1, activation='tanh', **types)
    self.to_embedding = dense(self.embedding_dim, axes=('embed', 'mlp'), **types)

  def __call__(
    self,
    waveform: jax.Array,
    num_samples: jax.Array | None = None,
    rates: Regularization = Regularization(),  # noqa: B008 (frozen)
    rng: jax.Array | None = None,
  ) -> SpeechFeatures:
    """Encodes recordings.

    Args:
      waveform: float `[b, n]`.
      num_samples: int `[b]`, length of each recording; later samples are padding. None: all of length n.
      rates: in training, of dropout, layer drop and masks, which are on with `rng`.
      rng: random key; None: none of them.

    Raises:
      ValueError: a waveform that is not `[b, n]`, or shorter than one token (640 samples).
    """
    tokens, valid = self.encode_tokens(waveform, num_samples, rates=rates, rng=rng)
    return SpeechFeatures(tokens, valid, self.pool(tokens, valid))

  def encode_tokens(
    self,
    waveform: jax.Array,
    num_samples: jax.Array | None = None,
    normaliser: Normaliser | None = None,
    rates: Regularization = Regularization(),  # noqa: B008 (frozen)
    rng: jax.Array | None = None,
  ) -> tuple[jax.Array, jax.Array]:
    """Tokens `[b, n // 640, token_dim]` and their validity; tokens of padding are zeros.

    Args:
      normaliser: that of the whole recording, if `waveform` is a chunk of it (see `encode_long`).
      rates, rng: see `__call__`.
    """
    if waveform.ndim != 2:
      raise ValueError(
        f'waveform must be [b, n], got shape {waveform.shape}: add an axis with waveform[None]'
      )
    if isinstance(waveform.shape[1], int) and waveform.shape[1] < SAMPLES_PER_FRAME:
      raise ValueError(
        f'waveform of {waveform.shape[1]} samples holds no token: give at least {SAMPLES_PER_FRAME} samples at 16 kHz'
      )
    waveform = cut(waveform, num_samples)
    valid = token_validity(waveform, num_samples)
    if normaliser is None:
      normaliser = self.normaliser(waveform, num_samples)
    if self.front_end == 'log_mel':
      x = self.body(self.log_mel_features(waveform, valid, normaliser), valid, rates, rng)
    else:
      x = self.body(waveform * jax.lax.rsqrt(normaliser.level)[:, None], valid, rates, rng)
    tokens = self.token_norm(self.to_token(x))
    return jnp.where(valid[..., None], tokens, jnp.zeros((), tokens.dtype)), valid

  def pool(self, tokens: jax.Array, valid: jax.Array) -> jax.Array:
    """Attentive statistics pooling (arXiv 1803.10963): tokens `[b, t, d]` to the voice vector `[b, 512]`."""
    scores = self.pool_score(tokens)[..., 0].astype(jnp.float32)
    weights = jax.nn.softmax(jnp.where(valid, scores, -1e9), axis=-1) * valid
    tokens = tokens.astype(jnp.float32)
    mean = jnp.einsum('bt,btd->bd', weights, tokens)
    variance = jnp.einsum('bt,btd->bd', weights, jnp.square(tokens - mean[:, None]))
    return unit(self.to_embedding(jnp.concatenate([mean, jnp.sqrt(variance + 1e-5)], axis=-1)))

  def normaliser(self, waveform: jax.Array, num_samples: jax.Array | None = None) -> Normaliser:
    """The `Normaliser` of whole recordings `[b, n]`."""
    level = loud_level(energy_sums(waveform, num_samples))
    counted = token_validity(waveform, num_samples)
    return self.finish_normaliser(level, self.band_sums(waveform, num_samples, level, counted))

  def band_sums(
    self, waveform: jax.Array, num_samples: jax.Array | None, level: jax.Array, counted: jax.Array
  ) -> jax.Array:
    """Count, sum and sum of squares of log-mel over active frames, `[b, 3, bands]`; additive over chunks.

    Args:
      counted: bool `[b, n // 640]`, True = include the frames of this token.
    """
    if self.front_end != 'log_mel':
      return jnp.zeros((waveform.shape[0], 3, self.num_bands))
    waveform = cut(waveform, num_samples)[:, : SAMPLES_PER_FRAME * counted.shape[1]]
    power = mel_power(waveform, self.num_bands)
    # Active: at most 30 dB below the loud level. Pauses would bias the statistics of a band.
    active = jnp.mean(power, -1) > 1e-3 * level[:, None]
    active = (active & jnp.repeat(counted, 4, axis=-1))[..., None]
    log_mel = relative_log(power, level)
    ones = jnp.ones_like(log_mel)
    return jnp.stack([jnp.sum(active * v, axis=1) for v in (ones, log_mel, jnp.square(log_mel))], axis=1)

  def finish_normaliser(self, level: jax.Array, sums: jax.Array) -> Normaliser:
    """`Normaliser` from the loud level `[b]` and the sums of `band_sums`."""
    count = jnp.maximum(sums[:, 0], 1.0)
    mean = sums[:, 1] / count
    return Normaliser(level, mean, jnp.sqrt(jnp.maximum(sums[:, 2] / count - jnp.square(mean), 0.04)))

  def log_mel_features(self, waveform: jax.Array, valid: jax.Array, normaliser: Normaliser) -> jax.Array:
    """Input features `[b, t100, 2 * bands + 1]` at 100 Hz, of order one, zero where invalid."""
    power = mel_power(waveform[:, : SAMPLES_PER_FRAME * valid.shape[1]], self.num_bands)
    log_mel = relative_log(power, normaliser.level)
    standardised = (log_mel - normaliser.mean[:, None]) / normaliser.std[:, None]
    loudness = relative_log(jnp.mean(power, -1, keepdims=True), normaliser.level)
    features = jnp.concatenate([0.4 * log_mel + 1.0, jnp.clip(standardised, -4, 4), 0.5 * loudness + 1.0], -1)
    return jnp.where(jnp.repeat(valid, 4, axis=-1)[..., None], features, 0.0)

  @nn.nowrap
  def example_inputs(
    self, others: examples.Modules | None = None, side: int = examples.SIDE
  ) -> tuple[Any, ...]:
    """Arguments of `__call__` as shapes; see `models.nn.examples`."""
    del others, side
    return (examples.array(1, SAMPLE_RATE_HZ),)
