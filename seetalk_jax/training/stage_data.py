"""Data of a stage: batches for training and held-out evaluation, as the configuration defines them."""

from __future__ import annotations

import contextlib
import itertools
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from seetalk_jax.data import record_filter, views
from seetalk_jax.data.picture_augment import pictures_of
from seetalk_jax.data.sources import MissingRecordsError
from seetalk_jax.errors import ConfigError
from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import base
from seetalk_jax.training import hosts, speakers_check
from seetalk_jax.training.progress import print_message

# The iterators have `close()`, and `get_state()` if the run can resume; see `data.pipeline.make_batches`.
MakeBatches = Callable[..., Iterator[dict[str, np.ndarray]]]


class StageData:
  """Batches of the stage's view, restricted to the rows that devices of this process hold.

  Attributes:
    batch_size: size of the global batch.
    rows: rows of the global batch that this process holds, sorted; None if it holds all.
    directories: folders of the corpora.

  Raises:
    ConfigError: the batch size is not a multiple of data x fsdp x accumulate, camera effects are asked for in a
      stage without inputs of encoders, or color jitter in one without pictures.
  """

  def __init__(self, config, stage, make_batches, mesh):
    if make_batches is None:
      from seetalk_jax.data import pipeline

      make_batches = pipeline.make_batches
    self.batch_size = batch_size = config.data.batch_size
    pieces = mesh.shape['data'] * mesh.shape['fsdp'] * config.accumulate
    if batch_size % pieces:
      raise ConfigError(
        f'config.data.batch_size={batch_size} is no multiple of {pieces}, data x fsdp x accumulate: make it one'
      )
    self.rows = None
    if jax.process_count() > 1:
      self.rows = hosts.local_rows(device_mesh.batch_sharding(mesh), batch_size)
    if camera_effects(config) and not stage.encoder_inputs:
      raise ConfigError(
        f'config.data.camera_effects={camera_effects(config):g} changes pictures that encoders read, and stage '
        f'{stage.name} has none: set it to 0'
      )
    if picture_changes(config).get('color_jitter') and not pictures_of(views.find_view(stage.view).entries):
      raise ConfigError(
        f'config.data.color_jitter={config.data.color_jitter:g} changes pictures, and stage {stage.name} has none: set '
        'it to 0'
      )
    self._config, self._last_note = config, ''
    self.directories = [str(pathlib.Path(config.data_root) / name) for name in config.data.corpora]
    self._make = lambda **changes: make_batches(
      stage.view,
      self.directories,
      **{
        'batch_size': batch_size,
        'seed': data_seed(config),
        'rows': self.rows,  # None: all, also of batches of another size, as those of cached features
        'num_workers': config.data.num_workers,
        **record_limits(config),
        **stage.data_options(),
        **changes,
      },
    )

  def train(self, start_index: int, **changes):
    """Batches of the train split from batch `start_index` on.

    Raises:
      InputError: the stage compares speakers, and the records are of one.
    """
    data = self._config.data
    options = {'weights': tuple(data.weights)} if data.weights else {}
    if camera_effects(self._config):
      options['camera_effects'] = camera_effects(self._config)
    options |= picture_changes(self._config)
    batches = self._make(
      split='train', start_index=start_index, augment=data.augment, **{**options, **changes}
    )
    if hasattr(batches, 'records'):
      with contextlib.ExitStack() as on_error:
        on_error.callback(batches.close)
        speakers_check.check(self._config, batches.records, accepted_records(self._config))
        on_error.pop_all()
    note = getattr(batches, 'note', '')
    if note and note != self._last_note:
      print_message(note)
    self._last_note = note
    return batches

  def held_out(self, spec) -> list[dict[str, np.ndarray]]:
    """The first batches of the held-out split, rows of this process, with the entries of `spec`; kept in memory.

    [] if `config.eval_batches` is 0, or after a message if the corpora have no held-out records.
    """
    if not self._config.eval_batches:
      return []
    try:
      batches = self._make(split='validation', start_index=0, augment=False)
    except MissingRecordsError as error:
      if self._config.keep_best.metric:
        raise
      print_message(f'no held-out metrics and pictures: {error}')
      return []
    with contextlib.closing(batches):
      kept = list(itertools.islice(batches, self._config.eval_batches))
    return [{name: batch[name] for name in spec} for batch in kept]


class DeviceBatches:
  """Iterator of batches as arrays on a mesh; measures the time spent waiting for data.

  Args:
    batches: iterator of the rows of this process.
    names: entries that are put on the mesh; None: all.
    data: the stage's data.
    mesh: mesh of all devices.
  """

  def __init__(self, batches, names, data: StageData, mesh: Mesh):
    self._batches, self._names = batches, names
    self._data, self._mesh = data, mesh
    self._waited = 0.0

  @property
  def position(self) -> int:
    """Number of batches used so far, over all resumed runs."""
    return int(self._batches.get_state())

  def __iter__(self) -> DeviceBatches:
    return self

  def __next__(self) -> dict[str, jax.Array]:
    began = time.monotonic()
    batch = next(self._batches)
    self._waited += time.monotonic() - began
    names = batch if self._names is None else self._names
    own = {name: batch[name] for name in names}
    return device_mesh.put_batch(own, self._mesh, self._data.rows, self._data.batch_size)

  def seconds_waited(self) -> float:
    """Seconds spent waiting for data since the last call."""
    waited, self._waited = self._waited, 0.0
    return waited

  def close(self) -> None:
    """Stops the data workers, if any."""
    self._batches.close()


def view_of(config) -> tuple[type[views.View], dict[str, Any]]:
  """The view that the stage of a configuration reads, and its options of `make_batches`; no weights are read.

  Raises:
    ConfigError: unknown stage, network or option.
  """
  stage = base.build_stage(config, dict.fromkeys(base.uses(config).frozen))
  return views.find_view(stage.view), stage.data_options()


def camera_effects(config) -> float:
  """Strength of camera effects: `config.data.camera_effects`; 0 for runs of versions without it."""
  return float(config.data.get('camera_effects', 0.0))


def picture_changes(config) -> dict[str, float]:
  """`config.data.flips` and `color_jitter`, without those that are 0 or of runs of versions without them."""
  values = {name: float(config.data.get(name, 0.0)) for name in ('flips', 'color_jitter')}
  return {name: value for name, value in values.items() if value}


def record_limits(config) -> dict[str, float]:
  """Limits of records that the configuration sets, as arguments of `make_batches`: those that leave out any."""
  accepted = {'min_side': 0, 'max_outside': 1.0}
  limits = {name: config.data.get(name, everything) for name, everything in accepted.items()}
  return {name: limit for name, limit in limits.items() if limit != accepted[name]}


def accepted_records(config) -> record_filter.RecordFilter:
  """The filter of the records that the configuration asks for."""
  return record_filter.RecordFilter(**record_limits(config))


def data_seed(config) -> int:
  """Seed of data sampling and augmentation: `config.data.seed`, or `config.seed` if that is -1."""
  return config.seed if config.data.seed == -1 else config.data.seed
