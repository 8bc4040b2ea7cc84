"""A server of `seetalk serve` as a process of its own, for benchmarks."""

from __future__ import annotations

import contextlib
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import httpx


@contextlib.contextmanager
def running(checkpoint: str, *arguments: str, seconds: float = 300) -> Iterator[httpx.Client]:
  """Yields a client of a new server that is ready.

  Args:
    checkpoint: of the server.
    arguments: further ones of `seetalk serve`.
    seconds: until it has to be ready.
  """
  with socket.create_server(('127.0.0.1', 0)) as free:
    port = free.getsockname()[1]
  command = [sys.executable, '-m', 'seetalk_jax', 'serve', '--checkpoint', checkpoint, '--device', 'cpu']
  with tempfile.TemporaryFile('w+') as log:
    server = subprocess.Popen([*command, '--port', str(port), *arguments], stdout=log, stderr=log)
    try:
      limits = httpx.Limits(max_connections=200)
      with httpx.Client(base_url=f'http://127.0.0.1:{port}', timeout=120, limits=limits) as client:
        end = time.monotonic() + seconds
        while not _is_ready(client):
          if server.poll() is not None or time.monotonic() > end:
            log.seek(0)
            raise RuntimeError(f'the server is not ready: {log.read()}')
          time.sleep(0.2)
        yield client
    finally:
      server.send_signal(signal.SIGTERM)
      server.wait(30)
      log.seek(0)
      if text := log.read().split('\n', 1)[1].strip():
        print(f'log of the server:\n{text}')


def _is_ready(client: httpx.Client) -> bool:
  try:
    return client.get('/healthz').status_code == 200
  except httpx.TransportError:
    return False


def metrics(client: httpx.Client) -> dict[str, float]:
  """The metrics of a server by name with labels."""
  rows = re.findall(r'^([a-z_]+(?:\{[^}]*\})?) (\S+)$', client.get('/metrics').text, re.M)
  return {name: float(value) for name, value in rows}


def repository() -> pathlib.Path:
  """Folder of the repository."""
  return pathlib.Path(__file__).resolve().parent.parent
