"""Train one stage, or all stages in order; the same command again resumes an interrupted run. Any field of the
configuration is a flag: --config.optimizer.learning_rate=3e-4, --config.max_minutes=5,
--config.init.speech_encoder=demo."""

from __future__ import annotations

import argparse
import sys

from seetalk_jax.cli import config_fields, interrupts
from seetalk_jax.errors import InputError

HELP = 'train one stage, or all stages in order'
EXAMPLE = 'seetalk train --config all:demo --workdir runs/demo'
TAKES_FIELDS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk train`."""
  parser.add_argument('--config', required=True, metavar='STAGE:VARIANT', help=config_fields.CONFIG_HELP)
  parser.add_argument(
    '--workdir', required=True, metavar='DIR', help='directory of the run: checkpoints, metrics, samples'
  )
  parser.add_argument(
    '--distributed',
    action='store_true',
    help='one of several processes; TPU pods, SLURM, Open MPI and Kubernetes are found by themselves',
  )
  parser.add_argument(
    '--coordinator',
    default='',
    metavar='HOST:PORT',
    help='address of process 0, where nothing is found by itself (default: found)',
  )
  parser.add_argument(
    '--num_processes',
    type=int,
    default=0,
    metavar='N',
    help='how many processes there are, with --coordinator (default: found)',
  )
  parser.add_argument(
    '--process_id',
    type=int,
    default=-1,
    metavar='I',
    help='which one this is, with --coordinator (default: found)',
  )
  parser.add_argument(
    '--dry_run', action='store_true', help='read data, compile the step, say what it needs, and end'
  )


def run(args: argparse.Namespace) -> int:
  """Returns the exit status.

  0: finished. 1: values that are not finite. 75: another process of the run was lost (can be resumed; JAX aborts a
  process that waits for a lost one for a minute). 128 + number: stopped by a signal (can be resumed).
  """
  interrupts.leave_to_command()
  config = config_fields.read(args.config, args.fields)
  if 'stage' not in config:
    raise InputError(f'a configuration that trains nothing, {args.config}: use seetalk evaluate')
  try:
    return _train(config, args)
  except FloatingPointError as error:  # NonFiniteError: says what, when and where to go on from
    print(f'error: {" ".join(str(error).split())}', file=sys.stderr)
    return 1


def _train(config, args: argparse.Namespace) -> int:
  if config.stage == 'all':
    from seetalk_jax.training import all_stages  # starts one process per stage, and no device itself

    return all_stages.run(config, args.workdir)
  import jax

  from seetalk_jax.inference import devices
  from seetalk_jax.training import hosts, loop

  if args.distributed or args.coordinator:
    hosts.initialize(args.coordinator, args.num_processes, args.process_id)
  devices.check_platform()
  try:
    outcome = loop.train(config, args.workdir, dry_run=args.dry_run)
  except Exception as e:
    hosts.leave(e)
  if jax.process_index() == 0:
    took = f'{outcome.step} steps, {outcome.minutes:.1f} minutes'
    print(f'{config.stage}: {took}, stopped by {outcome.reason}: {args.workdir}')
  return 128 + outcome.signal if outcome.reason == 'signal' and outcome.signal else 0
