"""Routes of live sessions: /v1/sessions."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Query, Request, Response, UploadFile
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from seetalk_jax.constants import SAMPLE_RATE_HZ
from seetalk_jax.errors import InputError
from seetalk_jax.inference.live_audio import MAX_WAITING_SECONDS
from seetalk_jax.media.decode import MAX_RATE_HZ, MIN_RATE_HZ
from seetalk_jax.serving import forms
from seetalk_jax.serving.job_files import SPEECH
from seetalk_jax.serving.job_routes import store_portrait
from seetalk_jax.serving.responses import Cleared, SessionInfo, errors
from seetalk_jax.serving.service import Service, service_of, store

router = APIRouter(prefix='/v1/sessions', tags=['live sessions'])
Serving = Annotated[Service, Depends(service_of)]
_PCM = {
  'requestBody': {
    'required': True,
    'description': 'PCM, signed 16 bit, little endian, mono.',
    'content': {
      'application/octet-stream': {'schema': {'type': 'string', 'format': 'binary', 'minLength': 2}}
    },
  }
}
_VIDEO = {
  'content': {'video/mp4': {}},
  'description': 'Fragmented mp4, H.264 and AAC, paced by the clock, until the session is closed.',
}


@router.post(
  '',
  status_code=201,
  response_model=SessionInfo,
  summary='Open a live session',
  responses=errors(400, 403, 413, 422, 503),
)
async def create(
  service: Serving,
  form: Annotated[dict[str, Any], Depends(forms.session_form)],
  portrait: Annotated[UploadFile | None, File(description='Picture of the face that speaks.')] = None,
  speech: Annotated[
    UploadFile | None, File(description='Speech to which a face is drawn, if there is no portrait.')
  ] = None,
  aligned: forms.Aligned = False,
) -> SessionInfo:
  """Opens a session with a portrait, or with a face that is drawn to fit the voice of `speech`.

  It returns when everything is compiled. A session without audio and without a reader of its video is closed after a
  time.
  """
  service.sessions.check_room()
  service.check_controls(form)
  async with service.upload_folder() as folder:
    picture = voice = None
    if portrait is not None and portrait.filename:
      picture = await store_portrait(service, portrait, folder, aligned)
    elif speech is not None and speech.filename:
      voice = folder / SPEECH
      await service.reader.speech(voice, await store(speech, voice))
    else:
      raise InputError('no face, this request: give portrait, or speech for which one is drawn')
    session = await service.sessions.open(picture, voice, form)
  info = session.info
  return SessionInfo(
    id=session.id, delay=info.delay, chunk=info.chunk, mime_type=info.mime_type, size=info.size
  )


@router.post(
  '/{session_id}/audio',
  status_code=204,
  summary='Append audio',
  responses=errors(403, 404, 413, 422, 429, 503),
  openapi_extra=_PCM,
)
async def push(
  service: Serving,
  session_id: str,
  request: Request,
  rate: Annotated[
    int, Query(ge=MIN_RATE_HZ, le=MAX_RATE_HZ, description='Sampling rate of the audio in Hz.')
  ] = SAMPLE_RATE_HZ,
) -> Response:
  """Appends raw audio. With 429 nothing was appended: more waits than a session keeps."""
  session = service.sessions.find(session_id)
  samples, most = bytearray(), 2 * int(MAX_WAITING_SECONDS * rate)
  async for part in request.stream():
    samples += part
    if len(samples) > most:
      raise HTTPException(413, f'more than {MAX_WAITING_SECONDS:g} s of audio in one request: send less')
  if not samples or len(samples) % 2:
    raise InputError(f'{len(samples)} bytes of audio, this request: give whole samples of 2 bytes')
  await service.sessions.push(session, bytes(samples), rate)
  return Response(status_code=204)


@router.get(
  '/{session_id}/video',
  response_class=StreamingResponse,
  summary='Video of a session',
  responses={200: _VIDEO, **errors(404, 422)},
)
async def video(service: Serving, session_id: str) -> StreamingResponse:
  """The video from now on: what is said, and silence in between. A further reader ends the stream of the first."""
  session = service.sessions.find(session_id)
  headers = {'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no'}
  return StreamingResponse(service.sessions.video(session), media_type='video/mp4', headers=headers)


@router.post(
  '/{session_id}/flush',
  status_code=204,
  summary='End an utterance',
  responses=errors(403, 404, 422, 503),
)
async def flush(service: Serving, session_id: str) -> Response:
  """What waits is spoken at once, with silence after it."""
  await service.sessions.command(service.sessions.find(session_id), 'flush')
  return Response(status_code=204)


@router.post(
  '/{session_id}/clear', response_model=Cleared, summary='Interrupt', responses=errors(403, 404, 422, 503)
)
async def clear(
  service: Serving,
  session_id: str,
  unseen: Annotated[
    int, Query(ge=0, le=100_000, description='Frames at the end of the stream that the player has dropped.')
  ] = 0,
) -> Cleared:
  """Drops the audio that waits; the motion goes on from the last frame that was seen."""
  session = service.sessions.find(session_id)
  return Cleared(taken_back=await service.sessions.command(session, 'clear', unseen=unseen))


@router.post(
  '/{session_id}/control',
  status_code=204,
  summary='Change the controls',
  responses=errors(403, 404, 413, 422, 503),
)
async def control(service: Serving, session_id: str, controls: forms.Controls) -> Response:
  """Replaces the controls from the next chunk on."""
  session, form = service.sessions.find(session_id), controls.model_dump()
  service.check_controls(form)
  await service.sessions.command(session, 'control', **form)
  return Response(status_code=204)


@router.delete('/{session_id}', status_code=204, summary='Close a session', responses=errors(403, 404, 422))
async def close(service: Serving, session_id: str) -> Response:
  """Closes the session; its video ends."""
  service.sessions.close(service.sessions.find(session_id))
  return Response(status_code=204)
