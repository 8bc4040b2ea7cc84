"""Service: queue, sessions, worker and reader of one server, from its start to its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pathlib
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import Request, UploadFile

from seetalk_jax import files
from seetalk_jax.serving import control_fields, messages, worker
from seetalk_jax.serving.job_queue import JobQueue
from seetalk_jax.serving.metrics import Metrics
from seetalk_jax.serving.reader import Reader
from seetalk_jax.serving.sessions import Sessions
from seetalk_jax.serving.settings import Settings
from seetalk_jax.serving.supervisor import Supervisor, Work, WorkerState

_TIDY_SECONDS = 5.0  # between two looks for old jobs and idle sessions
_COPY_BYTES = 2**20
_NAME_CHARACTERS = 100
_log = logging.getLogger(__name__)


class Service:
  """All parts of a server.

  Args:
    settings: of the server.
    work: the worker process, see `Supervisor`.
    on_failure: called when the checkpoint cannot be loaded; see `Supervisor.failure`.

  Attributes:
    settings, supervisor, jobs, sessions, reader, metrics: the parts.
  """

  def __init__(
    self, settings: Settings, work: Work = worker.main, on_failure: Callable[[], None] = lambda: None
  ):
    self.settings, self._on_failure = settings, on_failure
    self.metrics = Metrics()
    self.supervisor = Supervisor(settings, work, self._on_message, self._on_death)
    self.reader = Reader(settings)
    self.jobs = JobQueue(settings, self.supervisor.send)
    self.sessions = Sessions(settings, self.supervisor, self.metrics.on_chunk)
    self.metrics.watch(self.jobs, self.sessions, self.supervisor)

  @contextlib.asynccontextmanager
  async def running(self) -> AsyncIterator[None]:
    """Inside of the block the worker runs."""
    shutil.rmtree(self.settings.uploads, ignore_errors=True)  # of requests that were cut off
    files.make_folder(self.settings.uploads)
    self.supervisor.start()
    self.reader.start()
    tidying = asyncio.create_task(self._tidy())
    try:
      yield
    finally:
      tidying.cancel()
      self.jobs.stop()
      self.supervisor.stop()
      self.reader.close()

  @contextlib.asynccontextmanager
  async def upload_folder(self) -> AsyncIterator[pathlib.Path]:
    """A new folder for the uploads of a request; what is left of it at the end is removed."""
    folder = self.settings.uploads / secrets.token_hex(16)
    folder.mkdir()
    try:
      yield folder
    finally:
      shutil.rmtree(folder, ignore_errors=True)

  def check_controls(self, form: dict[str, Any]) -> None:
    """Checks the controls of a form, see `control_fields.check`."""
    ready = self.supervisor.ready
    control_fields.check(form, None if ready is None else ready.controls)

  def _on_message(self, message: Any) -> None:
    match message:
      case messages.Video() | messages.SessionEnded():
        self.sessions.on_message(message)
      case messages.CannotLoad():
        self._on_failure()
      case _:
        self.jobs.on_message(message)

  def _on_death(self) -> None:
    self.jobs.on_death()
    self.sessions.on_death()

  async def _tidy(self) -> None:
    while True:
      await asyncio.sleep(min(_TIDY_SECONDS, self.settings.idle_seconds / 2))
      try:
        self.jobs.remove_old()
        self.sessions.close_idle()
      except OSError as error:
        _log.error('%s', error)

  @property
  def is_ready(self) -> bool:
    """Whether the worker can compute."""
    return self.supervisor.state == WorkerState.READY


def service_of(request: Request) -> Service:
  """The service of a request, for routes."""
  return request.app.state.service


async def store(upload: UploadFile, path: pathlib.Path) -> str:
  """Copies an upload to a file; returns its name for messages: printable, without folders, not too long."""

  def copy() -> None:
    with open(path, 'wb') as file:
      shutil.copyfileobj(upload.file, file, _COPY_BYTES)

  await asyncio.to_thread(copy)
  name = re.split(r'[/\\]', upload.filename or '')[-1]
  return ''.join(letter for letter in name if letter.isprintable())[:_NAME_CHARACTERS] or 'the upload'
