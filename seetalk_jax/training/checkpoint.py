"""Checkpoints, configuration and result files of training runs (Orbax)."""

from __future__ import annotations

import contextlib
import json
import logging
import pathlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from flax import linen as nn

from seetalk_jax import files
from seetalk_jax.constants import CHECKPOINTS_FOLDER, CONFIG_FILE, RESULT_FILE
from seetalk_jax.errors import CheckpointError, ConfigError, InputError, OutputError, chain
from seetalk_jax.releases import flat_statistics, network_spec
from seetalk_jax.training import hosts, run_sources
from seetalk_jax.training.state import TrainState

PyTree = Any

# Parts of a TrainState. Each is a separate Orbax item, so that a later stage reads only the parts it needs.
_ITEMS = ('params', 'ema_params', 'opt_state', 'collections', 'statistics', 'ema_collections')


# Parts of messages of Orbax and TensorStore for a full disk.
_SIGNS_OF_FULL_DISK = ('ENOSPC', 'EDQUOT', 'No space left', 'Disk quota exceeded')


class DamagedCheckpointError(CheckpointError):
  """A checkpoint cannot be read.

  Attributes:
    step: its step.
  """

  def __init__(self, message: str, step: int):
    super().__init__(message)
    self.step = step


class Checkpoints:
  """Checkpoints of one run in WORKDIR/checkpoints/STEP, saved in the background and atomically.

  A context manager: leaving it waits for the last save.

  Args:
    workdir: directory of the run.
    keep: number of latest checkpoints to keep.
    keep_every: also keep checkpoints at multiples of this step; 0 disables it.
    best_metric: also keep the best checkpoint by this held-out metric; '' disables it.
    best_mode: 'max' or 'min': which value of the metric is best.

  Raises:
    ConfigError: `best_mode` is invalid.
  """

  def __init__(
    self,
    workdir: str | pathlib.Path,
    keep: int = 2,
    keep_every: int = 0,
    best_metric: str = '',
    best_mode: str = 'max',
  ):
    self._directory = pathlib.Path(workdir).resolve() / CHECKPOINTS_FOLDER
    policies = [ocp.checkpoint_managers.LatestN(keep)]
    if keep_every:
      policies.append(ocp.checkpoint_managers.EveryNSteps(keep_every))
    if best_metric:
      policies.append(_best(best_metric, best_mode))
    options = ocp.CheckpointManagerOptions(
      preservation_policy=ocp.checkpoint_managers.AnyPreservationPolicy(policies),
    )
    self._removed_leftovers = False
    self._best = best_metric
    self._manager = ocp.CheckpointManager(self._directory, options=options, handler_registry=_handlers())

  def __enter__(self) -> Checkpoints:
    return self

  def __exit__(self, *_) -> None:
    with self._writing():
      self._manager.close()

  @property
  def latest(self) -> int | None:
    """Step of the newest complete checkpoint; None if there is none."""
    return self._manager.latest_step()

  @property
  def num_checkpoints(self) -> int:
    """Number of complete checkpoints."""
    return len(self._manager.all_steps())

  def save(
    self, step: int, state: TrainState, meta: Mapping[str, Any], metrics: Mapping[str, float] | None = None
  ) -> None:
    """Saves a checkpoint in the background; does nothing if the step has been saved already.

    Args:
      meta: JSON values (seconds trained, data position).
      metrics: held-out metrics of this step, used to find the best checkpoint.

    Raises:
      ConfigError: `best_metric` is not in `metrics`.
      OutputError: the disk is full.
    """
    if step in self._manager.all_steps():
      return
    self._remove_leftovers()
    items = {name: getattr(state, name) for name in _ITEMS}
    saves = {name: ocp.args.PyTreeSave(tree) for name, tree in items.items() if jax.tree.leaves(tree)}
    if metrics and self._best and self._best not in metrics:
      raise ConfigError(
        f'config.keep_best.metric={self._best!r} is unknown: use one of {", ".join(sorted(metrics))}'
      )
    args = ocp.args.Composite(meta=ocp.args.JsonSave(dict(meta)), **saves)
    self._check_space(sum(x.nbytes for x in jax.tree.leaves(items)))
    with self._writing():
      self._manager.save(step, args=args, force=True, metrics=dict(metrics) if metrics else None)

  def _check_space(self, num_bytes: int) -> None:
    """Refuses to begin a save that does not fit: one that fails midway prints thousands of lines."""
    usage = shutil.disk_usage(self._directory)
    if usage.total and usage.free < num_bytes:  # some network file systems report zeros
      raise OutputError(
        f'no space left, {self._directory}: a checkpoint needs {num_bytes / 1e6:.0f} MB and {usage.free / 1e6:.0f} MB '
        'are free; free some, then the same command goes on'
      )

  @contextlib.contextmanager
  def _writing(self) -> Iterator[None]:
    """Reports a disk that is full in the middle of a save in one line."""
    try:
      yield
    except Exception as error:
      if not any(sign in str(cause) for cause in chain(error) for sign in _SIGNS_OF_FULL_DISK):
        raise
      logging.getLogger('asyncio').setLevel(logging.CRITICAL)  # it repeats the error for every array
      raise OutputError(
        f'no space left, {self._directory}: free some, then the same command goes on'
      ) from error

  def _remove_leftovers(self) -> None:
    """Removes, before the first save, what killed saves have left.

    Orbax's own option does so in a thread that closing does not wait for: a run that ends at once prints its traceback.
    """
    if not self._removed_leftovers and jax.process_index() == 0:
      for leftover in self._directory.glob('*.orbax-checkpoint-tmp*'):
        shutil.rmtree(leftover, ignore_errors=True)
    self._removed_leftovers = True

  def wait(self) -> None:
    """Blocks until the background save is complete on disk.

    Raises:
      OutputError: the disk is full.
    """
    with self._writing():
      self._manager.wait_until_finished()

  def restore(self, abstract: TrainState) -> tuple[TrainState, dict[str, Any]]:
    """Restores (state, meta) from the latest checkpoint, onto the shardings of `abstract`.

    The mesh may differ from that of the saved run.

    Raises:
      CheckpointError: there is no checkpoint, or an array's path or shape differs (names the first, with both
        shapes).
      DamagedCheckpointError: the checkpoint cannot be read.
    """
    step = self._step(None)
    for name in ('params', 'collections', 'statistics'):
      self._check(step, name, getattr(abstract, name))
    saved = self._saved_names(step)
    restores = {}
    for name in _ITEMS:
      tree = getattr(abstract, name)
      if name == 'statistics' and name in saved and flat_statistics.is_flat(self._metadata(step, name)):
        tree = flat_statistics.flatten(tree)
      if name in saved and jax.tree.leaves(tree):
        args = ocp.checkpoint_utils.construct_restore_args(tree)
        restores[name] = ocp.args.PyTreeRestore(item=tree, restore_args=args)
    with self._reading(step):
      restored = self._manager.restore(step, args=ocp.args.Composite(meta=ocp.args.JsonRestore(), **restores))
    parts = {
      name: _with_owners(name, restored[name]) if name in restores else getattr(abstract, name)
      for name in _ITEMS
    }
    if 'ema_collections' not in restores:  # of a run of version 0.1.0: the averages begin now
      now = {name: parts['collections'][name] for name in abstract.ema_collections}
      parts['ema_collections'] = jax.tree.map(jnp.copy, now)  # a step donates both
    count = jax.device_put(np.int32(step), abstract.step.sharding)
    return TrainState(step=count, **parts), restored['meta']

  def read(self, names: tuple[str, ...], step: int | None = None) -> dict[str, PyTree]:
    """Reads parts of the state as trees of NumPy arrays; {} for an empty part. No abstract state is needed.

    Args:
      names: parts to read, fields of TrainState.
      step: step of the checkpoint; None: the latest.

    Raises:
      CheckpointError: there is no checkpoint.
      DamagedCheckpointError: the checkpoint cannot be read.
    """
    step = self._step(step)
    saved = self._saved_names(step)
    restores = {}
    for name in names:
      if name in saved:
        tree = self._metadata(step, name)
        args = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), tree)
        restores[name] = ocp.args.PyTreeRestore(item=tree, restore_args=args)
    with self._reading(step):
      restored = self._manager.restore(step, args=ocp.args.Composite(**restores)) if restores else {}
    return {name: _with_owners(name, restored[name]) if name in restores else {} for name in names}

  def shapes(self, name: str) -> PyTree:
    """One part of the state in the latest checkpoint as a tree of ShapeDtypeStructs; {} for an empty part."""
    step = self._step(None)
    if name not in self._saved_names(step):
      return {}
    tree = _with_owners(name, self._metadata(step, name))
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), tree)

  def _step(self, step: int | None) -> int:
    step = self.latest if step is None else step
    if step is None:
      raise CheckpointError(f'no checkpoint in {self._directory.parent}: train that stage first')
    return step

  def _saved_names(self, step: int) -> set[str]:
    with self._reading(step):
      saved = {path.name for path in (self._directory / str(step)).iterdir() if path.is_dir()}
      if 'meta' not in saved:  # every checkpoint has it
        raise FileNotFoundError('it has no data position')
    return saved

  def _metadata(self, step: int, name: str) -> PyTree:
    with self._reading(step):
      metadata = self._manager.item_metadata(step)[name]
      tree = getattr(metadata, 'tree', metadata)
      if tree is None:
        raise FileNotFoundError(f'{name} has no metadata')
    return tree

  @contextlib.contextmanager
  def _reading(self, step: int) -> Iterator[None]:
    """Turns what Orbax raises for missing and cut files, of many types, into one error."""
    try:
      yield
    except (InputError, MemoryError):
      raise
    except Exception as error:
      if hosts.lost_another(error):
        raise
      first = next(iter(str(error).strip().splitlines()), '')[:160]
      raise DamagedCheckpointError(
        f'checkpoint {step} cannot be read, {self._directory / str(step)} ({type(error).__name__}: {first}): move that '
        'folder away to go on from the checkpoint before it',
        step,
      ) from error

  def set_aside(self, step: int) -> pathlib.Path:
    """Moves a damaged checkpoint to WORKDIR/damaged, so that the one before it is the latest; returns the new path."""
    target = self._directory.parent / 'damaged' / str(step)
    while target.exists():
      target = target.with_name(target.name + '-again')
    target.parent.mkdir(exist_ok=True)
    (self._directory / str(step)).rename(target)
    self._manager.reload()
    return target

  def _check(self, step: int, name: str, abstract: PyTree) -> None:
    saved = _with_owners(name, self._metadata(step, name)) if name in self._saved_names(step) else {}
    network_spec.compare_shapes(
      network_spec.shapes_in({name: saved}),
      network_spec.shapes_in({name: abstract}),
      where=f'{self._directory.parent} at step {step}',
      expected='this configuration',
      advice='use the configuration it was trained with, or another --workdir',
    )


