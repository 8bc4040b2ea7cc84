"""Jobs on disk: a folder each, with inputs, results and job.json, from which a server goes on after a restart."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import json
import logging
import pathlib
import time
from typing import Any

from seetalk_jax import files

INFO = 'job.json'
_log = logging.getLogger(__name__)


class JobState(enum.StrEnum):
  """State of a job."""

  QUEUED = 'queued'
  RUNNING = 'running'
  PAUSED = 'paused'  # live sessions go first
  DONE = 'done'
  FAILED = 'failed'


OVER = (JobState.DONE, JobState.FAILED)


@dataclasses.dataclass(frozen=True)
class Event:
  """What happened to a job.

  Attributes:
    id: greater than that of every earlier event of the job, also after a restart of the server.
    name: 'queued', 'running', 'portrait', 'frames', 'paused', 'done' or 'failed'.
    data: details.
  """

  id: int
  name: str
  data: dict[str, Any]


@dataclasses.dataclass
class Job:
  """A job; changed in the event loop alone.

  Attributes:
    id: hexadecimal digits that nobody guesses.
    folder: of its files.
    name: of the speech file, as the client gave it.
    seconds: of the speech.
    options: see `forms.clip_form`.
    created, finished: seconds since 1970; `finished` is None before the end.
    state: see `JobState`.
    position: of a queued job, 1 is the next; 0 for others.
    tries: how often the worker has begun to make it.
    frames, total: frames drawn so far, and of the video.
    has_portrait: whether the portrait is there.
    error: one line of a failed job.
    events: one of each kind in a row; the last of several.
    changed: set when an event is added, and replaced then.
  """

  id: str
  folder: pathlib.Path
  name: str
  seconds: float
  options: dict[str, Any]
  created: float = dataclasses.field(default_factory=time.time)
  finished: float | None = None
  state: JobState = JobState.QUEUED
  position: int = 0
  tries: int = 0
  frames: int = 0
  total: int = 0
  has_portrait: bool = False
  error: str | None = None
  events: list[Event] = dataclasses.field(default_factory=list)
  changed: asyncio.Event = dataclasses.field(default_factory=asyncio.Event, repr=False)

  @property
  def is_over(self) -> bool:
    """Whether the job is finished or failed."""
    return self.state in OVER

  def tell(self, name: str, **data: Any) -> None:
    """Adds an event; one of the same kind as the last replaces it, so that their number stays small."""
    last = self.events[-1].id if self.events else 0
    if self.events and self.events[-1].name == name:
      self.events.pop()
    self.events.append(Event(max(last + 1, int(time.time() * 1000)), name, data))
    changed, self.changed = self.changed, asyncio.Event()
    changed.set()

  def events_after(self, last: int) -> list[Event]:
    """Events with a greater id."""
    return [event for event in self.events if event.id > last]

  def save(self) -> None:
    """Writes job.json; an error of the disk is logged."""
    content = {
      field.name: getattr(self, field.name)
      for field in dataclasses.fields(self)
      if field.name not in ('id', 'folder', 'changed', 'events', 'position')
    }
    content['events'] = [dataclasses.asdict(event) for event in self.events]
    try:
      files.write_text(self.folder / INFO, json.dumps(content, indent=1) + '\n')
    except OSError as error:  # a full disk must not stop the queue
      _log.error('job %s: %s', self.id, error)


def read(folder: pathlib.Path) -> Job | None:
  """The job of a folder; None if the folder is no job's, such as that of a request that was cut off."""
  try:
    content = json.loads((folder / INFO).read_text('utf-8'))
    content['state'] = JobState(content['state'])
    content['events'] = [Event(**event) for event in content['events']]
    return Job(id=folder.name, folder=folder, **content)
  except (OSError, ValueError, KeyError, TypeError) as error:
    _log.warning('%s is no job and is left alone (%s)', folder, error)
    return None


def read_all(folder: pathlib.Path) -> list[Job]:
  """The jobs of a folder, in the order in which they were created."""
  found = (read(path) for path in folder.iterdir() if path.is_dir())
  return sorted((job for job in found if job is not None), key=lambda job: job.created)
