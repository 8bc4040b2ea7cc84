"""Batches and configuration of the face-prior tests, on one device and on eight."""

from collections.abc import Iterator

import numpy as np

from seetalk_jax.configs import face_prior, portrait
from seetalk_jax.data import views
from seetalk_jax.stages import base

NUM_BATCHES, BATCH_SIZE, SIZE = 4, 8, 64
KEPT = 20  # not a multiple of the batch size: only half of the third batch is kept

# (data, fsdp, tensor) of eight devices -> order of the batches on this mesh.
MESHES = {(2, 4, 1): (3, 1, 0, 2), (2, 2, 2): (2, 0, 3, 1)}


def config_of(release: str, mesh: tuple[int, int, int], **options):
  """Configuration of a tiny pass over all batches, with voices and directions, on (data, fsdp, tensor)."""
  config = face_prior.get_config('tiny')
  config.options.update({'components': 3, 'component_portraits': KEPT, 'with_voice': True, **options})
  config.init.update({'autoencoder': release, 'speech_encoder': release})
  config.mesh.update(dict(zip(('data', 'fsdp', 'tensor'), mesh, strict=True)))
  config.data.batch_size, config.num_steps = BATCH_SIZE, NUM_BATCHES
  return config


def portrait_config_of(release: str, mesh: tuple[int, int, int]):
  """Configuration of the tiny portrait stage without a face prior, on (data, fsdp, tensor)."""
  config = portrait.get_config('tiny')
  config.init.update({'autoencoder': release, 'speech_encoder': release})
  config.mesh.update(dict(zip(('data', 'fsdp', 'tensor'), mesh, strict=True)))
  config.data.batch_size = BATCH_SIZE
  return config


def one(index: int) -> dict[str, np.ndarray]:
  """One batch of noise, with its own mean and contrast."""
  names = ('portrait', 'picture_box', 'speech', 'num_samples', 'speaker')
  batch = base.fake_batch(views.batch_spec('portrait_speech', BATCH_SIZE, SIZE, only=names), seed=index)
  batch['portrait'] = (batch['portrait'] // (index + 1) + 20 * index).astype(np.uint8)
  batch['num_samples'] = np.arange(16_000, 48_000, 4_000, np.int32)
  batch['speaker'] = np.arange(BATCH_SIZE, dtype=np.int32) // 2 + 100 * index
  return batch


def in_order(order: tuple[int, ...]) -> Iterator[dict[str, np.ndarray]]:
  """Iterates over the batches in this order."""
  return (one(index) for index in order)