def _with_owners(name: str, tree: PyTree) -> PyTree:
  """One part of a checkpoint, with the statistics of a run of an earlier version by owner."""
  flat = name == 'statistics' and flat_statistics.is_flat(tree)
  return flat_statistics.by_owner(tree) if flat else tree


def _handlers() -> ocp.CheckpointHandlerRegistry:
  registry = ocp.DefaultCheckpointHandlerRegistry()
  for name in _ITEMS:
    handler = ocp.PyTreeCheckpointHandler()
    registry.add(name, ocp.args.PyTreeSave, handler)
    registry.add(name, ocp.args.PyTreeRestore, handler)
  handler = ocp.JsonCheckpointHandler()
  registry.add('meta', ocp.args.JsonSave, handler)
  registry.add('meta', ocp.args.JsonRestore, handler)
  return registry


def _best(metric: str, mode: str) -> ocp.checkpoint_managers.PreservationPolicy:
  if mode not in ('max', 'min'):
    raise ConfigError(f'config.keep_best.mode={mode!r} is unknown: use max or min')

  def value(metrics) -> float:
    return metrics[metric] if mode == 'max' else -metrics[metric]

  return ocp.checkpoint_managers.BestN(get_metric_fn=value, n=1, keep_checkpoints_without_metrics=False)


