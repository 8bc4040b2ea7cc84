"""Released checkpoints: folders with safetensors files and an index, seetalk.json; reading and writing."""

from __future__ import annotations

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
from seetalk_jax.models import registry
from seetalk_jax.releases import hub, motion_window, network_spec, retired, safetensors_writer
from seetalk_jax.releases.networks import Networks, absent
from seetalk_jax.releases.provenance import notes_of
from seetalk_jax.releases.safetensors_writer import LazyArray

PyTree = Any

FORMAT = 'seetalk-jax release'
FORMAT_VERSION = 1
STATISTICS_FILE = 'statistics.safetensors'
DEMO_FOLDER = pathlib.Path(__file__).resolve().parents[1] / 'weights' / 'demo'

_DTYPES = ('float16', 'float32')


def resolve(checkpoint: str | os.PathLike) -> pathlib.Path:
  """Folder of a release.

  Args:
    checkpoint: a folder; 'demo', the release that is shipped with the package; or 'hf:owner/name' and
      'hf:owner/name@revision', which are downloaded (see `releases.hub`).

  Raises:
    CheckpointError: no such release.
    InputError: a release of the Hub without the extra `hub`.
  """
  if str(checkpoint).startswith(hub.PREFIX):
    return hub.cached_folder(str(checkpoint))
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


def is_release(place: str | os.PathLike) -> bool:
  """Whether `resolve` would take a place for a release, and not for a training run or nothing."""
  named = str(place) == 'demo' or str(place).startswith(hub.PREFIX)
  return named or (pathlib.Path(place) / RELEASE_FILE).is_file()


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
  checkpoint: str | os.PathLike, only: str | Iterable[str] | None = None, *, unfinished: bool = False
) -> Networks:
  """Reads the networks of a release and checks the checksums and shapes of their weights.

  Args:
    checkpoint: a folder with seetalk.json, 'demo', or 'hf:owner/name'.
    only: name or names of the networks to read; None: all.
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
  only = (only,) if isinstance(only, str) else only
  names = list(info['networks'] if only is None else only)
  modules, params, collections = {}, {}, {}
  for name in names:
    if name not in info['networks']:
      raise absent(name, directory)
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


def shapes(checkpoint: str | os.PathLike, name: str) -> dict[str, tuple[int, ...]]:
  """Path -> shape of the arrays of a network of a release; reads the header of its file only.

  Raises:
    CheckpointError: no such release or network, or a file is missing or damaged.
  """
  import safetensors

  directory, info = read_info(checkpoint)
  if name not in info['networks']:
    raise absent(name, directory)
  path = _file_in(directory, info['networks'][name]['file'])
  try:
    with safetensors.safe_open(path, 'numpy') as arrays:
      return {key: tuple(arrays.get_slice(key).get_shape()) for key in arrays.keys()}
  except safetensors.SafetensorError as error:
    raise CheckpointError(f'damaged weights ({error}), {path}: copy the whole release again') from None


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
  networks: Networks | Mapping[str, tuple[Any, PyTree] | tuple[Any, PyTree, Mapping[str, PyTree]]],
  statistics: Mapping[str, float | np.ndarray] | None = None,
  provenance: Mapping[str, Any] | None = None,
  dtype: str = 'float32',
  sampling: Mapping[str, float] | None = None,
) -> pathlib.Path:
  """Writes a release atomically, one array at a time.

  Names and shapes are checked before anything is written; values are checked as they are written.

  Args:
    directory: the folder to write; an existing release is replaced, a folder with other files is not.
    networks: loaded `Networks`, whose statistics, provenance and sampling options are the defaults of the other
      arguments; or network name -> (module, params) or (module, params, collections). Names and classes are those of
      `models.NETWORKS`. Trees are nested dicts of arrays or of `LazyArray`, boxed or not; at most one lazy array is
      in memory at a time.
    statistics: name -> number or array, stored as float32.
    provenance: metadata of the training, such as `info['provenance']` of the loaded release that the networks come
      from. The entries of `provenance['networks'][NAME]` are stored with that network: `licence` and `origin`
      ('unknown' if not stated, see `releases.provenance`), and `fresh`, path prefixes of parameters that are absent
      because they are not trained yet. Everything else is stored unchanged.
    dtype: 'float32', or 'float16' for half of the size and rounded parameters (the shipped weights, and the default of
      `seetalk export`); collections are stored as float32.
    sampling: default options of the pipeline, named as in `inference.sampling_options.SamplingOptions`.

  Returns:
    The folder.

  Raises:
    CheckpointError: the folder exists and is not a release, or a network has an unknown name or another class.
    ValueError: parameters do not match their module, are not finite, or overflow `dtype`.
  """
  if dtype not in _DTYPES:
    raise ValueError(f'dtype must be one of {_DTYPES}, got {dtype!r}')
  directory = pathlib.Path(directory)
  if directory.exists() and not directory.is_dir():
    raise CheckpointError(f'the folder is a file, {directory}: give another folder')
  if directory.is_dir() and any(directory.iterdir()) and not (directory / RELEASE_FILE).is_file():
    raise CheckpointError(f'the folder holds other things, {directory}: give a new or empty folder')
  others = {}
  if isinstance(networks, Networks):
    others = {
      name: network_spec.build(name, entry, str(networks.directory))
      for name, entry in networks.info['networks'].items()
    }
    statistics = networks.statistics if statistics is None else statistics
    sampling = networks.info.get('sampling', {}) if sampling is None else sampling
    provenance = _merged_provenance(networks.info.get('provenance', {}), provenance or {})
    networks = {
      name: (module, networks.params[name], networks.collections.get(name, {}))
      for name, module in networks.modules.items()
    }
  kept = dict(provenance or {})
  notes = dict(kept.pop('networks', {}))
  for name, network in networks.items():
    _check_network(name, network)
  others |= {name: network[0] for name, network in networks.items()}
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


def _check_network(name: str, network: Any) -> None:
  """Checks that a release can describe a network, so that it can be loaded again."""
  if name not in registry.NETWORKS:
    raise CheckpointError(
      f'no network is called {name!r}, argument networks: use one of {", ".join(registry.NETWORKS)}, and keep other '
      'modules in files of your own'
    )
  if not isinstance(network, tuple) or len(network) not in (2, 3):
    raise CheckpointError(
      f'{name} is a {type(network).__name__}, argument networks: give (module, params) or (module, params, collections)'
    )
  if type(network[0]) is not (expected := registry.class_of(name)):
    raise CheckpointError(
      f'{name} is a {type(network[0]).__name__}, argument networks: a release stores a {expected.__name__} under this '
      'name, keep other modules in files of your own'
    )


def _merged_provenance(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
  """Provenance with new entries; the notes of a network are merged one by one."""
  notes = {name: dict(entry) for name, entry in old.get('networks', {}).items()}
  for name, entry in new.get('networks', {}).items():
    notes[name] = {**notes.get(name, {}), **entry}
  return {**old, **new, 'networks': notes}


def _plan_network(
  name, module, params, collections=None, *, dtype, notes, others
) -> tuple[dict[str, Any], dict[str, LazyArray]]:
  """Entry of a network in seetalk.json, with an empty sha256, and the arrays of its file."""
  from flax import core, traverse_util  # as in load_networks

  params, collections = core.unfreeze(core.meta.unbox((params, collections or {})))
  params = traverse_util.flatten_dict(params, sep='/')
  arrays = {key: _narrowed(value, dtype, f'{name}/{key}') for key, value in params.items()}
  for collection, tree in collections.items():
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
  return motion_window.with_window(statistics, info.get('provenance', {}).get('stages', {}))


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
