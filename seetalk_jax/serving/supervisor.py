"""Supervisor: starts the worker process, starts it again when it dies, and exchanges messages with it.

Its methods are called in the thread of the event loop; a thread for each worker process reads what it sends.
"""

from __future__ import annotations

import asyncio
import enum
import itertools
import logging
import multiprocessing
import pathlib
import threading
from collections.abc import Callable
from typing import Any

from seetalk_jax.serving import messages
from seetalk_jax.serving.settings import Settings

_LONGEST_PAUSE_SECONDS = 30.0  # before a worker that dies while loading is started again
_END_SECONDS = 5.0  # a worker may take so long to end
_log = logging.getLogger(__name__)

Work = Callable[[Any, Settings], None]  # see `worker.main`


class WorkerState(enum.StrEnum):
  """State of the worker process."""

  LOADING = 'loading'
  READY = 'ready'
  DEAD = 'worker dead'
  FAILED = 'failed'


class WorkerGone(Exception):
  """The worker died, or is not ready."""


class RequestFailed(Exception):
  """The worker refused a request; attributes as of `messages.Reply`."""

  def __init__(self, line: str, kind: str):
    super().__init__(line)
    self.kind = kind


class Supervisor:
  """Keeps one worker process running.

  Args:
    settings: of the server.
    work: the worker process: a function of a connection and the settings.
    on_message: called with every message but replies.
    on_death: called when the worker has died.

  Attributes:
    state: of the worker.
    restarts: number of workers that died.
    failure: one line if the checkpoint cannot be loaded, which ends the server.
    ready: message of the worker, or None before it is ready.
  """

  def __init__(
    self, settings: Settings, work: Work, on_message: Callable[[Any], None], on_death: Callable[[], None]
  ):
    self._settings, self._on_message, self._on_death = settings, on_message, on_death
    self._work = work
    self._loop: asyncio.AbstractEventLoop | None = None
    self._process: Any = None
    self._connection: Any = None
    self._numbers = itertools.count()
    self._waiting: dict[int, asyncio.Future] = {}
    self._pause, self._stopping = 0.0, False
    self.state, self.restarts, self.failure = WorkerState.LOADING, 0, None
    self.ready: messages.Ready | None = None

  @property
  def pid(self) -> int | None:
    """Process id of the worker, or None if there is none."""
    return None if self._process is None else self._process.pid

  def start(self) -> None:
    """Starts the worker; called in the event loop."""
    if self._stopping:
      return
    self._loop = asyncio.get_running_loop()
    self.state = WorkerState.LOADING
    spawn = multiprocessing.get_context('spawn')
    mine, theirs = spawn.Pipe()
    process = spawn.Process(
      target=self._work, args=(theirs, self._settings), name='seetalk-worker', daemon=True
    )
    try:
      process.start()
    except OSError as error:  # no memory, or too many processes
      _log.error('the worker process cannot be started (%s)', error)
      mine.close()
      self._start_later()
      return
    finally:
      theirs.close()
    self._connection, self._process = mine, process
    threading.Thread(target=self._read, args=(mine, process), name='worker-messages', daemon=True).start()

  def stop(self) -> None:
    """Ends the worker."""
    self.send(messages.Stop())
    self._stopping = True
    self._forget_requests()
    if self._process is not None:
      self._process.join(_END_SECONDS)
      if self._process.is_alive():
        self._process.kill()
        self._process.join()

  def send(self, message: Any) -> None:
    """Sends a message; one to a worker that has just died is lost, and `on_death` follows."""
    if self._connection is None or self._stopping:
      return
    try:
      self._connection.send(message)
    except OSError:
      pass

  async def ask(self, make: Callable[[int], Any]) -> Any:
    """Sends the message that `make` gives for a number, and waits for the value of its reply.

    Raises:
      WorkerGone: there is no worker that is ready, or it died meanwhile.
      RequestFailed: the worker refused it.
    """
    if self.state != WorkerState.READY:
      raise WorkerGone
    number = next(self._numbers)
    future = self._waiting[number] = asyncio.get_running_loop().create_future()
    try:
      self.send(make(number))
      reply = await future
    finally:
      self._waiting.pop(number, None)
    if reply is None:
      raise WorkerGone
    if reply.error is not None:
      raise RequestFailed(reply.error, reply.kind)
    return reply.value

  def _read(self, connection, process) -> None:
    """Thread: hands the messages of a worker to the event loop, until it dies."""
    try:
      while True:
        self._in_loop(self._received, connection.recv())
    except (EOFError, OSError):
      pass
    process.join(_END_SECONDS)
    if process.is_alive():
      process.kill()
      process.join()
    self._in_loop(self._died, process)

  def _in_loop(self, function, *args) -> None:
    try:
      self._loop.call_soon_threadsafe(function, *args)
    except RuntimeError:  # the loop is closed
      pass

  def _received(self, message: Any) -> None:
    if isinstance(message, messages.Reply):
      future = self._waiting.get(message.request)
      if future is not None and not future.done():
        future.set_result(message)
      return
    if isinstance(message, messages.Ready):
      self.state, self.ready, self._pause = WorkerState.READY, message, 0.0
    elif isinstance(message, messages.CannotLoad):
      self.state, self.failure = WorkerState.FAILED, message.line
    self._on_message(message)

  def _died(self, process) -> None:
    if self._stopping or process is not self._process or self.state == WorkerState.FAILED:
      return
    _log.error('the worker process died (exit status %s), it is started again', process.exitcode)
    was_ready, self.state = self.state == WorkerState.READY, WorkerState.DEAD
    self.restarts += 1
    self._connection.close()
    self._connection = None
    self._forget_requests()
    self._on_death()
    if was_ready:
      self.start()
    else:
      self._start_later()

  def _start_later(self) -> None:
    self.state = WorkerState.DEAD
    self._pause = min(max(1.0, 2 * self._pause), _LONGEST_PAUSE_SECONDS)
    self._loop.call_later(self._pause, self.start)

  def _forget_requests(self) -> None:
    for future in self._waiting.values():
      if not future.done():
        future.set_result(None)


def memory_of(pid: int | None) -> int:
  """Resident memory of a process in bytes; 0 if it is unknown."""
  try:
    status = pathlib.Path(f'/proc/{pid}/status').read_text()
  except OSError:
    return 0
  rows = (line.split() for line in status.splitlines() if line.startswith('VmRSS:'))
  return next((int(row[1]) * 1024 for row in rows), 0)
