"""--resume: videos that go on where an earlier run of the same command ended, and the note after a broken run."""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from seetalk_jax.cli import options
from seetalk_jax.errors import InputError


def add_argument(parser: argparse.ArgumentParser) -> None:
  """Adds --resume."""
  parser.add_argument(
    '--resume',
    action='store_true',
    help='go on where an earlier run of the same command ended; finished videos are skipped',
  )


def finished(
  plans: Mapping[pathlib.Path, Mapping[str, Any]], *, overwrite: bool, save_portrait: str | None
) -> set[pathlib.Path]:
  """The outputs that need no work; unfinished videos of the others are checked before the first one is made.

  Args:
    plans: output -> plan of its video.
    overwrite: make a finished video of other inputs again.
    save_portrait: a file that is written beside the one output; where it is missing, that output needs work.

  Raises:
    InputError: an output, or what an earlier run has left of one, was made from other inputs.
  """
  from seetalk_jax.inference import unfinished_video

  done = set()
  for output, plan in plans.items():
    try:
      if unfinished_video.is_finished(output, plan):
        done.add(output)
    except InputError:
      if not overwrite:
        raise
    left = unfinished_video.find(output, plan)
    if output in done and left is not None:
      unfinished_video.discard(output)
  if save_portrait and not pathlib.Path(save_portrait).exists():
    done.clear()  # the run ended between the two files
  return done


@contextlib.contextmanager
def note_if_interrupted(output: pathlib.Path, bars: options.Bars) -> Iterator[None]:
  """Prints after Ctrl-C or SIGTERM that finished parts are kept, if there are any."""
  from seetalk_jax.inference import unfinished_video

  try:
    yield
  except (KeyboardInterrupt, SystemExit):
    bars.close()
    if unfinished_video.folder_of(output).is_dir():
      print(f'{output}: finished parts are kept, the same command with --resume goes on', file=sys.stderr)
    raise
