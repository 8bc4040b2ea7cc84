"""A server of `seetalk serve` with tiny networks, in a thread of the test's process; its worker is a real process."""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
import threading
import time
from collections.abc import Iterator

import httpx
import uvicorn

from seetalk_jax.serving import worker
from seetalk_jax.serving.app import create_app
from seetalk_jax.serving.service import Service
from seetalk_jax.serving.settings import Settings
from seetalk_jax.testing import tiny_release

START_SECONDS = 240


@contextlib.contextmanager
def served(
  folder: pathlib.Path | None = None, *, ready: bool = True, origins=(), work=worker.main, **settings
) -> Iterator[Client]:
  """Yields a client of a new server.

  Args:
    folder: of the server; None: a temporary one.
    ready: wait until the worker is ready.
    origins: see `limits.Limits`.
    work: the worker process; `fake_worker.main` has no networks.
    settings: fields of `Settings`.
  """
  with contextlib.ExitStack() as stack:
    if folder is None:
      folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix='seetalk-test-')))
    if work is worker.main:
      settings = {'checkpoint': tiny_release.live(), 'device': 'cpu', **settings}
    app = create_app(Settings(folder=folder, **settings), origins, work=work)
    config = uvicorn.Config(app, port=0, log_level='error', timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started or not thread.is_alive())
    address = f'http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}'
    try:
      with Client(address, app.state.service) as client:
        if ready:
          until(lambda: client.get('/healthz').status_code == 200, START_SECONDS)
        yield client
    finally:
      server.should_exit = True
      thread.join(30)


class Client(httpx.Client):
  """An HTTP client.

  Attributes:
    service: of the server, in this process.
  """

  def __init__(self, address: str, service: Service):
    super().__init__(base_url=address, timeout=120)
    self.service = service

  def send_job(self, speech: bytes, name: str = 'speech.wav', **fields) -> httpx.Response:
    """POST /v1/jobs."""
    return self.post('/v1/jobs', files={'speech': (name, speech)}, data=fields)

  def job(self, job: str) -> dict:
    """GET /v1/jobs/{job}."""
    return self.get(f'/v1/jobs/{job}').json()

  def finished(self, job: str, seconds: float = 120) -> dict:
    """The job when it is over."""
    until(lambda: self.job(job)['state'] in ('done', 'failed'), seconds)
    return self.job(job)

  def events(self, job: str, last: str | None = None) -> list[tuple[str, str, str]]:
    """(id, name, data) of the events of a job until the stream ends."""
    headers = {} if last is None else {'Last-Event-ID': last}
    blocks = self.get(f'/v1/jobs/{job}/events', headers=headers).text.split('\n\n')
    rows = [dict(line.split(': ', 1) for line in block.splitlines()) for block in blocks if block]
    return [(row['id'], row['event'], row['data']) for row in rows if 'id' in row]


def until(done, seconds: float = 60) -> None:
  """Waits until `done()`."""
  end = time.monotonic() + seconds
  while not done():
    assert time.monotonic() < end, f'{seconds} s have passed'
    time.sleep(0.02)
