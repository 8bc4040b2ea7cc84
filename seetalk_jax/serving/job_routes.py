"""Routes of jobs: /v1/jobs."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Header, Response, UploadFile
from fastapi.responses import FileResponse, StreamingResponse
from starlette.exceptions import HTTPException

from seetalk_jax.serving import forms
from seetalk_jax.serving.job_files import PORTRAIT, PORTRAIT_INPUT, SPEECH, VIDEO
from seetalk_jax.serving.jobs import Job
from seetalk_jax.serving.problems import NoSuchThing
from seetalk_jax.serving.responses import JobInfo, errors
from seetalk_jax.serving.service import Service, service_of, store

_KEEP_ALIVE_SECONDS = 15.0  # a comment, so that proxies do not close the stream
_LONGEST_EVENT_ID = 18  # digits

router = APIRouter(prefix='/v1/jobs', tags=['jobs'])
Serving = Annotated[Service, Depends(service_of)]
_EVENTS = {
  'content': {'text/event-stream': {'schema': {'type': 'string'}}},
  'description': 'Server-sent events: queued {position}, running {tries}, portrait {url}, frames {done, total}, '
  'paused {reason}, done {url}, failed {error}. The stream ends after the last two.',
}


@router.post(
  '',
  status_code=202,
  response_model=JobInfo,
  summary='Make a video of speech',
  responses=errors(400, 403, 413, 422, 503),
)
async def create(
  service: Serving,
  form: Annotated[dict[str, Any], Depends(forms.clip_form)],
  speech: Annotated[UploadFile, File(description='Recording, or video with sound.')],
  portrait: Annotated[
    UploadFile | None, File(description='Picture of one face that speaks; a face is sampled if left out.')
  ] = None,
  aligned: forms.Aligned = False,
) -> JobInfo:
  """Puts a job into the queue. Without `portrait`, a face is sampled to fit the voice."""
  service.jobs.check_room()
  service.check_controls(form)
  async with service.upload_folder() as folder:
    path = folder / SPEECH
    name = await store(speech, path)
    seconds = await service.reader.speech(path, name)
    if portrait is not None and portrait.filename:
      await store_portrait(service, portrait, folder, aligned)
    service.jobs.check_room()
    target = service.settings.jobs / folder.name
    os.rename(folder, target)
  job = Job(id=target.name, folder=target, name=name, seconds=round(seconds, 4), options=form)
  service.jobs.add(job)
  return JobInfo.of(job)


async def store_portrait(
  service: Service, portrait: UploadFile, folder: pathlib.Path, aligned: bool
) -> pathlib.Path:
  """Checks an uploaded picture, and writes its portrait crop to a folder; returns the file."""
  upload, target = folder / 'upload', folder / PORTRAIT_INPUT
  name = await store(portrait, upload)
  await service.reader.portrait(upload, name, target, aligned)
  upload.unlink()
  return target


def _find(service: Service, job_id: str) -> Job:
  job = service.jobs.jobs.get(job_id)  # never a path: only ids of jobs are found
  if job is None:
    raise NoSuchThing('no such job, or it was removed: make a new one')
  return job


@router.get('/{job_id}', response_model=JobInfo, summary='State of a job', responses=errors(404, 422))
async def state(service: Serving, job_id: str) -> JobInfo:
  """The state of a job, with its place in the queue, and the frames that are drawn."""
  return JobInfo.of(_find(service, job_id))


@router.get(
  '/{job_id}/events',
  response_class=StreamingResponse,
  summary='Events of a job',
  responses={
    200: _EVENTS,
    204: {'description': 'The job is over, and all events were read.'},
    **errors(404, 422),
  },
)
async def events(
  service: Serving,
  job_id: str,
  last_event_id: Annotated[str | None, Header(description='Id of the last event that was read.')] = None,
) -> Response:
  """The events of a job as they happen, from its beginning or after `Last-Event-ID`."""
  job = _find(service, job_id)
  text = last_event_id or ''
  last = int(text) if text.isdecimal() and text.isascii() and len(text) <= _LONGEST_EVENT_ID else 0
  if job.is_over and not job.events_after(last):
    return Response(status_code=204)
  headers = {'Cache-Control': 'no-cache', 'X-Accel-Buffering': 'no'}
  return StreamingResponse(_stream(job, last), media_type='text/event-stream', headers=headers)


async def _stream(job: Job, last: int) -> AsyncIterator[str]:
  while True:
    changed = job.changed
    for event in job.events_after(last):
      last = event.id
      yield f'id: {event.id}\nevent: {event.name}\ndata: {json.dumps(event.data)}\n\n'
    if job.is_over:
      return
    try:
      await asyncio.wait_for(changed.wait(), _KEEP_ALIVE_SECONDS)
    except TimeoutError:
      yield ': the job goes on\n\n'


@router.get(
  '/{job_id}/video',
  response_class=FileResponse,
  summary='Video of a job',
  responses={200: {'content': {'video/mp4': {}}, 'description': 'The video, mp4.'}, **errors(404, 409, 422)},
)
async def video(service: Serving, job_id: str) -> FileResponse:
  """The finished video; ranges are supported."""
  job = _find(service, job_id)
  return _file(job, VIDEO, 'video/mp4', job.state == 'done')


@router.get(
  '/{job_id}/portrait',
  response_class=FileResponse,
  summary='Portrait of a job',
  responses={
    200: {'content': {'image/png': {}}, 'description': 'The portrait, PNG.'},
    **errors(404, 409, 422),
  },
)
async def portrait(service: Serving, job_id: str) -> FileResponse:
  """The portrait, as soon as it is drawn."""
  job = _find(service, job_id)
  return _file(job, PORTRAIT, 'image/png', job.has_portrait)


def _file(job: Job, name: str, media_type: str, is_there: bool) -> FileResponse:
  if not is_there or not (job.folder / name).is_file():
    why = f': {job.error}' if job.error else ''
    raise HTTPException(409, f'not there yet, the job is {job.state}{why}')
  return FileResponse(
    job.folder / name, media_type=media_type, filename=name, content_disposition_type='inline'
  )


@router.delete('/{job_id}', status_code=204, summary='Remove a job', responses=errors(403, 404, 422))
async def remove(service: Serving, job_id: str) -> Response:
  """Stops the job if it is being made, and removes its files."""
  service.jobs.remove(_find(service, job_id))
  return Response(status_code=204)
