"""Release a training run: its EMA weights and statistics, as a folder that `generate` and training read."""

from __future__ import annotations

import argparse
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from seetalk_jax.errors import CheckpointError, InputError

HELP = 'training run to released checkpoint'
EXAMPLE = 'seetalk export runs/demo released/demo --inference'

# What a release says of a network besides how it is built.
_NOTES = ('licence', 'origin', 'stage', 'steps')
# Networks that only training needs.
TRAINING_ONLY = ('face_encoder', 'conre', 'sync_expert')


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk export`."""
  parser.add_argument(
    'workdir', metavar='WORKDIR', help='of one stage, or of configs/all.py (a folder per stage)'
  )
  parser.add_argument('directory', metavar='DIR', help='the folder to make')
  parser.add_argument('--dtype', choices=('float16', 'float32'), default='float16', help='default float16')
  parser.add_argument(
    '--inference', action='store_true', help=f'leave out what only training needs: {", ".join(TRAINING_ONLY)}'
  )
  parser.add_argument(
    '--base',
    metavar='RELEASE',
    help='a folder or name that the run was trained from: what the run did not train comes from there',
  )
  parser.add_argument('--licence', default=None, help='of the weights (default Apache-2.0)')
  parser.add_argument('--origin', default=None, help='what they were trained on, in a few words')
  parser.add_argument(
    '--sampling',
    nargs='+',
    default=(),
    metavar='NAME=VALUE',
    help='what generate does unless told otherwise, e.g. portrait_steps=10 motion_guidance=1.5',
  )
  parser.add_argument('--overwrite', action='store_true', help='replace an existing release')
  parser.add_argument('--json', action='store_true', help='one JSON object on stdout and nothing else')
  parser.add_argument('--quiet', action='store_true', help='no summary')


def run(args: argparse.Namespace) -> None:
  """Collects the newest result of every stage; of two that train one network, the later counts."""
  from seetalk_jax import released
  from seetalk_jax.commands import options

  target = pathlib.Path(args.directory)
  if (target / released.INDEX_FILE).exists() and not args.overwrite:
    raise InputError(f'the release exists, {target}: give another folder, or --overwrite')
  directories = stage_directories(pathlib.Path(args.workdir))

  sampling = _sampling(args.sampling)

  from seetalk_jax.stages import base as stages_lib
  from seetalk_jax.training import checkpoint

  results = [checkpoint.load_stage_result(directory) for directory in directories]
  order = list(stages_lib.STAGES)
  results.sort(key=lambda result: order.index(result.config['stage']))
  networks, statistics, notes, stages = {}, {}, {}, {}
  if args.base:
    given = released.load_networks(args.base)
    networks = {
      name: (m, given.params[name], given.collections.get(name, {})) for name, m in given.modules.items()
    }
    statistics, sampling = dict(given.statistics), {**given.info['sampling'], **sampling}
    notes = {
      name: {k: v for k, v in given.info['networks'][name].items() if k in _NOTES} for name in networks
    }
    stages = dict(given.info['provenance'].get('stages', {}))
  trained = []
  for result in results:
    stage = result.config['stage']
    modules = result.modules()
    for name, module in modules.items():
      if args.inference and name in TRAINING_ONLY:
        continue
      networks[name] = (module, result.params[name], result.collections.get(name, {}))
      notes[name] = {'stage': stage, 'steps': int(result.step)}
      notes[name] |= {
        key: value for key, value in (('licence', args.licence), ('origin', args.origin)) if value
      }
    statistics.update(result.statistics)
    trained.append(stage)
    stages[stage] = {'steps': int(result.step), 'config': _without_places(result.config)}
  if not networks and not statistics:
    raise CheckpointError(f'nothing to export, {args.workdir}: train a stage first')
  provenance = {'stages': stages, 'networks': notes}
  try:
    released.save_release(target, networks, statistics, provenance, dtype=args.dtype, sampling=sampling)
  except ValueError as error:
    raise CheckpointError(
      f'cannot release this run ({error}), {args.workdir}: see the training log'
    ) from None
  content = {'output': str(target), 'networks': sorted(networks), 'stages': trained, 'dtype': args.dtype}
  rest = f', the rest of {args.base}' if args.base else ''
  line = f'{target}: {", ".join(networks)} (from {", ".join(trained)}{rest}; {args.dtype})'
  options.report(args, json.loads(json.dumps(content)), line)


def _sampling(changes: Sequence[str]) -> dict[str, float]:
  from seetalk_jax.pipeline import SAMPLING

  chosen = {}
  for change in changes:
    name, _, value = change.partition('=')
    try:
      if name not in SAMPLING:
        raise ValueError
      chosen[name] = type(SAMPLING[name])(value)
    except ValueError:
      known = ', '.join(SAMPLING)
      raise InputError(f'not a sampling default, {change!r}: write NAME=NUMBER with one of {known}') from None
  return chosen


def _without_places(config: Mapping[str, Any]) -> dict[str, Any]:
  """A run's configuration without the folders of the machine that it ran on; of givens, their names stay."""
  kept = {key: value for key, value in config.items() if key != 'data_root'}
  kept['init'] = {name: pathlib.Path(place).name for name, place in config.get('init', {}).items()}
  return kept


def stage_directories(workdir: pathlib.Path) -> list[pathlib.Path]:
  """The folders of a run that hold one stage each: `workdir` itself, or those in it.

  Raises:
    CheckpointError: not a training run.
  """
  if not workdir.is_dir():
    raise CheckpointError(f'no such training run, {workdir}: give a --workdir of train.py')
  if (workdir / 'config.json').is_file() and (workdir / 'checkpoints').is_dir():
    return [workdir]
  found = sorted(
    path
    for path in workdir.iterdir()
    if (path / 'config.json').is_file() and any((path / 'checkpoints').glob('*'))  # begun, at least
  )
  if not found:
    raise CheckpointError(f'no trained stage, {workdir}: give a --workdir of train.py')
  return found
