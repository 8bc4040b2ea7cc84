"""Bodies of responses, and the errors that routes describe in the specification."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from seetalk_jax.serving.jobs import Job, JobState
from seetalk_jax.serving.supervisor import WorkerState


class Problem(BaseModel):
  """An error."""

  detail: str = Field(description='One line: what, where, and what to do.')


class JobInfo(BaseModel):
  """A job."""

  id: str
  state: JobState = Field(description='paused: live sessions go first, the job goes on after them.')
  position: int = Field(description='Place in the queue, 1 is the next; 0 if the job does not wait.')
  name: str = Field(description='Name of the speech file.')
  seconds: float = Field(description='Length of the speech.')
  options: dict[str, Any]
  frames: int = Field(description='Frames drawn so far.')
  total: int = Field(description='Frames of the video; 0 before the first is drawn.')
  tries: int = Field(description='How often a worker process has begun it.')
  error: str | None = Field(description='One line if the job failed.')
  portrait: bool = Field(description='Whether /portrait can be fetched.')
  created: float = Field(description='Seconds since 1970.')
  finished: float | None = Field(description='Seconds since 1970.')

  @classmethod
  def of(cls, job: Job) -> JobInfo:
    """The description of a job."""
    names = ('id', 'state', 'position', 'name', 'seconds', 'options', 'frames', 'total', 'tries', 'error')
    values = {name: getattr(job, name) for name in (*names, 'created', 'finished')}
    return cls(portrait=job.has_portrait, **values)


class SessionInfo(BaseModel):
  """A live session."""

  id: str
  delay: float = Field(description="Seconds from a sample's push to its frame, without network and player.")
  chunk: float = Field(description='Seconds of a chunk.')
  mime_type: str = Field(description='For MediaSource.addSourceBuffer.')
  size: int = Field(description='Side of the frames in pixels.')


class Cleared(BaseModel):
  """What an interruption has taken back."""

  taken_back: int = Field(description='Number of unseen frames before which the motion goes on.')


class Health(BaseModel):
  """State of the server."""

  status: WorkerState
  checkpoint: str
  device: str | None = Field(description='cpu, gpu or tpu; null before the checkpoint is loaded.')
  restarts: int = Field(description='Number of worker processes that died.')
  waiting: int = Field(description='Jobs that wait.')
  sessions: int = Field(description='Live sessions.')
  limits: dict[str, float] = Field(description='Limits of uploads, queue and sessions.')


_REASONS = {
  400: 'The body is no form.',
  403: 'A page of another site sent the request.',
  404: 'There is no such job or session, or not any more.',
  409: 'The job is not finished.',
  413: 'The file is too large, or the speech too long.',
  422: 'A field or a file cannot be used.',
  429: 'More audio waits than a session keeps: push it again later.',
  503: 'The queue is full, all sessions are taken, or the worker is not ready; see Retry-After.',
}
_RETRY_AFTER = {
  'Retry-After': {'description': 'Seconds until another try makes sense.', 'schema': {'type': 'integer'}}
}


def errors(*codes: int) -> dict[int | str, dict[str, Any]]:
  """The errors of a route, for its `responses`."""
  found: dict[int | str, dict[str, Any]] = {}
  for code in codes:
    found[code] = {'model': Problem, 'description': _REASONS[code]}
    if code in (429, 503):
      found[code]['headers'] = _RETRY_AFTER
  return found
