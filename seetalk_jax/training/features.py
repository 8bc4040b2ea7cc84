"""Cached features: outputs of frozen networks, computed once and stored on disk.

On a small machine, frozen encoders take most of the time of a step. With `config.data.cached_samples = N`,
the first N samples of the data are encoded once (`Stage.features`), and training reads batches from the
result. Augmentation and window positions are fixed per cached sample, so N should be large.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax import files
from seetalk_jax.errors import ConfigError
from seetalk_jax.training.progress import announce_compilation, print_message
from seetalk_jax.training.stage_data import (
  StageData,
  camera_effects,
  data_seed,
  picture_changes,
  record_limits,
)

_ROWS_PER_PART = 1024
_ROWS_AT_ONCE = 32
_IN_SPEC = ('image_size', 'num_frames', 'conditions')  # options of the data that the spec of a batch shows


class CachedBatches:
  """Infinite iterator of batches of stored rows, reshuffled every epoch.

  Batch i is a function of (seed, i); the iterator state is i.
  """

  def __init__(self, columns: Mapping[str, np.ndarray], batch_size: int, seed: int, start_index: int = 0):
    self._columns, self._batch_size, self._seed = columns, batch_size, seed
    self._count = len(next(iter(columns.values())))
    self._index, self._order = start_index, (-1, np.empty(0, int))

  def __iter__(self):
    return self

  def __next__(self) -> dict[str, np.ndarray]:
    first = self._index * self._batch_size
    rows = [self._row(first + i) for i in range(self._batch_size)]
    self._index += 1
    return {name: _widened(column[rows]) for name, column in self._columns.items()}

  def get_state(self) -> int:
    """Number of batches returned so far."""
    return self._index

  def close(self) -> None:
    """Does nothing: rows are in memory."""

  def _row(self, index: int) -> int:
    epoch, at = divmod(index, self._count)
    if self._order[0] != epoch:
      self._order = epoch, np.random.default_rng((self._seed, epoch)).permutation(self._count)
    return self._order[1][at]


def cached_batches(config, stage, frozen, data: StageData, start_index: int) -> CachedBatches:
  """Batches of the stage's features; features that are not on disk yet are computed first.

  Features are stored in parts in `data_root/features`, in a folder named by the stage and a hash of
  everything they depend on. Parts are written atomically, and an interrupted computation continues after the
  last finished part. Floats are stored as float16 and returned as float32.

  Raises:
    ConfigError: the stage has no features, there are several processes, or there are too few samples.
  """
  count, batch_size = config.data.cached_samples, config.data.batch_size
  if jax.process_count() > 1:
    raise ConfigError('config.data.cached_samples is for a single process: set it to 0')
  if count < batch_size:
    raise ConfigError(f'config.data.cached_samples={count} is less than one batch of {batch_size}: raise it')
  directory = pathlib.Path(config.data_root) / 'features' / f'{stage.name}-{_key(config, stage, frozen)}'
  parts = [np.load(part) for part in _ensure_parts(directory, stage, frozen, data, count)]
  columns = {name: np.concatenate([part[name] for part in parts])[:count] for name in parts[0].files}
  return CachedBatches(columns, batch_size, config.seed, start_index)


def _ensure_parts(directory, stage, frozen, data, count) -> list[pathlib.Path]:
  starts = range(0, count, _ROWS_PER_PART)
  parts = [directory / f'rows-{start:07d}.npz' for start in starts]
  missing = [i for i, part in enumerate(parts) if not part.exists()]
  if not missing:
    return parts
  spec, compute = stage.batch_spec(_ROWS_AT_ONCE), jax.jit(stage.features)
  if jax.eval_shape(compute, frozen, spec) is None:
    raise ConfigError(f'stage {stage.name} has no frozen features: set config.data.cached_samples to 0')
  print_message(f'features of {stage.name}: {len(missing)} of {len(parts)} parts to compute, {directory}')
  announce_compilation('the frozen networks of these features')
  batches = data.train(start_index=starts[missing[0]] // _ROWS_AT_ONCE, batch_size=_ROWS_AT_ONCE)
  try:
    for i in range(missing[0], len(parts)):
      rows = []
      for _ in range(_ROWS_PER_PART // _ROWS_AT_ONCE):
        batch = next(batches)
        computed = jax.device_get(compute(frozen, {name: jnp.asarray(batch[name]) for name in spec}))
        rows.append({name: _narrowed(value) for name, value in computed.items()})
      with files.replacing(parts[i]) as part:
        np.savez(part, **{name: np.concatenate([row[name] for row in rows]) for name in rows[0]})
      print_message(f'features of {stage.name}: part {i + 1} of {len(parts)}')
  finally:
    batches.close()
  return parts


def _key(config, stage, frozen) -> str:
  """Hash of everything that features depend on: frozen networks, their fields, the data and its options."""
  digest = hashlib.sha256()
  for leaf in jax.tree.leaves((frozen.params, frozen.collections)):
    digest.update(np.ascontiguousarray(leaf).tobytes())
  root = pathlib.Path(config.data_root)
  data_files = sorted(p for name in config.data.corpora for p in (root / name).rglob('*') if p.is_file())
  described: dict[str, Any] = {
    'frozen': {name: repr(module) for name, module in stage.frozen.items()},
    'view': stage.view,
    'spec': {name: str(value) for name, value in stage.batch_spec(_ROWS_AT_ONCE).items()},
    # Other options change the spec.
    'data_options': {
      name: str(value) for name, value in stage.data_options().items() if name not in _IN_SPEC
    },
    'data': [list(config.data.corpora), bool(config.data.augment), data_seed(config)],
    'files': [(os.path.relpath(path, root), path.stat().st_size) for path in data_files],
  }
  if camera_effects(config):
    described['camera_effects'] = camera_effects(config)
  described |= picture_changes(config) | record_limits(config)
  digest.update(json.dumps(described, sort_keys=True).encode())
  return digest.hexdigest()[:16]


def _narrowed(value: np.ndarray) -> np.ndarray:
  return value.astype(np.float16) if value.dtype == np.float32 else value


def _widened(value: np.ndarray) -> np.ndarray:
  return value.astype(np.float32) if value.dtype == np.float16 else value
