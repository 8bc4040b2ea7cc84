"""Loaded release: networks and parameters on a device, random keys of a seed, and the compilation cache."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import hashlib
import math
import os
import pathlib
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import flax.errors
import jax
import numpy as np
from flax import traverse_util

import seetalk_jax
from seetalk_jax import files
from seetalk_jax.constants import RELEASE_FILE
from seetalk_jax.errors import OutputError
from seetalk_jax.inference import argument_checks, devices
from seetalk_jax.inference.sampling_options import SamplingOptions
from seetalk_jax.media import face as face_lib
from seetalk_jax.releases import network_spec, storage


class LoadedRelease:
  """Networks of a release, with their parameters on a device.

  Attributes:
    networks: modules, parameters (on the host), statistics.
    checkpoint: the name or path that it was loaded from.
    device: the device of the computation.
    params, collections, statistics: those of `networks`, on the device.
  """

  def __init__(self, networks: storage.Networks, checkpoint: str, device: jax.Device):
    self.networks = networks
    self.checkpoint = checkpoint
    self.device = device
    self.params = jax.device_put(networks.params, device)
    self.collections = jax.device_put(networks.collections, device)
    self.statistics = jax.device_put(networks.statistics, device)
    self._checkpoint_id = files.checksum(self.index)[:12]

  def __repr__(self) -> str:
    return f'LoadedRelease({self.checkpoint!r}, {self.device}, {len(self.networks.modules)} networks)'

  @classmethod
  def load(
    cls,
    checkpoint: str | os.PathLike,
    device: str | jax.Device | None = None,
    cache: bool = False,
    only: str | Iterable[str] | None = None,
  ) -> LoadedRelease:
    """Reads a released checkpoint; see `SeeTalk.load`.

    Args:
      only: names of the networks to read; None: all.

    Raises:
      CheckpointError: no such checkpoint, a damaged one, or one that lacks a network of `only`.
      InputError: no such device.
    """
    networks = storage.load_networks(checkpoint, only)
    if cache:
      use_compilation_cache()
    return cls(networks, str(checkpoint), devices.find_device(device))

  def without(self, *names: str) -> LoadedRelease:
    """This release with fewer networks, for comparisons; the parameters are shared.

    Without `lip_refiner` motion is not refined, and without `hr_decoder` the codec's own decoder draws the frames.

    Raises:
      CheckpointError: the release lacks one of them.
    """
    self.need(*names)
    other = copy.copy(self)
    rest = {
      field: {name: part for name, part in getattr(self.networks, field).items() if name not in names}
      for field in ('modules', 'params', 'collections')
    }
    other.networks = dataclasses.replace(self.networks, **rest)
    return other

  @property
  def index(self) -> pathlib.Path:
    """The release's seetalk.json."""
    return self.networks.directory / RELEASE_FILE

  @functools.cached_property
  def side(self) -> int:
    """Side in pixels of portraits and frames before any resizing, also if the autoencoder's weights are not loaded."""
    statistics, networks = self.networks.statistics, self.networks.info.get('networks', {})
    autoencoder = self.networks.modules.get('autoencoder')
    if autoencoder is None and 'autoencoder' in networks:
      autoencoder = network_spec.build('autoencoder', networks['autoencoder'], str(self.index))
    if 'face_prior_mean' in statistics and autoencoder is not None:
      return statistics['face_prior_mean'].shape[0] * autoencoder.factor
    return int(statistics.get('image_size', 256))

  def need(self, *names: str) -> None:
    """Checks that the release holds networks.

    Raises:
      CheckpointError: the release lacks one.
    """
    for name in names:
      self.networks.variables(name)

  def sampling(self, steps: int | None = None, guidance_scale: float | None = None) -> SamplingOptions:
    """The sampling options of the release.

    Args:
      steps, guidance_scale: for portraits and motion, in place of those of the release; None: those of the
        release.

    Raises:
      InputError: steps are no whole number from 1 to 1000, or the scale is no finite number.
    """
    if steps is not None:
      steps = argument_checks.whole('steps', steps, 1, argument_checks.MAX_STEPS)
    if guidance_scale is not None:
      guidance_scale = argument_checks.number('guidance_scale', guidance_scale)
    return SamplingOptions().updated(
      self.networks.info.get('sampling', {}),
      portrait_steps=steps,
      portrait_guidance=guidance_scale,
      motion_steps=steps,
      motion_guidance=guidance_scale,
    )

  @contextlib.contextmanager
  def computing(self) -> Iterator[None]:
    """Context that computes on the device and converts missing-parameter errors of Flax.

    Raises:
      CheckpointError: weights of another configuration; names the first array that does not match its
        network.
    """
    try:
      with jax.default_device(self.device):
        yield
    except (flax.errors.ScopeParamNotFoundError, flax.errors.ScopeParamShapeError):
      modules = self.networks.modules
      for name, module in modules.items():
        variables = {**self.networks.params[name], **self.networks.collections.get(name, {})}
        network_spec.check_shapes(
          name, module, traverse_util.flatten_dict(variables, sep='/'), str(self.index), modules
        )
      raise

  def record(self, seed: int) -> dict[str, Any]:
    """Version, checkpoint, seed and device of a result, for its metadata and --json."""
    return {
      'version': seetalk_jax.__version__,
      'checkpoint': self.checkpoint,
      'checkpoint_id': self._checkpoint_id,
      'seed': seed,
      'device': self.device.platform,
      'crop_version': face_lib.PORTRAIT_CROP.version,
    }


