"""The batches of a stage, from its configuration."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Callable, Iterator

import jax
import numpy as np

from seetalk_jax.errors import ConfigError
from seetalk_jax.sharding import device_mesh
from seetalk_jax.training import hosts

MakeBatches = Callable[..., Iterator[dict[str, np.ndarray]]]


class StageData:
  """Batches of the stage's view: the rows that devices of this process hold.

  Attributes:
    batch_size: of the global batch.
    rows: of it, in order; None where this process holds all.
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
    rows = hosts.local_rows(device_mesh.batch_sharding(mesh), batch_size)
    self.rows = None if jax.process_count() == 1 else rows
    self._config = config
    directories = [str(pathlib.Path(config.data_root) / name) for name in config.data.corpora]
    self._make = lambda **changes: make_batches(
      stage.view,
      directories,
      **{
        'batch_size': batch_size,
        'seed': data_seed(config),
        'rows': rows,
        'num_workers': config.data.num_workers,
        **({'image_size': stage.image_size} if hasattr(stage, 'image_size') else {}),
        **stage.data_options(),
        **changes,
      },
    )

  def train(self, start_index: int, **changes):
    data = self._config.data
    mixed = {'weights': tuple(data.weights)} if data.weights else {}
    return self._make(split='train', start_index=start_index, augment=data.augment, **{**mixed, **changes})

  def held_out(self, spec) -> list[dict[str, np.ndarray]]:
    """The first batches of the held-out split, whole, kept in memory."""
    if not self._config.eval_batches:
      return []
    batches = self._make(split='validation', start_index=0, augment=False, rows=range(self.batch_size))
    kept = list(itertools.islice(batches, self._config.eval_batches))
    close(batches)
    return [{name: batch[name] for name in spec} for batch in kept]


def data_seed(config) -> int:
  """Which samples are drawn, and how: `config.data.seed`, or that of the run where it is -1."""
  return config.seed if config.data.seed == -1 else config.data.seed


def close(batches) -> None:
  """Ends an iterator's workers, where it has any."""
  if hasattr(batches, 'close'):
    batches.close()
