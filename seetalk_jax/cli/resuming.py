"""--resume: finished and unfinished videos of an earlier run, and the note after an interrupted one."""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from seetalk_jax.cli import options
from seetalk_jax.errors import InputError

if TYPE_CHECKING:
  from seetalk_jax.inference.clip_spec import ClipSpec
  from seetalk_jax.inference.unfinished_video import PortraitAndMotion


def add_argument(parser: argparse.ArgumentParser) -> None:
  """Adds --resume."""
  parser.add_argument(
    '--resume',
    action='store_true',
    help='go on where an earlier run of the same command ended; finished videos are skipped',
  )


class RequestedVideo(NamedTuple):
  """A video that a command is asked for.

  Attributes:
    spec: what decides its frames.
    audio_seconds: length of its sound.
  """

  spec: ClipSpec
  audio_seconds: float


class EarlierResults(NamedTuple):
  """What earlier runs have left of the videos of a command.

  Attributes:
    finished: outputs that need no work.
    unfinished: output -> portrait and motion of its unfinished video.
  """

  finished: set[pathlib.Path]
  unfinished: dict[pathlib.Path, PortraitAndMotion]


def find_earlier(
  requested: Mapping[pathlib.Path, RequestedVideo], *, overwrite: bool, save_portrait: str | None
) -> EarlierResults:
  """Looks up finished and unfinished videos, all of them before the first video is made.

  Args:
    requested: output -> its video.
    overwrite: make a finished video of other inputs again.
    save_portrait: a file that is written beside the one output; where it is missing, that output needs work.

  Raises:
    InputError: an output, or the unfinished video of one, was made from other inputs.
  """
  from seetalk_jax.inference import unfinished_video

  earlier = EarlierResults(set(), {})
  for output, video in requested.items():
    try:
      if unfinished_video.is_finished(output, video.spec):
        earlier.finished.add(output)
    except InputError:
      if not overwrite:
        raise
    found = unfinished_video.find(output, video.spec)
    if found is None:
      continue
    if output in earlier.finished:
      unfinished_video.discard(output)
    else:
      earlier.unfinished[output] = found
  if save_portrait and not pathlib.Path(save_portrait).exists():
    earlier.finished.clear()  # the run ended between the two files
  return earlier


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
