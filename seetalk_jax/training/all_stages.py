"""All stages in order, a process each: renders corpora, trains, wires stages to earlier ones, exports."""

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

from seetalk_jax.constants import CONFIG_FILE, RESULT_FILE
from seetalk_jax.data import sources
from seetalk_jax.errors import ConfigError
from seetalk_jax.stages import base
from seetalk_jax.training import config_files
from seetalk_jax.training.signals import handled


def run(config, workdir: str | os.PathLike, train_script: pathlib.Path) -> int:
  """Trains `config.stages` into WORKDIR/STAGE and releases the result as WORKDIR/release.

  Run again, it goes on: finished stages are skipped, a broken one resumes. To train a stage again, remove its
  directory (and those of the stages after it that start from it).

  Args:
    config: configs/all.py.
    train_script: train.py, with configs/ beside it.

  Returns:
    Exit status: 0, or that of the stage that failed or was interrupted.
  """
  workdir = pathlib.Path(workdir)
  workdir.mkdir(parents=True, exist_ok=True)
  with _Children().forwarding_signals() as children:
    if status := _render(config, children):
      return status
    for stage in config.stages:
      if (workdir / stage / RESULT_FILE).exists():
        continue
      command = stage_command(config, stage, workdir, train_script)
      print(f'--- {stage}: {" ".join(command[1:])}', file=sys.stderr, flush=True)
      if status := children.call(command):
        return status
    if config.release:
      export = ['-m', 'seetalk_jax', 'export', str(workdir), str(workdir / 'release'), '--overwrite']
      export += ['--sampling', *config.sampling] if config.sampling else []
      if status := children.call([sys.executable, *export]):
        return status
  print(summary(config, workdir))
  return 0


def stage_command(config, stage: str, workdir: pathlib.Path, train_script: pathlib.Path) -> list[str]:
  """The command that trains one stage: what it uses of networks comes from the latest earlier stages that train them.

  Raises:
    ConfigError: `config.stages` has no earlier stage for something that this one needs.
  """
  config_file = train_script.parent / 'configs' / f'{stage}.py'
  stage_config = config.overrides[stage]
  used, places = base.uses(stage_config), {}
  for earlier in list(config.stages)[: list(config.stages).index(stage)]:
    directory = workdir / earlier
    if (directory / RESULT_FILE).exists():
      written = json.loads((directory / CONFIG_FILE).read_text())
      # A stage named like an entry of config.init gives its statistics (face_prior).
      places |= {name: directory for name in [*written['networks'], earlier]}
  command = [
    sys.executable,
    str(train_script),
    f'--config={config_file}:{config.variant}',
    f'--workdir={workdir / stage}',
    f'--config.data_root={config.data_root}',
    f'--config.seed={config.seed}',
  ]
  for name, where in stage_config.init.items():
    if name not in used.names or where:
      continue
    if name in places:
      command.append(f'--config.init.{name}={places[name]}')
    elif name in used.frozen:
      raise ConfigError(
        f'stage {stage} needs {name}, which no earlier one of config.stages={config.stages} gives'
      )
  if stage in config.max_minutes:
    command.append(f'--config.max_minutes={config.max_minutes[stage]}')
  changes = _changes(config_files.load(config_file, config.variant).to_dict(), stage_config.to_dict())
  return command + [f'--config.{field}={value}' for field, value in changes.items()]


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
  """Field -> value, as text for a flag, of what differs between two configurations with the same fields."""
  flat = [traverse_util.flatten_dict(dict(tree), sep='.', keep_empty_nodes=True) for tree in (before, after)]
  return {
    field: str(value).lower() if isinstance(value, bool) else str(value)
    for field, value in flat[1].items()
    if value != flat[0][field]
  }


def summary(config, workdir: pathlib.Path) -> str:
  """A table of the finished stages."""
  rows = [f'{"stage":18}{"steps":>8}{"minutes":>9}{"loss":>10}']
  for stage in config.stages:
    result = json.loads((workdir / stage / RESULT_FILE).read_text())
    loss = result['metrics'].get('loss')
    rows.append(
      f'{stage:18}{result["step"]:8}{result["minutes"]:9.1f}' + (f'{loss:10.4f}' if loss is not None else '')
    )
  return '\n'.join(rows)


def _render(config, children: _Children) -> int:
  """Renders what is missing of the corpora; parts that were made with another number of records stay."""
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
  """Runs processes one after the other; a signal to this one is passed on, so that the stage can save."""

  def __init__(self):
    self._process: subprocess.Popen | None = None
    self._caught: int | None = None

  @contextlib.contextmanager
  def forwarding_signals(self) -> Iterator[_Children]:
    """Passes SIGTERM on to the running process; Ctrl-C reaches it by itself."""
    with handled((signal.SIGINT, signal.SIGTERM), self._catch):
      yield self

  def _catch(self, number: int) -> None:
    self._caught = number
    if self._process is not None and number == signal.SIGTERM:
      self._process.send_signal(number)

  def call(self, command: list[str]) -> int:
    """Exit status of the command, or 128 + signal."""
    root = pathlib.Path(__file__).resolve().parents[2]
    paths = [str(root), *filter(None, [os.environ.get('PYTHONPATH')])]
    self._process = subprocess.Popen(command, env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths)})
    status = self._process.wait()
    self._process = None
    if self._caught is not None:
      return 128 + self._caught
    return status if status >= 0 else 128 - status
