"""Feature vectors for Frechet distances: Inception-v3's of pictures for FID, I3D's of clips for FVD."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from seetalk_jax.errors import InputError
from seetalk_jax.evaluation import local_devices
from seetalk_jax.inference.batching import stream_in_fixed_batches
from seetalk_jax.models.critics.i3d import WINDOW_FRAMES, InceptionI3D
from seetalk_jax.models.critics.inception import InceptionV3
from seetalk_jax.models.nn import image_ops


def inception_features(
  network: InceptionV3, params: Any, frames: Iterable[np.ndarray], *, batch_size: int = 16
) -> Iterator[np.ndarray]:
  """Features of pictures, for FID; one batch is in memory at a time.

  Args:
    network, params: use the published weights for values comparable with published ones.
    frames: chunks uint8 `[t, h, w, 3]` of pictures of one size.
    batch_size: pictures of one call of the network, rounded up to a multiple of the number of devices, which share
      them. It is compiled once for a size of pictures.

  Yields:
    float32 `[m, 2048]`, m up to that size, in the order of the pictures.

  Raises:
    ValueError: chunks of other shapes or types.
  """
  run = local_devices.over_devices(_compiled(network), params)
  return stream_in_fixed_batches(run, _frames(frames), size=local_devices.batch_size(batch_size))


def i3d_features(
  network: InceptionI3D, params: Any, clips: Iterable[np.ndarray], *, batch_size: int = 4
) -> Iterator[np.ndarray]:
  """Logits of clips, for FVD: one vector for every window of 16 frames; one batch is in memory at a time.

  A clip is cut into windows from its first frame on, without overlap, and what is left at its end is not used. Frames
  count as they are, whatever the frame rate: compare clips of one frame rate. `windows` cuts videos that are read in
  chunks; its windows are clips too.

  Args:
    network, params: use the published weights for values comparable with published ones.
    clips: uint8 `[t, h, w, 3]`, all of one height and width, t at least 16.
    batch_size: windows of one call of the network, rounded up as for `inception_features`. It is compiled once for a
      size of frames.

  Yields:
    float32 `[m, classes]`, m up to that size, in the order of the windows.

  Raises:
    InputError: a clip of fewer than 16 frames.
    ValueError: clips of other shapes or types.
  """
  run = local_devices.over_devices(_compiled(network), params)
  rows = (window for clip in clips for window in windows([clip]))
  return stream_in_fixed_batches(run, _of_one_shape(rows), size=local_devices.batch_size(batch_size))


def windows(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
  """Windows uint8 `[16, h, w, 3]` of a video in chunks uint8 `[t, h, w, 3]`; see `i3d_features`.

  Raises:
    InputError: a video of fewer than 16 frames.
    ValueError: chunks of other shapes or types.
  """
  window: list[np.ndarray] = []
  seen = 0
  for frame in _frames(frames):
    window.append(frame)
    seen += 1
    if len(window) == WINDOW_FRAMES:
      yield np.stack(window)
      window = []
  if seen < WINDOW_FRAMES:
    raise InputError(f'a video of {seen} frames, FVD: give one of {WINDOW_FRAMES} and more')


def _frames(chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
  """Pictures uint8 `[h, w, 3]` of one size, from chunks."""

  def each() -> Iterator[np.ndarray]:
    for chunk in chunks:
      if np.ndim(chunk) != 4 or chunk.shape[-1] != 3 or chunk.dtype != np.uint8:
        raise ValueError(
          f'need chunks uint8 [t, h, w, 3], got {getattr(chunk, "dtype", "")} {np.shape(chunk)}'
        )
      yield from chunk

  return _of_one_shape(each())


def _of_one_shape(rows: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
  shape = None
  for row in rows:
    shape = shape or row.shape
    if row.shape != shape:
      raise ValueError(f'need pictures of one size, got {shape} and {row.shape}')
    yield row


@functools.cache
def _compiled(network: InceptionV3 | InceptionI3D):
  def run(params, frames):
    return network.apply({'params': params}, image_ops.to_float(frames))

  return local_devices.compiled(run)  # small differences of features count