def key_for(seed: int, *path: str | int) -> jax.Array:
  """A random key that depends only on the seed and on the purpose named by `path`."""
  numbers = [
    part if isinstance(part, int) else int.from_bytes(hashlib.sha256(part.encode()).digest()[:4], 'big')
    for part in path
  ]
  return _folded_key(np.uint32(seed & 0xFFFFFFFF), np.array(numbers, np.uint32))


@jax.jit  # one program to compile, and not one for every operation
def _folded_key(seed: jax.Array, numbers: jax.Array) -> jax.Array:
  key = jax.random.key(seed)
  for number in numbers:
    key = jax.random.fold_in(key, number)
  return key


def use_compilation_cache(folder: str | os.PathLike | None = None) -> None:
  """Enables JAX's persistent compilation cache, unless a cache folder is already set (also by environment).

  A folder that cannot be written is only read, without the warnings that JAX would print for every program.

  This sets JAX's configuration of the whole process: all programs that it compiles later are kept in the folder, those
  of other code too, and nothing limits its size.

  Args:
    folder: the cache folder; None: `xla` in the user's cache folder of this library, if there is one.
  """
  # Writing may also fail later, on a full disk. JAX would warn once per program.
  warnings.filterwarnings('ignore', message='Error writing persistent compilation cache entry')
  given = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
  if given:
    if '://' not in given and not _can_write(given):
      _read_only()
    return
  if folder is None:
    cache = files.cache_dir()
    if cache is None:
      return
    folder = cache / 'xla'
  writable = _can_write(folder)
  if not writable and not os.path.isdir(folder):
    return
  jax.config.update('jax_compilation_cache_dir', os.fspath(folder))
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.0)  # many small programs add up
  jax.config.update('jax_persistent_cache_min_entry_size_bytes', -1)
  if not writable:
    _read_only()


def _can_write(folder: str | os.PathLike) -> bool:
  try:
    files.make_folder(folder)
    files.check_writable(pathlib.Path(folder) / 'entry')
  except OutputError:
    return False
  return True


def _read_only() -> None:
  """No program is written to the compilation cache; JAX has no other setting for that."""
  jax.config.update('jax_persistent_cache_min_compile_time_secs', math.inf)
