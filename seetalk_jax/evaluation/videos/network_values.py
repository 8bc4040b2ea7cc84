"""Values that need converted public weights: features for FID, FVD and identity, LPIPS, and SyncNet's lip sync."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from seetalk_jax.constants import FPS
from seetalk_jax.errors import ConfigError, InputError
from seetalk_jax.evaluation import local_devices
from seetalk_jax.evaluation.measures import aligned_faces, frechet_features, lip_sync
from seetalk_jax.evaluation.probes.landmarks import FaceTrack
from seetalk_jax.evaluation.videos import catalogue, picture_values
from seetalk_jax.evaluation.videos.protocol import Protocol
from seetalk_jax.evaluation.videos.sources import Video
from seetalk_jax.inference.batching import in_fixed_batches
from seetalk_jax.media import face
from seetalk_jax.models.critics.i3d import WINDOW_FRAMES
from seetalk_jax.models.nn import image_ops
from seetalk_jax.training import initial_weights

_BATCH = 16
_SYNCNET_SIDE = 224  # pixels

INCEPTION, I3D, IDENTITY = 'inception', 'i3d', 'identity'


class Networks:
  """The networks of an evaluation; every measure of a network that is not there is left out.

  Args:
    loaded: name in `catalogue.CONVERTERS` -> network with weights.
    checksums: name -> checksum of the weights.
  """

  def __init__(self, loaded: Mapping[str, initial_weights.InitialNetwork], checksums: Mapping[str, str]):
    self._loaded = {
      name: dataclasses.replace(network, params=local_devices.replicate(network.params))
      for name, network in loaded.items()
    }
    self.checksums = dict(checksums)

  @classmethod
  def load(cls, places: Mapping[str, str]) -> Networks:
    """Loads the networks of a configuration, name -> release or ''.

    Raises:
      CheckpointError: a place cannot be loaded, or lacks weights.
      ConfigError: a name is not one of an evaluation.
    """
    if unknown := [name for name in places if name not in catalogue.CONVERTERS]:
      raise ConfigError(
        f'config.networks.{unknown[0]} is no network of this evaluation: use {", ".join(catalogue.CONVERTERS)}'
      )
    loaded = initial_weights.load_initial_weights(places).networks
    if incomplete := [name for name, network in loaded.items() if network.fresh]:
      raise ConfigError(
        f'config.networks.{incomplete[0]} has no weights for some layers: convert the whole network'
      )
    return cls(loaded, {name: _checksum(network.params) for name, network in loaded.items()})

  def __contains__(self, name: str) -> bool:
    return name in self._loaded

  def accumulators(self, track: FaceTrack, protocol: Protocol) -> list[picture_values.Accumulator]:
    """Accumulators of features for one video."""
    made: list[picture_values.Accumulator] = []
    if INCEPTION in self:
      made.append(Features(INCEPTION, self._inception, protocol.picture_every, _BATCH))
    if I3D in self:
      made.append(Features(I3D, self._i3d, 1, WINDOW_FRAMES * local_devices.batch_size(1)))
    if 'face_encoder' in self:
      points = track.points * (protocol.side / 256)
      made.append(Identity(points, self._identity, protocol.picture_every, protocol.drift_seconds))
    return made

  def pair_measures(self) -> dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]:
    """Measures of two stacks of frames uint8 `[t, S, S, 3]`, by name."""
    return {'lpips': self._lpips} if 'perceptual' in self else {}

  def lip_sync(self, video: Video, track: FaceTrack) -> dict[str, float]:
    """LSE-D, LSE-C and offset of a video by SyncNet; {} without the network."""
    if 'syncnet' not in self:
      return {}
    waveform, box = video.waveform(), track.box
    names = ('lse_d', 'lse_c', 'syncnet_offset')
    if waveform is None or box is None:
      return dict.fromkeys(names, math.nan)
    frames = (face.crop(pixels, box, _SYNCNET_SIDE)[None] for pixels in video.frames())
    network = self._loaded['syncnet']
    try:
      found = lip_sync.lip_sync(network.module, network.params, frames, waveform)
    except InputError:  # too short
      return dict.fromkeys(names, math.nan)
    return dict(zip(names, map(float, found), strict=True))

  def _inception(self, frames: np.ndarray) -> np.ndarray:
    network = self._loaded[INCEPTION]
    rows = frechet_features.inception_features(network.module, network.params, [frames], batch_size=_BATCH)
    return np.concatenate(list(rows))

  def _i3d(self, frames: np.ndarray) -> np.ndarray:
    network = self._loaded[I3D]
    if len(frames) < WINDOW_FRAMES:
      return np.zeros((0, 1))
    return np.concatenate(
      list(frechet_features.i3d_features(network.module, network.params, [frames], batch_size=1))
    )

  def _identity(self, crops: np.ndarray) -> np.ndarray:
    network = self._loaded['face_encoder']
    run = local_devices.over_devices(_embedding(network.module), network.params)
    return in_fixed_batches(run, crops, size=local_devices.batch_size(_BATCH))

  def _lpips(self, made: np.ndarray, real: np.ndarray) -> np.ndarray:
    network = self._loaded['perceptual']
    run = local_devices.over_devices(_distance(network.module), network.params)
    return in_fixed_batches(run, made, real, size=local_devices.batch_size(_BATCH))


class Features:
  """Features of every k-th frame.

  Args:
    name: of the array.
    extract: maps uint8 `[t, S, S, 3]` to `[m, d]`.
    every: k.
    batch: frames that `extract` gets at a time; what is left at the end comes by itself.
  """

  def __init__(self, name: str, extract: Callable[[np.ndarray], np.ndarray], every: int, batch: int):
    self._name, self._extract, self._every, self._batch = name, extract, every, batch
    self._waiting: list[np.ndarray] = []
    self._count, self._rows = 0, []

  def add(self, frames: np.ndarray) -> None:
    """Takes the next frames, uint8 `[t, S, S, 3]`."""
    for frame in frames:
      if self._count % self._every == 0:
        self._waiting.append(frame)
      self._count += 1
      if len(self._waiting) == self._batch:
        self._run()

  def _run(self) -> None:
    if self._waiting:
      rows = self._extract(np.stack(self._waiting))
      if len(rows):
        self._rows.append(rows.astype(np.float32))
    self._waiting = []

  def values(self) -> dict[str, float]:
    """Nothing."""
    return {}

  def arrays(self) -> dict[str, np.ndarray]:
    """The features `[n, d]` by their name; nothing for a video that is too short."""
    self._run()
    return {self._name: np.concatenate(self._rows)} if self._rows else {}


class Identity:
  """Features of the face in every k-th frame, and their cosine with the start at a late time.

  Args:
    points: `[n, 478, 2]` landmarks in pixels of the frames; NaN without a face.
    extract: maps aligned crops uint8 `[t, 112, 112, 3]` to unit vectors `[t, d]`.
    every: k.
    drift_seconds: times; the last one that the video reaches counts.
  """

  def __init__(
    self,
    points: np.ndarray,
    extract: Callable[[np.ndarray], np.ndarray],
    every: int,
    drift_seconds: tuple[float, ...],
  ):
    self._points, self._extract, self._every, self._marks = points, extract, every, drift_seconds
    self._count, self._frames, self._rows = 0, [], []

  def add(self, frames: np.ndarray) -> None:
    """Takes the next frames, uint8 `[t, S, S, 3]`."""
    crops = []
    for frame in frames:
      points = self._points[self._count]
      if self._count % self._every == 0 and np.isfinite(points).all():
        crops.append(aligned_faces.aligned_crop(frame, points))
        self._frames.append(self._count)
      self._count += 1
    if crops:
      self._rows.append(self._extract(np.stack(crops)).astype(np.float32))

  def values(self) -> dict[str, float]:
    """`identity_drift`: cosine with the first half second at the last time, and at each of `catalogue.DRIFT_SECONDS`.

    `identity_drift` is NaN for a video that reaches none of the times; times that it does not reach are left out.
    """
    if not self._rows:
      return {'identity_drift': math.nan}
    times, features = np.array(self._frames) / FPS, np.concatenate(self._rows)
    start, drifts = features[times <= 0.5], {}
    for mark in sorted(self._marks):
      late = features[np.abs(times - mark) <= 0.5]
      if len(late) and len(start):
        drifts[mark] = cosine(start.mean(axis=0), late.mean(axis=0))
    last = drifts[max(drifts)] if drifts else math.nan
    return {'identity_drift': last, **catalogue.drift_values('identity_drift', drifts)}

  def arrays(self) -> dict[str, np.ndarray]:
    """`identity` `[m, d]` and `identity_frames` `[m]`, the frames that they are of."""
    if not self._rows:
      return {}
    return {IDENTITY: np.concatenate(self._rows), 'identity_frames': np.array(self._frames)}


def identity_similarity(made: Mapping[str, np.ndarray], real: Mapping[str, np.ndarray]) -> float:
  """CSIM: mean cosine of the faces in the frames that both have; NaN without one. Arguments: `Measured.arrays`."""
  if IDENTITY not in made or IDENTITY not in real:
    return math.nan
  _, first, second = np.intersect1d(made['identity_frames'], real['identity_frames'], return_indices=True)
  if not len(first):
    return math.nan
  rows = zip(made[IDENTITY][first], real[IDENTITY][second], strict=True)
  return float(np.mean([cosine(a, b) for a, b in rows]))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
  """Cosine of two vectors."""
  return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-12))


@functools.cache
def _embedding(module):
  return local_devices.compiled(
    lambda params, crops: module.apply({'params': params}, image_ops.to_float(crops))
  )


@functools.cache
def _distance(module):
  def run(params, made, real):
    return module.apply({'params': params}, image_ops.to_float(made), image_ops.to_float(real))

  return local_devices.compiled(run)


def _checksum(params: Any) -> str:
  import hashlib

  total = hashlib.sha256()
  for path, leaf in jax.tree_util.tree_leaves_with_path(params):
    total.update(jax.tree_util.keystr(path).encode())
    total.update(np.ascontiguousarray(leaf).tobytes())
  return total.hexdigest()
