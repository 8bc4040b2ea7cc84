"""--resume: videos that go on where an earlier run of the same command ended, and what a broken run says."""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from seetalk_jax.errors import InputError


def add_argument(parser: argparse.ArgumentParser) -> None:
  """Adds --resume."""
  parser.add_argument(
    '--resume',
    action='store_true',
    help='go on where an earlier run of the same command ended; videos that are finished are passed over',
  )


def finished(args: argparse.Namespace, plans: Mapping[pathlib.Path, Mapping[str, Any]]) -> set[pathlib.Path]:
  """The outputs that need no work; whatever else is in the way is found before the first video is made.

  Raises:
    InputError: an output, or what an earlier run has left of one, was made from other inputs.
  """
  from seetalk_jax import job

  done = set()
  for output, plan in plans.items():
    try:
      if job.is_finished(output, plan):
        done.add(output)
    except InputError:
      if not args.overwrite:
        raise
    left = job.find(output, plan)
    if output in done and left is not None:
      job.discard(output)
  if args.save_portrait and not pathlib.Path(args.save_portrait).exists():
    done.clear()  # --save-portrait goes with one video, which ended between the two
  return done


@contextlib.contextmanager
def telling(output: pathlib.Path, bars: contextlib.AbstractContextManager) -> Iterator[None]:
  """Says after Ctrl-C or SIGTERM that what is finished has been kept, if it has."""
  from seetalk_jax import job

  try:
    yield
  except (KeyboardInterrupt, SystemExit):
    bars.__exit__(None, None, None)
    if job.folder_of(output).is_dir():
      print(f'{output}: finished parts are kept, the same command with --resume goes on', file=sys.stderr)
    raise
