"""Resuming (--resume): finished and unfinished videos of earlier runs, and the note after an interruption."""

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
  """A video that a command has to produce.

  Attributes:
    spec: everything that determines its frames.
    audio_seconds: length of its sound in seconds.
    watermark: name of its watermark, or None for none.
  """

  spec: ClipSpec
  audio_seconds: float
  watermark: str | None


class EarlierResults(NamedTuple):
  """Results of earlier runs for the videos of a command.

  Attributes:
    finished: outputs that need no work.
    unfinished: output -> portrait and motion of its unfinished video.
  """

  finished: set[pathlib.Path]
  unfinished: dict[pathlib.Path, PortraitAndMotion]


def find_earlier(
  requested: Mapping[pathlib.Path, RequestedVideo], *, overwrite: bool, save_portrait: str | None
) -> EarlierResults:
  """Finds finished and unfinished videos of all outputs, before the first video is made.

  Args:
    requested: output -> its video.
    overwrite: replace finished videos that were made from other inputs.
    save_portrait: portrait file of the single output; if it is missing, the output counts as not finished.

  Raises:
    InputError: an output, or its unfinished video, was made from other inputs.
  """
  from seetalk_jax.inference import unfinished_video

  earlier = EarlierResults(set(), {})
  for output, video in requested.items():
    try:
      if unfinished_video.is_finished(output, video.spec, video.watermark):
        earlier.finished.add(output)
    except InputError:
      if not overwrite:
        raise
    unfinished = unfinished_video.find(output, video.spec, video.watermark)
    if unfinished is None:
      continue
    if output in earlier.finished:
      unfinished_video.discard(output)
    else:
      earlier.unfinished[output] = unfinished
  if save_portrait and not pathlib.Path(save_portrait).exists():
    earlier.finished.clear()  # the earlier run ended after the video and before the portrait
  return earlier


@contextlib.contextmanager
def note_if_interrupted(output: pathlib.Path, bars: options.Bars) -> Iterator[None]:
  """Context that prints a note after Ctrl-C or SIGTERM if finished parts are kept."""
  from seetalk_jax.inference import unfinished_video

  try:
    yield
  except (KeyboardInterrupt, SystemExit):
    bars.close()
    if unfinished_video.folder_of(output).is_dir():
      print(f'{output}: finished parts are kept, the same command with --resume goes on', file=sys.stderr)
    raise
