"""Worker process: holds the networks, makes one job at a time, and runs the live sessions, each in a thread.

The main thread receives messages at any time, also while the checkpoint loads: the process ends as soon as the
connection to the HTTP process is closed.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import threading
from typing import Any

from seetalk_jax.errors import InputError
from seetalk_jax.serving import messages
from seetalk_jax.serving.settings import Settings
from seetalk_jax.serving.turns import Turns

_log = logging.getLogger(__name__)


def main(connection, settings: Settings) -> None:
  """The worker process; returns never.

  Args:
    connection: a `multiprocessing` connection to the HTTP process.
    settings: of the server.
  """
  # Ctrl-C reaches all processes of a terminal, and a service manager's SIGTERM too; the HTTP process decides.
  for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
  logging.basicConfig(format='%(levelname)s %(name)s: %(message)s')
  _Worker(connection, settings).run()


class _Worker:
  """State of the process: jobs that wait, live sessions by id."""

  def __init__(self, connection, settings: Settings):
    self._connection, self._settings = connection, settings
    self._sending = threading.Lock()
    self._turns = Turns()
    self._jobs: queue.SimpleQueue[messages.MakeJob] = queue.SimpleQueue()
    self._cancelled: set[str] = set()
    self._sessions: dict[str, Any] = {}
    self._pipe: Any = None

  def run(self) -> None:
    """Receives messages until the connection is closed."""
    threading.Thread(target=self._make_jobs, name='jobs', daemon=True).start()
    while True:
      try:
        message = self._connection.recv()
      except (EOFError, OSError):
        os._exit(0)  # finished segments of a job are on the disk
      if isinstance(message, messages.Stop):
        os._exit(0)
      self._handle(message)

  def _send(self, message: Any) -> None:
    with self._sending:
      try:
        self._connection.send(message)
      except OSError:  # the HTTP process has ended: so does this one, in `run`
        pass

  def _handle(self, message: Any) -> None:
    match message:
      case messages.MakeJob():
        self._jobs.put(message)
      case messages.CancelJob():
        self._cancelled.add(message.job)
      case messages.OpenSession():
        self._open(message)
      case messages.PushAudio() | messages.Command():
        session = self._sessions.get(message.session)
        if session is None:
          self._send(messages.Reply(message.request, error='no such session', kind='gone'))
        elif isinstance(message, messages.PushAudio):
          session.push(message)
        else:
          session.command(message)
      case messages.Watch() | messages.Unwatch() | messages.CloseSession():
        if (session := self._sessions.get(message.session)) is not None:
          session.command(message)
        if isinstance(message, messages.CloseSession):
          self._sessions.pop(message.session, None)

  def _open(self, message: messages.OpenSession) -> None:
    from seetalk_jax.serving import live_session

    live = live_session.LiveSession(self._pipe, message, self._turns, self._send)
    self._sessions[message.session] = live
    live.start()

  def _make_jobs(self) -> None:
    """Thread: loads the checkpoint, then makes the jobs."""
    try:
      self._load()
    except InputError as error:
      self._send(messages.CannotLoad(str(error)))
      return
    except BaseException:
      _log.exception('the checkpoint cannot be loaded')
      os._exit(1)
    from seetalk_jax.serving import job_maker

    while True:
      job = self._jobs.get()
      stop = lambda job=job: job.job in self._cancelled
      error = None
      try:
        job_maker.make(self._pipe, job, self._turns, self._send, stop)
      except InputError as refused:
        error = str(refused).replace(f'{job.folder}{os.sep}', '')
      except job_maker.Cancelled:
        error = 'the job was removed'
      except Exception as bug:
        _log.exception('job %s', job.job)
        error = f'an error of the server ({type(bug).__name__}), this job: see its log'
      self._cancelled.discard(job.job)
      self._send(messages.JobDone(job.job, error))

  def _load(self) -> None:
    from seetalk_jax.cli import options

    pipe = options.load_pipeline(self._settings.checkpoint, self._settings.device)
    transformer = pipe.networks.modules.get('motion_transformer')
    self._pipe = pipe
    controls = tuple(getattr(transformer, 'controls', ()))
    self._send(messages.Ready(self._settings.checkpoint, pipe.device.platform, pipe.side, controls))
