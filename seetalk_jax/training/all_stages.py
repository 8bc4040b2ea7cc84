"""Training of all stages in order, one process each: corpora, initial weights, the stages, and the release."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from flax import traverse_util

from seetalk_jax import files
from seetalk_jax.constants import CONFIG_FILE, RESULT_FILE
from seetalk_jax.data import sources
from seetalk_jax.stages import base
from seetalk_jax.training import config_files, corpora_check, networks_check, start_check
from seetalk_jax.training.signals import handled


def run(config, workdir: str | os.PathLike) -> int:
  """Trains `config.stages` into WORKDIR/STAGE and exports the result to WORKDIR/release.

  A second run skips finished stages and resumes an interrupted one. To train a stage again, remove its
  directory and the directories of later stages that start from it.

  A stage of `config.first_phases` is trained in several phases: with the changes that this field gives into
  WORKDIR/STAGE_1, WORKDIR/STAGE_2 and so on, at lower resolution for example, and at last as configured. Each phase
  starts from the weights of the one before.

  Args:
    config: configuration of configs/all.py.

  Returns:
    Exit status: 0, or the status of the stage that failed or was interrupted.
  """
  workdir = pathlib.Path(workdir)
  files.make_folder(workdir)
  with _Children().forwarding_signals() as children:
    networks_check.check_stages(config.stages)
    stages = stage_configs(config)
    networks_check.check(stages, config.stages, config.start)
    networks_check.check_windows(stages, config.stages)
    check_start(config)
    base_release = networks_check.base_release(stages, config.stages, config.start)
    if isinstance(config.corpora, tuple):
      config = with_readable_corpora(config)
      corpora_check.check(config.data_root, {name: stage_config(config, name) for name in config.stages})
    elif status := _render(config, children):
      return status
    for stage, phase in phases(config):
      if (_directory(workdir, stage, phase) / RESULT_FILE).exists():
        continue
      command = stage_command(config, stage, workdir, phase)
      print(f'--- {stage}: {" ".join(command[1:])}', file=sys.stderr, flush=True)
      if status := children.call(command):
        return status
    if config.release:
      export = ['-m', 'seetalk_jax', 'export', str(workdir), str(workdir / 'release'), '--overwrite']
      export += ['--base', base_release] if base_release else []
      export += ['--sampling', *config.sampling] if config.sampling else []
      if status := children.call([sys.executable, *export]):
        return status
  print(summary(config, workdir))
  return 0


def check_start(config) -> None:
  """Checks that the releases of `config.start` fit the configuration; see `start_check.check`."""
  variants = start_check.VARIANTS[isinstance(config.corpora, tuple)]
  others = {size: variant for size, variant in variants.items() if size != config.variant}
  own = stage_configs(config)
  sources = networks_check.of_releases(config.start)
  stages = {stage: networks_check.with_places(own[stage], sources) for stage in own}
  start_check.check(sources, stages, config.stages, others)


def phases(config) -> list[tuple[str, int]]:
  """The stages in order of training as (stage, number of its phase): 1, 2, ... of `config.first_phases`, and 0."""
  count = {stage: len(config.first_phases.get(stage, ())) for stage in config.stages}
  return [(stage, phase) for stage in config.stages for phase in (*range(1, count[stage] + 1), 0)]


def _directory(workdir: pathlib.Path, stage: str, phase: int) -> pathlib.Path:
  return workdir / (f'{stage}_{phase}' if phase else stage)


def stage_command(config, stage: str, workdir: pathlib.Path, phase: int = 0) -> list[str]:
  """Command line that trains one stage, or a phase of it (see `phases`).

  Each network that the stage uses comes from the latest earlier phase or stage that trains it, or else from the first
  release of `config.start` that holds it.

  Raises:
    ConfigError: neither an earlier stage of `config.stages` nor a release has a network that this stage needs.
    CheckpointError: a release cannot be read.
  """
  own = stage_config(config, stage, phase)
  places = networks_check.of_releases(config.start)
  in_order = phases(config)
  for earlier in in_order[: in_order.index((stage, phase))]:
    directory = _directory(workdir, *earlier)
    if (directory / RESULT_FILE).exists():
      written = json.loads((directory / CONFIG_FILE).read_text())
      # The stage face_prior trains no network; its entry in config.init provides statistics.
      places |= {name: str(directory) for name in [*written['networks'], earlier[0]]}
  filled = networks_check.with_places(own, places)
  used = base.uses(filled)
  command = [
    *(sys.executable, '-m', 'seetalk_jax', 'train'),
    f'--config={stage}:{config.variant}',
    f'--workdir={_directory(workdir, stage, phase)}',
    f'--config.data_root={config.data_root}',
    f'--config.seed={config.seed}',
  ]
  for name, where in own.init.items():
    if name not in used.names or where:
      continue
    if filled.init[name]:
      command.append(f'--config.init.{name}={filled.init[name]}')
    elif name in used.frozen:
      raise networks_check.missing(stage, own, name, config.stages, config.start)
  if stage in config.max_minutes and not phase:  # that of a first phase is among its changes
    command.append(f'--config.max_minutes={config.max_minutes[stage]}')
  changes = _changes(config_files.load(stage, config.variant).to_dict(), own.to_dict())
  return command + [f'--config.{field}={value}' for field, value in changes.items()]


def stage_config(config, stage: str, phase: int = 0):
  """Configuration of a stage, with the recordings and weights that all stages share where it names none of its own.

  Args:
    phase: of `phases`; others than 0 have the changes of `config.first_phases`.
  """
  own = config.overrides[stage]
  if phase:
    own = own.copy_and_resolve_references()
    own.update(config.first_phases[stage][phase - 1])
  if not isinstance(config.corpora, tuple):
    return own
  own = own.copy_and_resolve_references()
  if not own.data.corpora:
    own.data.corpora, own.data.weights = config.corpora, own.data.weights or config.weights
  if own.data.min_side < 0:
    own.data.min_side = config.min_side
  return own


def with_readable_corpora(config):
  """A copy of the configuration in which shared corpora have weight 0 for stages that can read none of their records.

  These are corpora of other kinds, of small faces or of short clips. A message names them. A stage's own weights stay.
  """
  config = config.copy_and_resolve_references()
  for stage in config.stages:
    own = config.overrides[stage].data
    if not config.corpora or not config.weights or own.corpora or own.weights:
      continue
    weights = corpora_check.readable_weights(config.data_root, stage_config(config, stage))
    if weights != tuple(config.weights):
      own.weights = weights
      unread = [
        name for name, old, new in zip(config.corpora, config.weights, weights, strict=True) if old > new
      ]
      print(f'stage {stage} reads no record of {", ".join(unread)}: weight 0', file=sys.stderr, flush=True)
  return config


def stage_configs(config) -> dict[str, Any]:
  """Stage -> its configuration, of all stages, also those that the run leaves out."""
  return {stage: stage_config(config, stage) for stage in config.overrides}


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
  """Field -> value, as text for a flag, of what differs between two configurations with the same fields."""
  flat = [traverse_util.flatten_dict(dict(tree), sep='.', keep_empty_nodes=True) for tree in (before, after)]
  return {
    field: str(value).lower() if isinstance(value, bool) else str(value)
    for field, value in flat[1].items()
    if value != flat[0][field]
  }


def summary(config, workdir: pathlib.Path) -> str:
  """Text table of the finished stages: steps, minutes and final loss."""
  rows = [f'{"stage":20}{"steps":>8}{"minutes":>9}{"loss":>10}']
  for stage, phase in phases(config):
    directory = _directory(workdir, stage, phase)
    result = json.loads((directory / RESULT_FILE).read_text())
    loss = result['metrics'].get('loss')
    rows.append(
      f'{directory.name:20}{result["step"]:8}{result["minutes"]:9.1f}'
      + (f'{loss:10.4f}' if loss is not None else '')
    )
  return '\n'.join(rows)


def _render(config, children: _Children) -> int:
  """Renders missing parts of the corpora; existing parts with another number of records are kept.

  Returns:
    Exit status: 0, or the status of the command that failed.
  """
  root = pathlib.Path(config.data_root) / 'corpus'
  for kind, splits in config.corpora.items():
    directory = root / kind
    parts: dict[str, Any] = {}
    if (directory / sources.CORPUS_FILE).exists():
      parts = sources.read_manifest(directory)['parts']
    for split, num in splits.items():
      if parts.get(f'{kind}-{split}', {}).get('num', num) != num:
        continue
      command = [
        *(sys.executable, '-m', 'seetalk_jax', 'corpus', str(directory)),
        *('--kind', kind, '--split', split, '--num', str(num), '--seed', str(config.seed)),
        *('--processes', str(config.processes or os.cpu_count() or 1)),
        *(['--size', str(config.sizes[kind])] if config.sizes.get(kind) else []),
        *(['--frames', str(config.frames[kind])] if config.frames.get(kind) else []),
        *(['--sketch'] if config.sketch else []),
      ]
      if status := children.call(command):
        return status
  return 0


class _Children:
  """Runs child processes one after the other and forwards signals, so that a stage can save a checkpoint."""

  def __init__(self):
    self._process: subprocess.Popen | None = None
    self._caught: int | None = None

  @contextlib.contextmanager
  def forwarding_signals(self) -> Iterator[_Children]:
    """Forwards SIGTERM to the running process; the terminal sends Ctrl-C to it directly."""
    with handled((signal.SIGINT, signal.SIGTERM), self._catch):
      yield self

  def _catch(self, number: int) -> None:
    self._caught = number
    if self._process is not None and number == signal.SIGTERM:
      self._process.send_signal(number)

  def call(self, command: list[str]) -> int:
    """Runs a command; returns its exit status, or 128 + signal number."""
    root = pathlib.Path(__file__).resolve().parents[2]
    paths = [str(root), *filter(None, [os.environ.get('PYTHONPATH')])]
    self._process = subprocess.Popen(command, env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths)})
    status = self._process.wait()
    self._process = None
    if self._caught is not None:
      return 128 + self._caught
    return status if status >= 0 else 128 - status
