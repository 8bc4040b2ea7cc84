"""SyncNet (Chung and Zisserman 2016) as published: audio-visual distance of 0.2 s of MFCCs and face crops."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.constants import FACE_BOX, FACE_SIZE, SYNC_FRAMES, SYNCNET_SAMPLES
from seetalk_jax.models.critics.sync_expert import TEMPERATURES
from seetalk_jax.models.motion.warping import grid_sample, identity_grid
from seetalk_jax.models.nn import examples
from seetalk_jax.models.nn.blocks import conv, dense, group_norm, unit
from seetalk_jax.models.nn.temperature import bounded_temperature, temperature_penalty
from seetalk_jax.models.speech.mfcc import NUM_CEPSTRA, mfcc

NUM_CEPSTRUM_FRAMES = 20  # four per video frame

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(
    embedding_dim=16,
    audio_channels=(8, 8, 8, 8, 8, 8),
    face_channels=(8, 8, 8, 8, 8, 8),
    hidden=8,
    norm='group',
  ),
  'demo': dict(
    embedding_dim=128,
    audio_channels=(16, 48, 64, 64, 64, 128),
    face_channels=(24, 64, 64, 64, 64, 128),
    hidden=128,
    norm='group',
  ),
  'base': dict(
    embedding_dim=1024,
    audio_channels=(64, 192, 384, 256, 256, 512),
    face_channels=(96, 256, 256, 256, 256, 512),
    hidden=512,
    norm='group',
  ),
  'large': dict(
    embedding_dim=1024,
    audio_channels=(64, 192, 384, 256, 256, 512),
    face_channels=(96, 256, 256, 256, 256, 512),
    hidden=512,
    norm='group',
  ),
}


class SyncNet(nn.Module):
  """Two towers with a small Euclidean distance between embeddings of synchronized audio and lips.

  The default fields are those of the published network, size 'base'.

  Methods for `apply(..., method=...)`: `audio` and `face`, as published, and the interface of `SyncExpert`,
  so that the stage sync_expert can train it and the stage lip_refiner can use it as the sync loss.

  Attributes:
    embedding_dim: width of both embeddings.
    audio_channels, face_channels: channels of the six convolutions of each tower.
    hidden: width of the dense layer before the last.
    norm: 'group': group norm, for training from scratch. 'none': no norm, for published weights whose batch
      norms `convert/syncnet.py` folds into the preceding layers.
    num_samples, frame_size: input samples, and (height, width) of a face crop; constant.

  Raises:
    ValueError: unknown `norm`, or not six convolutions per tower.
  """

  num_samples = SYNCNET_SAMPLES
  frame_size = (FACE_SIZE, FACE_SIZE)

  embedding_dim: int = 1024
  audio_channels: tuple[int, ...] = (64, 192, 384, 256, 256, 512)
  face_channels: tuple[int, ...] = (96, 256, 256, 256, 256, 512)
  hidden: int = 512
  norm: str = 'group'
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  def setup(self):
    if self.norm not in ('group', 'none'):
      raise ValueError(f"norm must be 'group' or 'none', got {self.norm!r}")
    if not len(self.audio_channels) == len(self.face_channels) == 6:
      raise ValueError(f'six convolutions a tower, got {self.audio_channels} and {self.face_channels}')
    shared: dict[str, Any] = dict(
      hidden=self.hidden,
      features=self.embedding_dim,
      norm=self.norm,
      dtype=self.dtype,
      param_dtype=self.param_dtype,
    )
    self.audio_tower = AudioTower(self.audio_channels, **shared)
    self.face_tower = FaceTower(self.face_channels, **shared)
    if self.norm == 'group':
      self.log_temperature = self.param('log_temperature', nn.initializers.constant(jnp.log(0.1)), ())

  def __call__(self, cepstra: jax.Array, frames: jax.Array) -> jax.Array:
    """Euclidean distance of the two embeddings, `[b]`."""
    return jnp.linalg.norm(self.audio(cepstra) - self.face(frames), axis=-1)

  def audio(self, cepstra: jax.Array) -> jax.Array:
    """MFCCs of 0.2 s, `[b, 20, 13]`, to embeddings float32 `[b, embedding_dim]`, not normalized.

    Raises:
      ValueError: another shape.
    """
    if cepstra.shape[1:] != (NUM_CEPSTRUM_FRAMES, NUM_CEPSTRA):
      raise ValueError(f'expected cepstra [b, {NUM_CEPSTRUM_FRAMES}, {NUM_CEPSTRA}], got {cepstra.shape}')
    return self.audio_tower(cepstra)

  def face(self, frames: jax.Array) -> jax.Array:
    """RGB face crops `[b, 5, 224, 224, 3]` in [-1, 1] to float32 `[b, embedding_dim]`, not normalized.

    Raises:
      ValueError: another shape.
    """
    if frames.shape[1:] != (SYNC_FRAMES, FACE_SIZE, FACE_SIZE, 3):
      raise ValueError(f'expected frames [b, {SYNC_FRAMES}, {FACE_SIZE}, {FACE_SIZE}, 3], got {frames.shape}')
    return self.face_tower(frames)

  def cosine(self, waveform: jax.Array, frames: jax.Array) -> jax.Array:
    """Cosine of the embeddings, `[b]`, of speech `[b, 3440]` and face crops `[b, 5, 224, 224, 3]`."""
    return jnp.sum(self.speech_vector(waveform) * self.picture_vector(frames), axis=-1)

  def speech_vector(self, waveform: jax.Array) -> jax.Array:
    """Speech `[b, 3440]` in [-1, 1] to unit vectors float32 `[b, embedding_dim]`."""
    return unit(self.audio(mfcc(waveform)))

  def picture_vector(self, frames: jax.Array) -> jax.Array:
    """Face crops `[b, 5, 224, 224, 3]` in [-1, 1] to unit vectors float32 `[b, embedding_dim]`."""
    return unit(self.face(frames))

  def temperature(self) -> jax.Array:
    """Learned temperature of the contrastive loss in [0.02, 1]; 0.1 with `norm` 'none', which has none."""
    if self.norm != 'group':
      return jnp.float32(0.1)
    return bounded_temperature(self.log_temperature, *TEMPERATURES)

  def temperature_penalty(self) -> jax.Array:
    """Term of the loss that keeps the temperature near its bounds, a scalar; see `temperature.temperature_penalty`."""
    if self.norm != 'group':
      return jnp.float32(0.0)
    return temperature_penalty(self.log_temperature, *TEMPERATURES)

  @staticmethod
  def crop(images: jax.Array, centers: jax.Array | None = None) -> jax.Array:
    """Crops FACE_BOX from portraits `[b, h, w, 3]` to `[b, 224, 224, 3]`.

    The face fills the portrait, so that `centers` is ignored.
    """
    del centers
    left, top, right, bottom = FACE_BOX
    size, corner = jnp.array([right - left, bottom - top]), jnp.array([left, top])
    grid = identity_grid(FACE_SIZE, FACE_SIZE) * size + corner
    return grid_sample(images, jnp.broadcast_to(grid, (images.shape[0], *grid.shape)))

  @nn.nowrap
  def example_inputs(
    self, others: examples.Modules | None = None, side: int = examples.SIDE
  ) -> tuple[Any, ...]:
    """Arguments of `__call__` as shapes; see `models.nn.examples`."""
    del others, side
    return examples.array(1, 20, NUM_CEPSTRA), examples.array(1, SYNC_FRAMES, FACE_SIZE, FACE_SIZE, 3)


class _Tower(nn.Module):
  """Base class of the towers: convolution with norm and ReLU, and the dense layers."""

  channels: tuple[int, ...]
  hidden: int
  features: int
  norm: str
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  def layer(self, x: jax.Array, index: int, kernel: tuple[int, int], strides: int = 1, padding: int = 0):
    """Convolution `index` of the tower, norm and ReLU."""
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    sides = [(padding, padding)] * 2
    x = conv(self.channels[index], kernel, f'conv_{index}', strides=strides, padding=sides, **types)(x)
    return self.end(x, f'norm_{index}')

  def end(self, x: jax.Array, name: str) -> jax.Array:
    """Norm and ReLU."""
    if self.norm == 'group':
      x = group_norm(x.shape[-1], name, dtype=self.dtype, param_dtype=self.param_dtype)(x)
    return jax.nn.relu(x)

  def head(self, x: jax.Array) -> jax.Array:
    """Dense layers: `[b, 1, 1, c]` to the embedding `[b, features]`."""
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    x = dense(self.hidden, 'dense_0', axes=('conv_out', 'mlp'), **types)(x.reshape(x.shape[0], -1))
    x = self.end(x, 'norm_dense')
    return dense(self.features, 'dense_1', axes=('mlp', 'embed'), **types)(x).astype(jnp.float32)


class AudioTower(_Tower):
  """Audio tower: MFCCs `[b, 20, 13]` as a picture of 13 x 20 with one channel."""

  @nn.compact
  def __call__(self, cepstra: jax.Array) -> jax.Array:
    x = jnp.swapaxes(cepstra, 1, 2)[..., None].astype(self.dtype)
    x = self.layer(x, 0, (3, 3), padding=1)
    x = nn.max_pool(self.layer(x, 1, (3, 3), padding=1), (3, 3), (1, 2))
    for i in (2, 3, 4):
      x = self.layer(x, i, (3, 3), padding=1)
    x = nn.max_pool(x, (3, 3), (2, 2))
    return self.head(self.layer(x, 5, (5, 4)))


class FaceTower(_Tower):
  """Face tower: five frames concatenated over channels."""

  @nn.compact
  def __call__(self, frames: jax.Array) -> jax.Array:
    b, t, h, w, c = frames.shape
    x = jnp.moveaxis(frames, 1, 3).reshape(b, h, w, t * c).astype(self.dtype)
    x = nn.max_pool(self.layer(x, 0, (7, 7), strides=2), (3, 3), (2, 2))
    x = self.layer(x, 1, (5, 5), strides=2, padding=1)
    x = nn.max_pool(x, (3, 3), (2, 2), [(1, 1), (1, 1)])  # pyright: ignore[reportArgumentType]
    for i in (2, 3, 4):
      x = self.layer(x, i, (3, 3), padding=1)
    x = nn.max_pool(x, (3, 3), (2, 2))
    return self.head(self.layer(x, 5, (6, 6)))
