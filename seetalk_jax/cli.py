"""The `seetalk` command: what it is asked for, and how it fails."""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from seetalk_jax import __version__
from seetalk_jax.errors import InputError

# command -> module with `HELP`, `EXAMPLE`, `add_arguments(parser)` and `run(args) -> None`. None of them
# imports JAX before its inputs are checked.
COMMANDS = {
  'generate': 'seetalk_jax.commands.generate',
  'portrait': 'seetalk_jax.commands.portrait',
  'animate': 'seetalk_jax.commands.animate',
  'prepare': 'seetalk_jax.commands.prepare',
  'export': 'seetalk_jax.commands.export',
  'convert': 'seetalk_jax.commands.convert',
  'info': 'seetalk_jax.commands.info',
  'plan': 'seetalk_jax.commands.plan',
}
CORPUS_HELP = 'make a corpus of the embedded synthetic world'

_DISK_ERRORS = {errno.ENOSPC: 'no space left', errno.EDQUOT: 'quota exceeded', errno.EROFS: 'read-only disk'}


class Parser(argparse.ArgumentParser):
  """An argument parser whose complaints are `InputError`s like any other."""

  def error(self, message: str) -> NoReturn:
    raise InputError(f'{message}, command line: see {self.prog} --help')


def make_parser() -> Parser:
  """The parser of `seetalk` with all its commands."""
  parser = Parser(
    prog='seetalk',
    description='One speech recording in, a talking-face video of a speaker who fits the voice out.',
    epilog='example: seetalk generate speech.wav -o talk.mp4',
    allow_abbrev=False,
  )
  parser.add_argument('--version', action='version', version=f'seetalk-jax {__version__}')
  commands = parser.add_subparsers(dest='command', metavar='COMMAND', required=True)
  for name, home in COMMANDS.items():
    module = importlib.import_module(home)
    command = commands.add_parser(
      name,
      help=module.HELP,
      description=module.__doc__,
      epilog=f'example: {module.EXAMPLE}',
      allow_abbrev=False,
    )
    module.add_arguments(command)
    command.set_defaults(run=module.run)
  commands.add_parser('corpus', help=CORPUS_HELP, add_help=False)
  return parser


def main(argv: Sequence[str] | None = None) -> int:
  """Runs a command; returns 0, or 2 after one `error: ...` line on stderr for a user's mistake.

  Any other exception is a fault of this library and passes through (traceback, status 1).
  """
  argv = list(sys.argv[1:] if argv is None else argv)
  if isinstance(sys.stdout, io.TextIOWrapper):
    sys.stdout.reconfigure(errors='backslashreplace')  # like stderr: names and notes may hold lone surrogates
  try:
    if argv[:1] == ['corpus']:  # its arguments are its own
      from seetalk_jax.data.synthetic import corpus

      return corpus.main(argv[1:]) or 0
    args = make_parser().parse_args(argv)
    with _terminating():
      args.run(args)
    sys.stdout.flush()  # here, where a reader that is gone is understood
  except InputError as error:
    print(f'error: {error}', file=sys.stderr)
    return 2
  except BrokenPipeError:  # `seetalk info demo | head`
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE
  except OSError as error:
    if error.errno not in _DISK_ERRORS:
      raise
    print(f'error: {_DISK_ERRORS[error.errno]}, {error.filename or "output"}: free some', file=sys.stderr)
    return 2
  except KeyboardInterrupt:
    print('interrupted', file=sys.stderr)
    return 130
  return 0


class _terminating:
  """SIGTERM unwinds like Ctrl-C does, so that no half-written file stays."""

  def __enter__(self) -> None:
    try:
      self._before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    except ValueError:  # not the main thread
      self._before = None

  def __exit__(self, *_) -> None:
    if self._before is not None:
      signal.signal(signal.SIGTERM, self._before)


if __name__ == '__main__':
  sys.exit(main())
