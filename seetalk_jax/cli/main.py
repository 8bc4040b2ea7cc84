"""Command line `seetalk`: its commands, exit statuses and one-line errors."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import os
import select
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from seetalk_jax import __version__
from seetalk_jax.cli import interrupts
from seetalk_jax.errors import InputError, explain_system_error

# Command -> module with `HELP`, `EXAMPLE`, `add_arguments(parser)` and `run(args)`, which returns an exit status or
# None, in the order of the help. The module's docstring is its description in the help. Only `run` imports NumPy, JAX
# and other slow packages, so that `--help` and argument errors are fast. Where a module has a true `TAKES_FIELDS`,
# flags that its parser does not know are `args.fields`.
COMMANDS = {
  'generate': 'seetalk_jax.cli.generate',
  'say': 'seetalk_jax.cli.say',
  'portrait': 'seetalk_jax.cli.portrait',
  'animate': 'seetalk_jax.cli.animate',
  'adapt': 'seetalk_jax.cli.adapt',
  'blendshapes': 'seetalk_jax.cli.blendshapes',
  'prepare': 'seetalk_jax.cli.prepare',
  'corpus': 'seetalk_jax.cli.corpus',
  'train': 'seetalk_jax.cli.train',
  'evaluate': 'seetalk_jax.cli.evaluate',
  'export': 'seetalk_jax.cli.export',
  'convert': 'seetalk_jax.cli.convert',
  'push': 'seetalk_jax.cli.push',
  'pull': 'seetalk_jax.cli.pull',
  'info': 'seetalk_jax.cli.info',
  'demo': 'seetalk_jax.cli.demo',
  'serve': 'seetalk_jax.cli.serve',
  'verify': 'seetalk_jax.cli.verify',
  'compare': 'seetalk_jax.cli.compare',
  'plan': 'seetalk_jax.cli.plan',
}


class Parser(argparse.ArgumentParser):
  """An argument parser that raises `InputError` for wrong arguments.

  Attributes:
    takes_fields: unknown arguments are kept as `fields`, in their order; see `config_fields`.
  """

  takes_fields = False

  def parse_known_args(self, args=None, namespace=None):
    found, unknown = super().parse_known_args(args, namespace)
    if self.takes_fields:
      found.fields, unknown = unknown, []
    return found, unknown

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
    command.takes_fields = getattr(module, 'TAKES_FIELDS', False)
  return parser


def main(argv: Sequence[str] | None = None) -> int:
  """Runs a command.

  Returns:
    The exit status: 0, or that of the command; 2 after one `error: ...` line on stderr for a user's mistake, a full
    disk, a missing permission or a missing accelerator; 130 after Ctrl-C; 141 where the reader of stdout has gone
    (`seetalk info demo | head -1`).

  Raises:
    SystemExit: 0 after `--help` and `--version`, 143 after SIGTERM.
    Exception: any other exception is a bug of this library (traceback, status 1).
  """
  if isinstance(sys.stdout, io.TextIOWrapper):
    sys.stdout.reconfigure(errors='backslashreplace')  # like stderr: names and notes may hold lone surrogates
  try:
    try:
      args = make_parser().parse_args(argv)
      with interrupts.as_exceptions():
        status = args.run(args) or 0
    except SystemExit:
      print(end='', flush=True)
      raise
    print(end='', flush=True)  # flushed here, where a closed pipe is handled
  except InputError as error:
    return _fail(str(error))
  except BrokenPipeError:
    if not _stdout_is_closed():
      raise
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still buffered
    return 128 + signal.SIGPIPE
  except OSError as error:
    if (line := explain_system_error(error)) is None:
      raise
    return _fail(line)
  except (RuntimeError, AssertionError):
    if (line := _explain_missing_platform()) is None:
      raise
    return _fail(line)
  except KeyboardInterrupt:
    _print_to_stderr('interrupted')
    return 130
  return status


def _fail(message: str) -> int:
  _print_to_stderr(f'error: {message}')
  return 2


def _explain_missing_platform() -> str | None:
  """See `inference.devices`; None for a command that has not imported JAX."""
  if 'jax' not in sys.modules:
    return None
  from seetalk_jax.inference import devices

  return devices.explain_missing_platform()


def _print_to_stderr(line: str) -> None:
  with contextlib.suppress(OSError):  # stderr may be closed too
    print(line, file=sys.stderr, flush=True)


def _stdout_is_closed() -> bool:
  """Whether the reader of stdout has closed it; any other broken pipe is a bug."""
  try:
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # poll always reports errors
    return bool(poll.poll(0))
  except (OSError, ValueError):  # not a file
    return False


def run() -> NoReturn:
  """Runs `main` as this process; Ctrl-C and SIGTERM end it within seconds."""
  interrupts.run(main)
