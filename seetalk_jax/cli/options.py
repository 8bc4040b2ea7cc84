"""Options shared by several commands, checked when they are parsed."""

from __future__ import annotations

import argparse
import json
import math
import os
import pathlib
import re
import sys
import threading
from collections.abc import Iterable
from typing import Any

from seetalk_jax import files
from seetalk_jax.errors import InputError, OutputError

DEFAULT_CHECKPOINT, DEFAULT_SEED = 'demo', 0
MAX_SEED = 2**32 - 1
MIN_SIZE, MAX_SIZE = 64, 4096
MAX_STEPS, MAX_GUIDANCE, MAX_FACE = 1000, 50, 9999


def whole(low: int, high: int):
  """Argparse type: an integer from `low` to `high`."""

  def parse(text: str) -> int:
    try:
      value = int(text)
    except ValueError:
      raise argparse.ArgumentTypeError(f'{text!r} is not a whole number') from None
    if not low <= value <= high:
      raise argparse.ArgumentTypeError(f'{value} is not between {low} and {high}')
    return value

  return parse


def number(low: float, high: float):
  """Argparse type: a finite number from `low` to `high`."""

  def parse(text: str) -> float:
    try:
      value = float(text)
    except ValueError:
      raise argparse.ArgumentTypeError(f'{text!r} is not a number') from None
    if not (math.isfinite(value) and low <= value <= high):
      raise argparse.ArgumentTypeError(f'{text} is not between {low:g} and {high:g}')
    return value

  return parse


def part(text: str) -> tuple[int, int]:
  """Argparse type: I/N with I from 0 to N - 1, as `(index, count)`."""
  match = re.fullmatch(r'(\d{1,6})/(\d{1,6})', text)
  if not match or not 0 <= (index := int(match.group(1))) < (count := int(match.group(2))):
    raise argparse.ArgumentTypeError(f'{text!r} is not I/N with I from 0 to N - 1, like 0/8')
  return index, count


def video_side(text: str) -> int:
  """Argparse type: the side of a video in pixels; even, as H.264 requires."""
  value = whole(MIN_SIZE, MAX_SIZE)(text)
  if value % 2:
    raise argparse.ArgumentTypeError(f'{value} is odd, video needs an even size')
  return value


