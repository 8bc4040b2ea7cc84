"""Queue of jobs: which one the worker makes, what becomes of them when it dies, and when they are removed."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from typing import Any

from seetalk_jax import files
from seetalk_jax.serving import jobs, messages
from seetalk_jax.serving.jobs import Job, JobState
from seetalk_jax.serving.settings import MAX_TRIES, Settings

_log = logging.getLogger(__name__)


class QueueFull(Exception):
  """As many jobs wait as may."""


class JobQueue:
  """Jobs by id, and the order of those that wait; used in the event loop alone.

  Args:
    settings: of the server.
    send: sends a message to the worker.

  Attributes:
    jobs: id -> job.
    failed_tries: number of jobs whose worker died.
  """

  def __init__(self, settings: Settings, send: Callable[[Any], None]):
    self._settings, self._send = settings, send
    self.jobs: dict[str, Job] = {}
    self._order: list[str] = []  # ids of those that wait
    self._running: Job | None = None  # also one that was removed, until the worker has stopped
    self._ready = False
    files.make_folder(settings.jobs)
    for job in jobs.read_all(settings.jobs):
      self._take_up(job)
    self._number()

  def _take_up(self, job: Job) -> None:
    """A job of an earlier server."""
    self.jobs[job.id] = job
    if job.is_over:
      return
    if job.tries >= MAX_TRIES:
      self._fail(job, _died_line(job))
    else:
      job.state = JobState.QUEUED
      self._order.append(job.id)

  @property
  def num_waiting(self) -> int:
    """Number of jobs that wait."""
    return len(self._order)

  def check_room(self) -> None:
    """Raises `QueueFull` if no further job may wait."""
    if len(self._order) >= self._settings.queue:
      raise QueueFull

  def add(self, job: Job) -> None:
    """Appends a job, whose folder is complete.

    Raises:
      QueueFull: as many jobs wait as may; the folder is removed.
    """
    try:
      self.check_room()
    except QueueFull:
      shutil.rmtree(job.folder, ignore_errors=True)
      raise
    self.jobs[job.id] = job
    self._order.append(job.id)
    self._number()
    job.save()
    self._next()

  def remove(self, job: Job) -> None:
    """Removes a job with its files; one that is being made is stopped."""
    self.jobs.pop(job.id, None)
    if job.id in self._order:
      self._order.remove(job.id)
      self._number()
    job.state, job.error = JobState.FAILED, 'the job was removed'
    job.tell('failed', error=job.error)
    if job is self._running:
      # The worker still writes to the folder; a server that is killed now must not take up the job.
      (job.folder / jobs.INFO).unlink(missing_ok=True)
      self._send(messages.CancelJob(job.id))
    else:
      shutil.rmtree(job.folder, ignore_errors=True)

  def on_message(self, message: Any) -> None:
    """Takes a message of the worker about jobs."""
    if isinstance(message, messages.Ready):
      self._ready = True
      self._next()
      return
    job = self._running
    if job is None or message.job != job.id:
      return
    if isinstance(message, messages.JobDone):
      self._running = None
      if job.id in self.jobs:
        self._finish(job, message.error)
      else:
        shutil.rmtree(job.folder, ignore_errors=True)
      self._next()
    elif job.id in self.jobs:
      self._progress(job, message)

  def on_death(self) -> None:
    """The worker has died: its job waits again, before the others, or has failed."""
    self._ready = False
    job, self._running = self._running, None
    if job is None:
      return
    if job.id not in self.jobs:
      shutil.rmtree(job.folder, ignore_errors=True)
    elif job.tries >= MAX_TRIES:
      self._fail(job, _died_line(job))
    else:
      job.state = JobState.QUEUED
      self._order.insert(0, job.id)
      self._number()
      job.save()

  def stop(self) -> None:
    """The server ends: the job that is being made waits for the next server, and this try does not count."""
    job = self._running
    if job is not None and job.id in self.jobs:
      job.state, job.tries = JobState.QUEUED, job.tries - 1
      job.save()

  def remove_old(self) -> None:
    """Removes jobs that were over long ago."""
    for job in list(self.jobs.values()):
      if job.is_over and time.time() - (job.finished or job.created) > self._settings.keep_seconds:
        self.remove(job)

  def _next(self) -> None:
    """Gives the worker the next job if it has none."""
    if not self._ready or self._running is not None or not self._order:
      return
    job = self._running = self.jobs[self._order.pop(0)]
    job.state, job.position, job.tries = JobState.RUNNING, 0, job.tries + 1
    job.tell('running', tries=job.tries)
    job.save()  # before the worker may die of it
    self._number()
    self._send(messages.MakeJob(job.id, job.folder, job.options))

  def _number(self) -> None:
    """Tells the jobs that wait their positions, where they have changed."""
    for position, job_id in enumerate(self._order, 1):
      job = self.jobs[job_id]
      if job.position != position:
        job.position = position
        job.tell('queued', position=position)

  def _progress(self, job: Job, message: messages.JobProgress) -> None:
    job.state = JobState.RUNNING
    if message.stage == 'paused':
      job.state = JobState.PAUSED
      job.tell('paused', reason='live sessions go first')
    elif message.stage == 'portrait':
      job.has_portrait = True
      job.tell('portrait', url=f'/v1/jobs/{job.id}/portrait')
    elif message.stage == 'frames':
      job.frames, job.total = message.done, message.total
      job.tell('frames', done=message.done, total=message.total)
    elif job.events[-1].name == 'paused':
      job.tell('running', tries=job.tries)

  def _finish(self, job: Job, error: str | None) -> None:
    if error is not None:
      self._fail(job, error)
      return
    job.state, job.finished = JobState.DONE, time.time()
    job.tell('done', url=f'/v1/jobs/{job.id}/video')
    job.save()

  def _fail(self, job: Job, error: str) -> None:
    job.state, job.finished, job.error, job.position = JobState.FAILED, time.time(), error, 0
    job.tell('failed', error=error)
    job.save()


def _died_line(job: Job) -> str:
  return f'the worker process died {job.tries} times while it made the video, {job.name}: see the log of the server'
