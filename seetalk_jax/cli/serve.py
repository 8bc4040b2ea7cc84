"""Serve jobs and live sessions over HTTP, with a page to try them; the worker process is restarted when it dies."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import os
import pathlib
import socket
import tempfile
import threading
from collections.abc import Callable

from seetalk_jax import files
from seetalk_jax.cli import interrupts, options
from seetalk_jax.errors import InputError

HELP = 'HTTP server: jobs and live sessions'
EXAMPLE = 'seetalk serve --port 8000 --folder jobs'
_PACKAGES = ('fastapi', 'uvicorn', 'python_multipart', 'prometheus_client')
_END_SECONDS = 3  # open streams may take so long to end
_LOOK_SECONDS = 0.2
_BACKLOG = 128  # connections that wait
_LOCK = 'lock'


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk serve`."""
  options.add_checkpoint(parser)
  options.add_device(parser)
  options.add_landmarker(parser)
  options.add_address(parser, 8000)
  parser.add_argument(
    '--folder',
    metavar='DIR',
    help='jobs lie here, and go on after a restart (default: a temporary folder, removed at the end)',
  )
  parser.add_argument(
    '--origin',
    action='append',
    default=[],
    metavar='URL',
    help='site whose pages may send requests, such as https://example.org; may be given several times',
  )
  limits = parser.add_argument_group('limits')
  for name, kind, default, what in (
    ('--max-seconds', options.whole(1, 36_000), 60, 'longest speech accepted'),
    ('--max-megabytes', options.whole(1, 10_000), 200, 'largest request accepted'),
    ('--queue', options.whole(1, 10_000), 32, 'jobs that may wait'),
    ('--sessions', options.whole(0, 100), 1, 'live sessions at a time'),
    ('--idle', options.number(1, 86_400), 60, 'seconds until a session without reader and audio is closed'),
    ('--keep', options.number(1, 10**9), 3600, 'seconds until a finished job is removed'),
  ):
    limits.add_argument(name, type=kind, default=default, metavar='N', help=f'{what} (default {default})')


def run(args: argparse.Namespace) -> None:
  """Serves until it is interrupted."""
  missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
  if missing:
    raise InputError(f'no server, {missing[0]} is not installed: pip install "seetalk-jax[serve]"')
  with contextlib.ExitStack() as stack:
    if args.folder is None:
      folder = stack.enter_context(tempfile.TemporaryDirectory(prefix='seetalk-serve-'))
    else:
      options.check_folder(args.folder)
      files.make_folder(args.folder)
      folder = args.folder
    _serve(args, pathlib.Path(folder).resolve())


def _serve(args: argparse.Namespace, folder: pathlib.Path) -> None:
  import uvicorn

  from seetalk_jax.serving.app import create_app
  from seetalk_jax.serving.settings import MEBIBYTE, Settings

  settings = Settings(
    folder=folder,
    checkpoint=args.checkpoint,
    device=args.device,
    landmarker=args.landmarker,
    max_seconds=args.max_seconds,
    max_bytes=args.max_megabytes * MEBIBYTE,
    queue=args.queue,
    sessions=args.sessions,
    idle_seconds=args.idle,
    keep_seconds=args.keep,
  )
  with contextlib.ExitStack() as stack:
    try:
      stack.enter_context(files.locked(folder / _LOCK, wait=False))
    except BlockingIOError:
      raise InputError(f'another server uses the folder, {folder}: give another one to --folder') from None
    listening = stack.enter_context(_listening(args.host, args.port))
    failed = threading.Event()
    app = create_app(settings, args.origin, on_failure=failed.set)
    files.make_folder(settings.uploads)
    tempfile.tempdir = str(settings.uploads)  # parts of large requests
    server = uvicorn.Server(uvicorn.Config(app, log_level='warning', timeout_graceful_shutdown=_END_SECONDS))
    address = f'http://{f"[{args.host}]" if ":" in args.host else args.host}:{args.port}'
    with interrupts.as_request('the server ends') as requested:
      is_over = lambda: requested.is_set() or failed.is_set()
      interrupts.in_thread(lambda: asyncio.run(_run(server, listening, is_over, address)))
    if (line := app.state.service.supervisor.failure) is not None:
      raise InputError(line)


def _listening(host: str, port: int) -> socket.socket:
  """A socket that listens."""
  try:
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)
  except (OSError, UnicodeError) as error:
    number = getattr(error, 'errno', None)  # its own text names the address too
    why = os.strerror(number) if number and number > 0 else error
    raise InputError(f'cannot listen ({why}), {host}:{port}: give another --host or --port') from None


async def _run(server, listening: socket.socket, is_over: Callable[[], bool], address: str) -> None:
  """Runs the server until `is_over()`."""
  serving = asyncio.create_task(server.serve(sockets=[listening]))
  told = False
  while not serving.done():
    await asyncio.wait([serving], timeout=_LOOK_SECONDS)
    if server.started and not told:
      print(address, flush=True)
      told = True
    if is_over():
      server.should_exit = True
  await serving