def add_model(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
  """Adds --checkpoint, --seed, --steps, --guidance, --device."""
  add_checkpoint(parser)
  parser.add_argument(
    '--seed',
    type=whole(0, MAX_SEED),
    default=DEFAULT_SEED,
    metavar='N',
    help=f'the same seed gives the same result (default {DEFAULT_SEED})',
  )
  parser.add_argument(
    '--steps',
    type=whole(1, MAX_STEPS),
    default=None,
    metavar='N',
    help='sampling steps (default: those of the checkpoint)',
  )
  parser.add_argument(
    '--guidance',
    type=number(0, MAX_GUIDANCE),
    default=None,
    metavar='SCALE',
    help='how strongly the face follows the voice, 0 to 50; 1 is unguided (default: that of the checkpoint)',
  )
  add_device(parser)


def add_checkpoint(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
  """Adds --checkpoint."""
  parser.add_argument(
    '--checkpoint',
    default=DEFAULT_CHECKPOINT,
    metavar='DIR',
    help=f'folder of a released checkpoint, or hf:OWNER/NAME of the Hugging Face Hub (default {DEFAULT_CHECKPOINT})',
  )


def add_device(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
  """Adds --device."""
  parser.add_argument(
    '--device',
    choices=('cpu', 'gpu', 'tpu'),
    default=None,
    help='device to compute on (default: the best there is)',
  )


def add_output(parser: argparse.ArgumentParser) -> None:
  """Adds --overwrite, --json, --quiet."""
  parser.add_argument('--overwrite', action='store_true', help='replace existing output files')
  parser.add_argument('--json', action='store_true', help='one JSON object on stdout and nothing else')
  parser.add_argument('--quiet', action='store_true', help='no progress bars, no summary')


def add_face_finding(parser: argparse.ArgumentParser) -> None:
  """Adds --aligned and --landmarker, for commands that take a picture."""
  parser.add_argument(
    '--aligned', action='store_true', help='the picture is a square portrait crop already, find no face in it'
  )
  add_landmarker(parser)


def add_landmarker(parser: argparse.ArgumentParser) -> None:
  """Adds --landmarker."""
  parser.add_argument(
    '--landmarker',
    metavar='FILE',
    default=None,
    help="MediaPipe's face_landmarker.task, to find the face (default: $SEETALK_FACE_LANDMARKER)",
  )


def add_address(parser: argparse.ArgumentParser, port: int) -> None:
  """Adds --host and --port, for commands that serve pages; `port` is the default."""
  parser.add_argument(
    '--host',
    default='127.0.0.1',
    metavar='ADDRESS',
    help='address to listen at (default 127.0.0.1: this computer alone)',
  )
  parser.add_argument(
    '--port', type=whole(1, 65535), default=port, metavar='N', help=f'port (default {port})'
  )


def add_marking(parser: argparse.ArgumentParser) -> None:
  """Adds --no-watermark, --sign, --timestamp; see `signer_from`."""
  parser.add_argument(
    '--no-watermark', action='store_true', help='do not mark the pixels as synthetic (docs/provenance.md)'
  )
  parser.add_argument(
    '--sign',
    nargs=2,
    metavar=('CHAIN.pem', 'KEY.pem'),
    default=None,
    help="certificate chain and private key that sign the output with a C2PA manifest (extra 'provenance')",
  )
  parser.add_argument(
    '--timestamp', metavar='URL', default=None, help='with --sign: address of a time-stamp authority'
  )


def signer_from(args: argparse.Namespace):
  """The checked `Signer` of a command line, or None.

  Raises:
    InputError: --timestamp without --sign, or files that cannot sign.
  """
  if args.sign is None:
    if args.timestamp is not None:
      raise InputError('--timestamp belongs to --sign, command line: give both')
    return None
  from seetalk_jax.provenance import signing

  signer = signing.Signer(*args.sign, timestamp_url=args.timestamp)
  signer.check()
  return signer


def load_pipeline(checkpoint: str, device: str | None):
  """Loads the `SeeTalk` pipeline of a checkpoint, with the user's compilation cache.

  Args:
    checkpoint: folder of a release, or 'demo'.
    device: 'cpu', 'gpu', 'tpu', or None for JAX's default.
  """
  choose_platform(device)
  from seetalk_jax.inference import pipeline

  return pipeline.SeeTalk.load(checkpoint, device=device, cache=True)


def choose_platform(device: str | None) -> None:
  """Prepares JAX for a device, 'cpu', 'gpu', 'tpu' or None, before anything is computed."""
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')  # hides log messages of XLA
  if device == 'cpu':  # avoids initializing an accelerator, also one that the environment asks for
    import jax

    jax.config.update('jax_platforms', 'cpu')
    jax.config.update('jax_platform_name', None)


class Bars:
  """A `Progress` that shows one bar per stage if stderr is a terminal; thread-safe."""

  def __init__(self, quiet: bool = False):
    self._on = not quiet and sys.stderr.isatty()
    self._bar, self._stage = None, ''
    self._drawing = threading.RLock()

  def __call__(self, stage: str, done: int, total: int) -> None:
    if not self._on:
      return
    with self._drawing:
      if self._bar is None or stage != self._stage:
        import tqdm

        self.close()
        unit = {'render': 'frame', 'fit': 's'}.get(stage, 'step')
        self._bar, self._stage = tqdm.tqdm(desc=f'{stage:<9}', total=total, unit=unit, file=sys.stderr), stage
      self._bar.update(done - self._bar.n)

  def close(self) -> None:
    """Closes the current bar."""
    with self._drawing:
      if self._bar is not None:
        self._bar.close()
        self._bar = None

  def __enter__(self) -> Bars:
    return self

  def __exit__(self, *_) -> None:
    self.close()


def report(args: argparse.Namespace, content: dict[str, Any], line: str) -> None:
  """Prints the result of a command: a JSON object with --json, else one line of text unless --quiet."""
  if args.json:
    print(json.dumps(content))
  elif not args.quiet:
    print(line)


def warn(lines: Iterable[str]) -> None:
  """Prints warnings to stderr, one line each, also with --quiet."""
  for line in lines:
    print(f'warning: {line}', file=sys.stderr)


def check_folder(path: str | os.PathLike) -> None:
  """Checks that files can be created in an output folder, which need not exist.

  Raises:
    InputError: it is a file, is inside a file, or cannot be written.
  """
  folder = pathlib.Path(path)
  with files.output_errors(path):
    while not folder.exists() and folder != folder.parent:
      folder = folder.parent
    if not folder.is_dir():
      raise InputError(f'the output folder is a file, {folder}: give a folder')
  try:
    files.check_writable(pathlib.Path(path) / 'file')
  except OutputError as error:
    raise OutputError.of(error, path) from None


def check_replaced_folder(path: str | os.PathLike) -> None:
  """Checks that an output folder, which need not exist, can be replaced as a whole.

  Raises:
    InputError: it is a file, is inside a file, is a mount point, or cannot be created.
  """
  check_folder(path)
  if os.path.ismount(path):
    raise InputError(f'the output folder is a mount point, {path}: give a folder in it')
  files.check_writable(path)


def same_file(first: str | os.PathLike, second: str | os.PathLike) -> bool:
  """Whether two paths name the same file, which need not exist."""
  return pathlib.Path(first).resolve() == pathlib.Path(second).resolve()
