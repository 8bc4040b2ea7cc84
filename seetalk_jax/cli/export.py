"""Release a training run: its EMA weights and statistics, as a folder that `generate` and training read."""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Sequence

from seetalk_jax.cli import options
from seetalk_jax.constants import RELEASE_FILE
from seetalk_jax.errors import CheckpointError, InputError
from seetalk_jax.models.registry import TRAINING_ONLY

HELP = 'training run to released checkpoint'
EXAMPLE = 'seetalk export runs/demo released/demo --inference'


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk export`."""
  parser.add_argument(
    'workdir',
    metavar='WORKDIR',
    help='folder of a run of one stage, or of configs/all.py (a folder per stage)',
  )
  parser.add_argument('directory', metavar='DIR', help='folder of the release to make')
  parser.add_argument(
    '--dtype',
    choices=('float16', 'float32'),
    default='float16',
    help='number type of the stored parameters (default float16)',
  )
  parser.add_argument(
    '--inference',
    action='store_true',
    help=f'leave out what only training and measures need: {", ".join(TRAINING_ONLY)}',
  )
  parser.add_argument(
    '--base',
    metavar='RELEASE',
    help='release that the run was trained from; what the run did not train is copied from it (default: none)',
  )
  parser.add_argument(
    '--licence',
    default=None,
    help='licence of the weights that the run trained (default: that of the weights it started from; Apache-2.0 for '
    'training on synthetic corpora alone; otherwise unknown)',
  )
  parser.add_argument(
    '--origin',
    default=None,
    help='what they were trained on, in a few words (default: as the run has recorded it); the origin of initial '
    'weights is kept',
  )
  parser.add_argument(
    '--sampling',
    nargs='+',
    default=(),
    metavar='NAME=VALUE',
    help='defaults of generate, e.g. portrait_steps=10 motion_guidance=1.5 (default: those of the library)',
  )
  parser.add_argument('--overwrite', action='store_true', help='replace an existing release')
  parser.add_argument('--json', action='store_true', help='one JSON object on stdout and nothing else')
  parser.add_argument('--quiet', action='store_true', help='no summary')


def run(args: argparse.Namespace) -> None:
  """Merges the stages of the run and writes them as a release, atomically."""
  from seetalk_jax.releases import collect, flat_statistics, storage

  target, workdir = pathlib.Path(args.directory), pathlib.Path(args.workdir)
  options.check_replaced_folder(target)
  if (target / RELEASE_FILE).exists() and not args.overwrite:
    raise InputError(f'the release exists, {target}: give another folder, or --overwrite')
  sampling = _sampling(args.sampling)
  merged = collect.collect(
    workdir,
    base=args.base,
    leave_out=TRAINING_ONLY if args.inference else (),
    licence=args.licence,
    origin=args.origin,
  )
  if args.inference:  # `collect` keeps those of the base
    for name in TRAINING_ONLY:
      merged.networks.pop(name, None)
      merged.notes.pop(name, None)
  try:
    storage.save_release(
      target,
      merged.networks,
      flat_statistics.flatten(merged.statistics),
      provenance={'stages': merged.stages, 'networks': merged.notes},
      dtype=args.dtype,
      sampling={**merged.sampling, **sampling},
    )
  except ValueError as error:
    raise CheckpointError(f'cannot release this run ({error}), {workdir}: see the training log') from None
  content = {
    'output': str(target),
    'networks': sorted(merged.networks),
    'stages': merged.trained,
    'dtype': args.dtype,
    'licences': {name: notes['licence'] for name, notes in sorted(merged.notes.items())},
    'warnings': merged.warnings,
  }
  rest = f', the rest of {args.base}' if args.base else ''
  line = f'{target}: {", ".join(merged.networks)} (from {", ".join(merged.trained)}{rest}; {args.dtype})'
  options.report(args, content, line)
  if not args.json:
    options.warn(merged.warnings)


def _sampling(changes: Sequence[str]) -> dict[str, float]:
  from seetalk_jax.inference.sampling_options import SamplingOptions

  defaults, chosen = SamplingOptions().to_json(), {}
  for change in changes:
    name, _, value = change.partition('=')
    try:
      if name not in defaults:
        raise ValueError
      chosen[name] = type(defaults[name])(value)
    except ValueError:
      allowed = ', '.join(defaults)
      raise InputError(
        f'not a sampling default, {change!r}: write NAME=NUMBER with one of {allowed}'
      ) from None
  return chosen
