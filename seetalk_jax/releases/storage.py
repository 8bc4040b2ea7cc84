"""Released checkpoints: folders with safetensors files and an index, seetalk.json; reading and writing."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from seetalk_jax import files
from seetalk_jax.constants import CHECKPOINTS_FOLDER, RELEASE_FILE
from seetalk_jax.errors import CheckpointError
from seetalk_jax.releases import network_spec, retired, safetensors_writer
from seetalk_jax.releases.provenance import notes_of
from seetalk_jax.releases.safetensors_writer import LazyArray

PyTree = Any

FORMAT = 'seetalk-jax release'
FORMAT_VERSION = 1
STATISTICS_FILE = 'statistics.safetensors'
DEMO_FOLDER = pathlib.Path(__file__).resolve().parents[1] / 'weights' / 'demo'

_DTYPES = ('float16', 'float32')


@dataclasses.dataclass(frozen=True)
class Networks:
  """Networks read from a release.

  Attributes:
    modules: network name -> Linen module.
    params: network name -> plain nested dict of float32 arrays.
    collections: network name -> {collection: tree}, for networks that have any (the codebook's EMA state).
    statistics: name -> float32 scalar or array (latent_scale, motion_mean, face_prior_mean, ...).
    info: content of seetalk.json. `info['provenance']['networks']` holds licence, origin and other notes of each
      network, for `save_release`.
    directory: folder of the release.
  """

  modules: dict[str, Any]
  params: dict[str, PyTree]
  collections: dict[str, dict[str, PyTree]]
  statistics: dict[str, np.ndarray]
  info: dict[str, Any]
  directory: pathlib.Path

  def variables(self, network: str) -> dict[str, PyTree]:
    """Variables for `module.apply`: `{'params': ..., **collections}`.

    Raises:
      CheckpointError: the release lacks this network.
    """
    if network not in self.params:
      raise CheckpointError(
        f'the checkpoint holds no {network}, {self.directory}: export a run that trained it'
      )
    return {'params': self.params[network], **self.collections.get(network, {})}


def resolve(checkpoint: str | os.PathLike) -> pathlib.Path:
  """Folder of a release; 'demo' is the release that is shipped with the package.

  Raises:
    CheckpointError: no such release.
  """
  if str(checkpoint) == 'demo':
    if not (DEMO_FOLDER / RELEASE_FILE).is_file():
      raise CheckpointError(
        'this installation carries no demo weights, checkpoint demo: give --checkpoint DIR of an exported run'
      )
    return DEMO_FOLDER
  directory = pathlib.Path(checkpoint)
  if not directory.exists():
    raise CheckpointError(f"no such checkpoint, {checkpoint}: give a folder with {RELEASE_FILE}, or 'demo'")
  if not (directory / RELEASE_FILE).is_file():
    hint = f"give a folder with {RELEASE_FILE}, or 'demo'"
    if directory.is_dir() and any(directory.glob(f'**/{CHECKPOINTS_FOLDER}')):
      hint = f'this is a training run, export it first: seetalk export {checkpoint} DIR'
    raise CheckpointError(f'not a released checkpoint, {checkpoint}: {hint}')
  return directory


def read_info(checkpoint: str | os.PathLike) -> tuple[pathlib.Path, dict[str, Any]]:
  """(folder, content of seetalk.json) of a release.

  Raises:
    CheckpointError: no such release, an unreadable one, or one written by a newer version of this library.
  """
  directory = resolve(checkpoint)
  path = directory / RELEASE_FILE
  try:
    info = json.loads(path.read_text('utf-8'))
    version, networks = info['format_version'], info['networks']
    for entry in networks.values():
      if missing := {'class', 'fields', 'file', 'sha256'} - set(entry):
        raise KeyError(missing)
  except (ValueError, KeyError, TypeError, AttributeError, OSError):
    raise CheckpointError(f'damaged {RELEASE_FILE}, {path}: copy the whole release again') from None
  if version != FORMAT_VERSION:
    raise CheckpointError(
      f'release format {version}, {path}: this library reads {FORMAT_VERSION}, install another seetalk-jax'
    )
  return directory, info


def load_networks(
  checkpoint: str | os.PathLike, only: Iterable[str] | None = None, *, unfinished: bool = False
) -> Networks:
  """Reads the networks of a release and checks the checksums and shapes of their weights.

  Args:
    checkpoint: a folder with seetalk.json, or 'demo'.
    only: names of the networks to read; None: all.
    unfinished: accept converted networks with parameters that are not trained yet (`fresh` in seetalk.json);
      these are missing from `params`.

  Raises:
    CheckpointError: no such release, a missing or changed file, an unknown class or field, an unfinished network,
      or weights of another configuration (names the first array that differs, with both shapes).
  """
  from flax import traverse_util  # local import: reading seetalk.json needs no JAX

  directory, info = read_info(checkpoint)
  notes = {name: notes_of(entry) for name, entry in info['networks'].items()}
  info['provenance'] = {**info.get('provenance', {}), 'networks': notes}
  names = list(info['networks'] if only is None else only)
  modules, params, collections = {}, {}, {}
  for name in names:
    if name not in info['networks']:
      raise CheckpointError(f'the checkpoint holds no {name}, {directory}: export a run that trained it')
    entry = info['networks'][name]
    fresh = entry.get('fresh', ())
    if fresh and not unfinished:
      raise CheckpointError(
        f'{name} is converted and its {", ".join(fresh)} are not trained yet, {directory}: train it first, with '
        f'--config.init.{name}={directory}'
      )
    path = _file_in(directory, entry['file'])
    arrays = _read_arrays(path, entry['sha256'])
    modules[name] = network_spec.build(name, entry, str(directory / RELEASE_FILE))
    if entry.get('digest') != _digest(entry['class'], entry['fields'], arrays):
      others = {
        other: network_spec.build(other, info['networks'][other], str(directory / RELEASE_FILE))
        for other in info['networks']
      }
      network_spec.check_shapes(name, modules[name], arrays, str(path), others, fresh)
    trees = traverse_util.unflatten_dict({key: _to_float32(value) for key, value in arrays.items()}, sep='/')
    collections[name] = {key: trees.pop(key) for key in network_spec.COLLECTIONS if key in trees}
    params[name] = trees
  collections = {name: trees for name, trees in collections.items() if trees}
  return Networks(modules, params, collections, _read_statistics(directory, info), info, directory)


def verify(checkpoint: str | os.PathLike) -> dict[str, tuple[int, ...]]:
  """Checks every file of a release against its SHA-256.

  Returns:
    Name -> shape of those statistics that are arrays.

  Raises:
    CheckpointError: no such release, or a file is missing or changed.
  """
  directory, info = read_info(checkpoint)
  for entry in info['networks'].values():
    _read_arrays(_file_in(directory, entry['file']), entry['sha256'])
  statistics = _read_statistics(directory, info)
  return {key: value.shape for key, value in statistics.items() if value.ndim}


def save_release(
  directory: str | os.PathLike,
  networks: Mapping[str, tuple[Any, PyTree] | tuple[Any, PyTree, Mapping[str, PyTree]]],
  statistics: Mapping[str, float | np.ndarray] | None = None,
  provenance: Mapping[str, Any] | None = None,
  dtype: str = 'float16',
  sampling: Mapping[str, float] | None = None,
) -> pathlib.Path:
  """Writes a release atomically, one array at a time.

  Names and shapes are checked before anything is written; values are checked as they are written.

  Args:
    directory: the folder to write; an existing release is replaced, a folder with other files is not.
    networks: network name -> (module, params) or (module, params, collections). Trees are plain nested dicts
      of arrays or of `LazyArray`; at most one lazy array is in memory at a time.
    statistics: name -> number or array, stored as float32.
    provenance: metadata of the training, such as `info['provenance']` of the loaded release that the networks come
      from. The entries of `provenance['networks'][NAME]` are stored with that network: `licence` and `origin`
      ('unknown' if not stated, see `releases.provenance`), and `fresh`, path prefixes of parameters that are absent
      because they are not trained yet. Everything else is stored unchanged.
    dtype: 'float16' or 'float32' for the parameters; collections are stored as float32.
    sampling: default options of the pipeline, named as in `inference.sampling_options.SamplingOptions`.

  Returns:
    The folder.

  Raises:
    CheckpointError: the folder exists and is not a release.
    ValueError: parameters do not match their module, are not finite, or overflow `dtype`.
  """
  if dtype not in _DTYPES:
    raise ValueError(f'dtype must be one of {_DTYPES}, got {dtype!r}')
  directory = pathlib.Path(directory)
  if directory.exists() and not directory.is_dir():
    raise CheckpointError(f'a file stands in the way, {directory}: give another folder')
  if directory.is_dir() and any(directory.iterdir()) and not (directory / RELEASE_FILE).is_file():
    raise CheckpointError(f'the folder holds other things, {directory}: give a new or empty folder')
  kept = dict(provenance or {})
  notes = dict(kept.pop('networks', {}))
  others = {name: network[0] for name, network in networks.items()}
  planned = {
    name: _plan_network(name, *network, dtype=dtype, notes=notes.get(name, {}), others=others)
    for name, network in networks.items()
  }
  values, arrays = _plan_statistics(statistics or {})
  with files.replacing_folder(directory) as part:
    entries = {
      name: {**entry, 'sha256': safetensors_writer.write(part / entry['file'], own)}
      for name, (entry, own) in planned.items()
    }
    digest = safetensors_writer.write(part / STATISTICS_FILE, arrays)
    info = {
      'format': FORMAT,
      'format_version': FORMAT_VERSION,
      'library_version': _version(),
      'networks': entries,
      'statistics': {'values': values, 'file': STATISTICS_FILE, 'sha256': digest},
      'sampling': dict(sampling or {}),
      'provenance': kept,
    }
    files.write_text(part / RELEASE_FILE, json.dumps(info, indent=2, sort_keys=False) + '\n')
  return directory


# ---- writing ---------------------------------------------------------------------------------------


def _plan_network(
  name, module, params, collections=None, *, dtype, notes, others
) -> tuple[dict[str, Any], dict[str, LazyArray]]:
  """Entry of a network in seetalk.json, with an empty sha256, and the arrays of its file."""
  from flax import traverse_util  # as in load_networks

  params = traverse_util.flatten_dict(params, sep='/')
  arrays = {key: _narrowed(value, dtype, f'{name}/{key}') for key, value in params.items()}
  for collection, tree in (collections or {}).items():
    if collection not in network_spec.COLLECTIONS:
      raise ValueError(f'collection {collection!r} of {name} is not one of {network_spec.COLLECTIONS}')
    kept = traverse_util.flatten_dict({collection: tree}, sep='/')
    arrays |= {key: _narrowed(value, 'float32', f'{name}/{key}') for key, value in kept.items()}
  entry = network_spec.describe(module)
  try:
    network_spec.check_shapes(name, module, arrays, name, others, notes.get('fresh', ()))
  except CheckpointError as error:
    raise ValueError(str(error)) from None
  entry |= {
    'file': f'{name}.safetensors',
    'sha256': '',
    'digest': _digest(entry['class'], entry['fields'], arrays),
    'dtype': dtype,
    'num_parameters': sum(arrays[key].size for key in params),
    **notes_of(notes),
  }
  entry |= {key: value for key, value in notes.items() if key not in entry}
  if 'fresh' in notes:
    entry['fresh'] = [part for part in notes['fresh'] if not any(key.startswith(part) for key in params)]
  return entry, arrays


def _plan_statistics(statistics) -> tuple[dict[str, float], dict[str, LazyArray]]:
  """Statistics by place of storage: scalars for seetalk.json, arrays for the statistics file."""
  values = {key: float(np.float32(v)) for key, v in statistics.items() if np.ndim(v) == 0}
  for key, value in values.items():
    if not np.isfinite(value):
      raise ValueError(f'statistics/{key} is {value}')
  arrays = {
    key: _narrowed(value, 'float32', f'statistics/{key}')
    for key, value in statistics.items()
    if np.ndim(value)
  }
  return values, arrays


def _narrowed(value, dtype: str, path: str) -> LazyArray:
  """An array as it is stored: integers and booleans unchanged, floats in `dtype`, checked when computed."""
  own = np.dtype(value.dtype) if hasattr(value, 'dtype') else np.asarray(value).dtype
  stored = own if own.kind in 'iub' else np.dtype(dtype)
  return LazyArray(tuple(np.shape(value)), stored, functools.partial(_narrow, value, stored, path))


def _narrow(value, dtype: np.dtype, path: str) -> np.ndarray:
  array = np.asarray(value)
  if dtype.kind in 'iub':
    return array
  array = array.astype(np.float32, copy=False)
  if not np.isfinite(array).all():
    raise ValueError(f'{path} holds NaN or infinite values')
  with np.errstate(over='ignore'):
    narrow = array.astype(dtype, copy=False)
  if not np.isfinite(narrow).all():
    raise ValueError(
      f'{path} reaches {np.abs(array).max():.3g}, too large for {dtype}: release it in float32'
    )
  return narrow


# ---- reading ---------------------------------------------------------------------------------------


def _file_in(directory: pathlib.Path, name: str) -> pathlib.Path:
  if pathlib.PurePath(name).name != name:
    raise CheckpointError(
      f'damaged {RELEASE_FILE} (file {name!r}), {directory}: copy the whole release again'
    )
  path = directory / name
  if not path.is_file():
    raise CheckpointError(f'a file of the checkpoint is missing, {path}: copy the whole release again')
  return path


def _read_arrays(path: pathlib.Path, sha256: str) -> dict[str, np.ndarray]:
  import safetensors
  import safetensors.numpy

  data = path.read_bytes()
  if hashlib.sha256(data).hexdigest() != sha256:
    raise CheckpointError(
      f'not the file that {RELEASE_FILE} names (sha256 differs), {path}: copy the whole release again'
    )
  try:
    return safetensors.numpy.load(data)
  except safetensors.SafetensorError as error:
    raise CheckpointError(f'damaged weights ({error}), {path}: copy the whole release again') from None


def _read_statistics(directory: pathlib.Path, info: Mapping[str, Any]) -> dict[str, np.ndarray]:
  entry = info.get('statistics')
  if not entry:
    return {}
  arrays = _read_arrays(_file_in(directory, entry['file']), entry['sha256'])
  statistics = {**{key: np.float32(value) for key, value in entry['values'].items()}, **arrays}
  retired.check_statistics(statistics, str(directory / RELEASE_FILE))
  return statistics


def _digest(class_name: str, fields: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
  """Hash of class, fields and shapes checked by the writer; if it matches, readers skip `check_shapes`."""
  shapes = {key: list(value.shape) for key, value in sorted(arrays.items())}
  content = json.dumps([_version(), class_name, dict(sorted(fields.items())), shapes])
  return hashlib.sha256(content.encode()).hexdigest()


def _to_float32(array: np.ndarray) -> np.ndarray:
  return array.astype(np.float32) if array.dtype.kind == 'f' else array


def _version() -> str:
  import seetalk_jax

  return seetalk_jax.__version__
