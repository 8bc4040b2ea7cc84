"""LSE-C and LSE-D: lip-sync confidence and distance by SyncNet (arXiv 2008.10010)."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import SAMPLES_PER_FRAME, SYNC_FRAMES
from seetalk_jax.errors import InputError
from seetalk_jax.evaluation import local_devices
from seetalk_jax.inference.batching import stream_in_fixed_batches
from seetalk_jax.models.critics.syncnet import NUM_CEPSTRUM_FRAMES, SyncNet
from seetalk_jax.models.nn import image_ops
from seetalk_jax.models.speech.mfcc import mfcc

MAX_SHIFT = 15  # frames, as published
_BATCH = 8
_CEPSTRA_PER_FRAME = 4
# The published code adds this to differences before it takes their norm.
_EPSILON = 1e-6


class LipSync(NamedTuple):
  """Lip sync of one video.

  Attributes:
    distance: LSE-D, mean distance at the best shift; lower is better.
    confidence: LSE-C, median distance over all shifts minus the minimum; higher is better.
    offset: the best shift in frames; positive: the sound is ahead of the picture.
  """

  distance: float
  confidence: float
  offset: int


def lip_sync(network: SyncNet, params: Any, frames: Iterable[np.ndarray], waveform: np.ndarray) -> LipSync:
  """Measures one video; apart from the embeddings, memory does not grow with its length.

  Args:
    network, params: SyncNet; use its published weights for figures comparable with published ones.
    frames: chunks uint8 `[t, h, w, 3]` of portraits at 25 frames a second.
    waveform: `[n]` at 16 kHz in [-1, 1].

  Raises:
    InputError: the common length of picture and sound is under 6 frames.
  """
  run_face, run_audio = _compiled(network)
  faces = _embeddings(local_devices.over_devices(run_face, params), _windows(frames))
  cepstra = np.asarray(mfcc(jnp.asarray(waveform, jnp.float32)[None]))[0]
  # The published measure leaves out the last window.
  count = min(len(faces) + SYNC_FRAMES - 1, len(waveform) // SAMPLES_PER_FRAME) - SYNC_FRAMES
  if count < 1:
    raise InputError('a video of fewer than 6 frames, lip sync: give a longer one')
  starts = _CEPSTRA_PER_FRAME * np.arange(count)
  sounds = (cepstra[start : start + NUM_CEPSTRUM_FRAMES] for start in starts)
  return agreement(faces[:count], _embeddings(local_devices.over_devices(run_audio, params), sounds))


def agreement(faces: np.ndarray, sounds: np.ndarray, max_shift: int = MAX_SHIFT) -> LipSync:
  """Lip sync from embeddings `[n, d]` of faces and sounds; sounds are zero-padded, as published."""
  padded = np.pad(sounds.astype(np.float64), ((max_shift, max_shift), (0, 0)))
  distances = np.stack(
    [
      np.linalg.norm(faces - padded[shift : shift + len(faces)] + _EPSILON, axis=-1)
      for shift in range(2 * max_shift + 1)
    ]
  ).mean(axis=1)
  best = int(np.argmin(distances))
  # PyTorch's median of an even number of values is the lower of the middle two; this count is odd.
  return LipSync(float(distances[best]), float(np.median(distances) - distances[best]), max_shift - best)


def face_crops(frames: jax.Array) -> jax.Array:
  """SyncNet crops float32 `[b, 224, 224, 3]` in [-1, 1] of portraits `[b, h, w, 3]`, uint8 or in [-1, 1]."""
  return SyncNet.crop(image_ops.to_float(frames))


def _windows(frames: Iterable[np.ndarray]) -> Iterable[np.ndarray]:
  """Sliding windows of 5 frames, as crops `[5, 224, 224, 3]`."""
  crop = jax.jit(face_crops)
  recent: list[np.ndarray] = []
  for chunk in frames:
    for picture in np.asarray(crop(np.asarray(chunk))):
      recent = [*recent[-SYNC_FRAMES + 1 :], picture]
      if len(recent) == SYNC_FRAMES:
        yield np.stack(recent)


def _embeddings(run, inputs: Iterable[np.ndarray]) -> np.ndarray:
  return np.concatenate([*stream_in_fixed_batches(run, inputs, size=local_devices.batch_size(_BATCH))])


@functools.cache
def _compiled(network: SyncNet):
  def face(params, frames):
    return network.apply({'params': params}, frames, method='face')

  def audio(params, cepstra):
    return network.apply({'params': params}, cepstra, method='audio')

  return local_devices.compiled(face), local_devices.compiled(audio)
