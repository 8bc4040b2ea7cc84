"""Training of all stages in order, one process each: corpora, initial weights, the stages, and the release."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flax import traverse_util

from seetalk_jax import files
from seetalk_jax.constants import CONFIG_FILE, RESULT_FILE
from seetalk_jax.data import sources
from seetalk_jax.errors import ConfigError
from seetalk_jax.releases import storage
from seetalk_jax.stages import base
from seetalk_jax.training import config_files, corpora_check, start_check
from seetalk_jax.training.signals import handled


def run(config, workdir: str | os.PathLike, train_script: pathlib.Path) -> int:
  """Trains `config.stages` into WORKDIR/STAGE and exports the result to WORKDIR/release.

  A second run skips finished stages and resumes an interrupted one. To train a stage again, remove its
  directory and the directories of later stages that start from it.

  Args:
    config: configuration of configs/all.py.
    train_script: path of train.py; configs/ is in the same directory.

  Returns:
    Exit status: 0, or the status of the stage that failed or was interrupted.
  """
  workdir = pathlib.Path(workdir)
  files.make_folder(workdir)
  with _Children().forwarding_signals() as children:
    check_start(config)
    if isinstance(config.corpora, tuple):
      corpora_check.check(config.data_root, {stage: stage_config(config, stage) for stage in config.stages})
    elif status := _render(config, children):
      return status
    base_release = _base_release(config)
    for stage in config.stages:
      if (workdir / stage / RESULT_FILE).exists():
        continue
      command = stage_command(config, stage, workdir, train_script)
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
  sources = _networks_of_releases(config.start)
  stages = {stage: stage_config(config, stage) for stage in config.overrides}
  variants = start_check.VARIANTS[isinstance(config.corpora, tuple)]
  others = {size: variant for size, variant in variants.items() if size != config.variant}
  start_check.check(sources, stages, config.stages, others)


def stage_command(config, stage: str, workdir: pathlib.Path, train_script: pathlib.Path) -> list[str]:
  """Command line that trains one stage.

  Each network that the stage uses comes from the latest earlier stage that trains it, or else from the first release
  of `config.start` that holds it.

  Raises:
    ConfigError: neither an earlier stage of `config.stages` nor a release has a network that this stage needs.
    CheckpointError: a release cannot be read.
  """
  config_file = train_script.parent / 'configs' / f'{stage}.py'
  own = stage_config(config, stage)
  used, sources = base.uses(own), _networks_of_releases(config.start)
  for earlier in list(config.stages)[: list(config.stages).index(stage)]:
    directory = workdir / earlier
    if (directory / RESULT_FILE).exists():
      written = json.loads((directory / CONFIG_FILE).read_text())
      # The stage face_prior trains no network; its entry in config.init provides statistics.
      sources |= {name: directory for name in [*written['networks'], earlier]}
  command = [
    sys.executable,
    str(train_script),
    f'--config={config_file}:{config.variant}',
    f'--workdir={workdir / stage}',
    f'--config.data_root={config.data_root}',
    f'--config.seed={config.seed}',
  ]
  for name, where in own.init.items():
    if name not in used.names or where:
      continue
    if name in sources:
      command.append(f'--config.init.{name}={sources[name]}')
    elif name in used.frozen:
      raise ConfigError(
        f'stage {stage} needs {name}, which no earlier one of config.stages={config.stages} gives, and no '
        f'release of config.start={config.start}'
      )
  if stage in config.max_minutes:
    command.append(f'--config.max_minutes={config.max_minutes[stage]}')
  changes = _changes(config_files.load(config_file, config.variant).to_dict(), own.to_dict())
  return command + [f'--config.{field}={value}' for field, value in changes.items()]


def stage_config(config, stage: str):
  """Configuration of a stage, with the recordings that all stages share where it names none of its own."""
  own = config.overrides[stage]
  if not isinstance(config.corpora, tuple):
    return own
  own = own.copy_and_resolve_references()
  if not own.data.corpora:
    own.data.corpora, own.data.weights = config.corpora, config.weights
  if own.data.min_side < 0:
    own.data.min_side = config.min_side
  return own


def _networks_of_releases(releases: Iterable[str]) -> dict[str, str]:
  """Network -> the first of the releases that holds it.

  The lip refiner is left out: its subspace is that of the motion codec it was trained with, and the codec of the run
  is another one.
  """
  found: dict[str, str] = {}
  for release in releases:
    networks = storage.read_info(release)[1]['networks']
    for name in (
      *networks,
      *(['face_prior'] if 'portrait_unet' in networks else []),
    ):  # statistics of the UNet
      found.setdefault(name, release)
  found.pop('lip_refiner', None)
  return found


def _base_release(config) -> str:
  """The release of `config.start` with networks that no stage of `config.stages` trains; '' if there are none.

  Raises:
    ConfigError: several releases have such networks.
  """
  trained = {name for stage in config.stages for name in base.uses(stage_config(config, stage)).trained}
  trained |= {*config.stages, 'face_prior'}
  needed = _networks_of_releases(config.start)
  kept = sorted({where for name, where in needed.items() if name not in trained})
  if len(kept) > 1:
    raise ConfigError(
      f'no stage of config.stages={config.stages} trains some networks of {" and ".join(kept)}, and a release is made '
      'of one of them: leave one out of config.start, or add the stages that train its networks'
    )
  return kept[0] if kept else ''


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
  rows = [f'{"stage":18}{"steps":>8}{"minutes":>9}{"loss":>10}']
  for stage in config.stages:
    result = json.loads((workdir / stage / RESULT_FILE).read_text())
    loss = result['metrics'].get('loss')
    rows.append(
      f'{stage:18}{result["step"]:8}{result["minutes"]:9.1f}' + (f'{loss:10.4f}' if loss is not None else '')
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
        *(['--size', str(config.size)] if config.size and kind != 'talks' else []),
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