def check_same_shapes(name: str, have: PyTree, want: PyTree, where: str) -> None:
  """Checks that the parameters of a checkpoint have the shapes of the configured network.

  Args:
    name: network name.
    have: parameters read from `where`.
    want: parameters of the configured network.
    where: source of the parameters, for the message.

  Raises:
    CheckpointError: see `network_spec.compare_shapes`.
  """
  network_spec.compare_shapes(
    network_spec.shapes_in({name: have}),
    network_spec.shapes_in({name: want}),
    where=where,
    expected='this configuration',
    advice=f'use a checkpoint with this size of {name}',
  )


def write_config(
  workdir: str | pathlib.Path,
  config,
  networks: Mapping[str, nn.Module],
  adapted: Mapping[str, Mapping[str, Any]] | None = None,
  *,
  sources: Sequence[run_sources.Source],
) -> None:
  """Writes WORKDIR/config.json: configuration, sources, and class and fields of every trained network.

  Args:
    adapted: description of the networks with low-rank factors, from `adapted_stage.describe`.
    sources: what the run starts from, reads and trains on; merged with the record of a run that goes on.

  Raises:
    CheckpointError: the run started with other factors or another base.
  """
  path = pathlib.Path(workdir) / CONFIG_FILE
  begun = path.parent / CHECKPOINTS_FOLDER
  written = json.loads(path.read_text()) if path.exists() and any(begun.glob('*')) else None
  if written is not None:
    sources = run_sources.merged(run_sources.from_json(written), sources, networks)
  content = {
    'config': json.loads(config.to_json_best_effort()),
    'networks': {name: network_spec.describe(module) for name, module in networks.items()},
    'sources': run_sources.to_json(sources),
    **({'adapted': adapted} if adapted else {}),
  }
  if written is not None:
    before = written.get('adapted', {})
    for name in before.keys() | (adapted or {}).keys():
      was, now = before.get(name, {}), (adapted or {}).get(name, {})
      if any(was.get(key) != now.get(key) for key in ('scale', 'crc32')):
        raise CheckpointError(
          f'the factors of {name} in {path.parent} belong to {was or "no base"}, not to {now or "none"}: '
          f'start from the same weights with the same config.lora.{name}, or in another --workdir'
        )
  files.write_text(path, json.dumps(content, indent=2) + '\n')


def write_result(workdir: str | pathlib.Path, result: Mapping[str, Any]) -> None:
  """Writes WORKDIR/result.json, which marks the run as finished."""
  files.write_text(pathlib.Path(workdir) / RESULT_FILE, json.dumps(result, indent=2) + '\n')


def read_result(workdir: str | pathlib.Path) -> dict[str, Any] | None:
  """Content of WORKDIR/result.json; None if the run is not finished."""
  path = pathlib.Path(workdir) / RESULT_FILE
  return json.loads(path.read_text()) if path.exists() else None
