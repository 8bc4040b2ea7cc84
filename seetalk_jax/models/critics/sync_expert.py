"""Sync expert: contrastive audio-visual network that scores the synchronization of lips and speech.

`critics.syncnet.SyncNet` has the same methods: `cosine`, `speech_vector`, `picture_vector`, `temperature` and
`crop`.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.constants import MOUTH_SIZE, SYNC_FRAMES, SYNC_SAMPLES
from seetalk_jax.models.motion.mouth import SYNC_HALF, boxes_around, crop_boxes
from seetalk_jax.models.nn import examples
from seetalk_jax.models.nn.blocks import ResBlock, conv, dense, group_norm, unit
from seetalk_jax.models.nn.image_ops import pixel_unshuffle
from seetalk_jax.models.nn.temperature import bounded_temperature, temperature_penalty
from seetalk_jax.models.speech.mel import mel_power

TEMPERATURES = (0.02, 1.0)  # bounds of the learned temperature of sync networks

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(embedding_dim=32, widths=(16, 16, 16), audio_width=16, num_bands=80),
  'demo': dict(embedding_dim=256, widths=(64, 96, 128), audio_width=160, num_bands=80),
  'base': dict(embedding_dim=512, widths=(192, 256, 384), audio_width=384, num_bands=80),
  'large': dict(embedding_dim=512, widths=(256, 384, 512), audio_width=512, num_bands=80),
}


class SyncExpert(nn.Module):
  """Two towers with unit embeddings of 0.2 s of speech and 5 mouth crops (SyncNet, Chung and Zisserman 2016).

  Attributes:
    embedding_dim: width of both embeddings.
    widths: channels of the mouth tower at 1/4, 1/8, 1/16.
    audio_width: channels of the speech tower.
    num_bands: mel bands.
    num_samples, frame_size: input samples, and (height, width) of a mouth crop; constant.
  """

  num_samples = SYNC_SAMPLES
  frame_size = MOUTH_SIZE

  embedding_dim: int = 256
  widths: tuple[int, int, int] = (64, 96, 128)
  audio_width: int = 160
  num_bands: int = 80
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  def setup(self):
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    self.audio_tower = AudioTower(self.embedding_dim, self.audio_width, self.num_bands, **types)
    self.mouth_tower = MouthTower(self.embedding_dim, self.widths, **types)
    self.log_temperature = self.param('log_temperature', nn.initializers.constant(jnp.log(0.1)), ())

  def __call__(self, waveform: jax.Array, frames: jax.Array) -> jax.Array:
    """`waveform [b, 3200]`, `frames [b, 5, 48, 96, 3]` -> cosine of the two embeddings, `[b]` in [-1, 1]."""
    return self.cosine(waveform, frames)

  def cosine(self, waveform: jax.Array, frames: jax.Array) -> jax.Array:
    """The same as `__call__`."""
    return jnp.sum(self.speech_vector(waveform) * self.picture_vector(frames), axis=-1)

  def speech_vector(self, waveform: jax.Array) -> jax.Array:
    """Speech `[b, 3200]` in [-1, 1], loudness-normalized, to unit vectors float32 `[b, embedding_dim]`."""
    return self.audio_tower(waveform)

  def picture_vector(self, frames: jax.Array) -> jax.Array:
    """Mouth crops `[b, 5, 48, 96, 3]` in [-1, 1] to unit vectors float32 `[b, embedding_dim]`."""
    return self.mouth_tower(frames)

  def temperature(self) -> jax.Array:
    """Learned temperature of the contrastive loss, in [0.02, 1]."""
    return bounded_temperature(self.log_temperature, *TEMPERATURES)

  def temperature_penalty(self) -> jax.Array:
    """Term of the loss that keeps the temperature near its bounds, a scalar; see `temperature.temperature_penalty`."""
    return temperature_penalty(self.log_temperature, *TEMPERATURES)

  @staticmethod
  def crop(images: jax.Array, centers: jax.Array) -> jax.Array:
    """Mouth crops `[b, 48, 96, 3]` of portraits `[b, h, w, 3]` with mouth centers `centers [b, 2]` (x, y)."""
    return crop_boxes(images, boxes_around(centers, SYNC_HALF), MOUTH_SIZE)

  @nn.nowrap
  def example_inputs(
    self, others: examples.Modules | None = None, side: int = examples.SIDE
  ) -> tuple[Any, ...]:
    """Arguments of `__call__` as shapes; see `models.nn.examples`."""
    del others, side
    return examples.array(1, SYNC_SAMPLES), examples.array(1, SYNC_FRAMES, *MOUTH_SIZE, 3)


def cosine_of_frames(
  expert: Any, variables: Any, speech: jax.Array, frames: jax.Array, centers: jax.Array
) -> jax.Array:
  """Cosine similarity of speech and of five successive frames of a portrait, `[b]`.

  Args:
    expert: `SyncExpert` or `syncnet.SyncNet`.
    variables: of the expert.
    speech: `[b, n]`, the expert's `num_samples` from the first frame on.
    frames: `[b, 5, h, w, 3]` in [-1, 1].
    centers: mouth centers (x, y), one for all frames of a row, `[b, 2]`.
  """
  crops = expert.crop(frames.reshape(-1, *frames.shape[2:]), jnp.repeat(centers, frames.shape[1], axis=0))
  crops = crops.reshape(*frames.shape[:2], *crops.shape[1:])
  return expert.apply(variables, speech, crops, method='cosine')


class AudioTower(nn.Module):
  """Speech tower: log-mel frames, strided convolutions over time, flattened without pooling."""

  embedding_dim: int
  width: int
  num_bands: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, waveform: jax.Array) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    # Scales log-mel power to order one: speech at -23 dBFS is around -8, silence at the floor of -14.
    x = (jnp.log(mel_power(waveform, self.num_bands) + 1e-6) + 9.0) / 3.0
    for i, strides in enumerate((1, 2, 2)):
      x = conv(self.width, (3,), f'conv_{i}', strides=strides, **types)(x)
      x = jax.nn.silu(group_norm(self.width, f'norm_{i}', **types)(x))
    x = x.reshape(x.shape[0], -1)
    return unit(dense(self.embedding_dim, 'to_embedding', axes=('mlp', 'embed'), **types)(x))


class MouthTower(nn.Module):
  """Mouth tower: frames concatenated over channels, residual network, flattened without pooling."""

  embedding_dim: int
  widths: tuple[int, int, int]
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, frames: jax.Array) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    b, t, h, w, _ = frames.shape
    x = pixel_unshuffle(frames, 4)  # [b, t, h / 4, w / 4, 48]
    x = jnp.moveaxis(x, 1, 3).reshape(b, h // 4, w // 4, t * 48)
    for level, width in enumerate(self.widths):
      x = conv(width, 3, f'conv_{level}', strides=2 if level else 1, **types)(x)
      x = ResBlock(width, zero_init=False, name=f'block_{level}', **types)(x)
    x = jax.nn.silu(group_norm(x.shape[-1], 'norm_out', **types)(x)).reshape(b, -1)
    return unit(dense(self.embedding_dim, 'to_embedding', axes=('mlp', 'embed'), **types)(x))
