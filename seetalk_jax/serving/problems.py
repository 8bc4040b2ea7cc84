"""Errors as one line of JSON: mistakes of a request, limits, and a worker that is not there."""

from __future__ import annotations

import logging

import fastapi
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from seetalk_jax.errors import InputError, OutputError
from seetalk_jax.serving.job_queue import QueueFull
from seetalk_jax.serving.reader import TooLongError
from seetalk_jax.serving.supervisor import RequestFailed, WorkerGone

_RETRY_SECONDS = {'full': 1, 'queue': 30, 'worker': 10, 'sessions': 30}
_log = logging.getLogger(__name__)


class NoSuchThing(Exception):
  """There is no such job or session."""


class SessionsTaken(Exception):
  """As many live sessions are open as may."""


def install(app: fastapi.FastAPI) -> None:
  """Adds the handlers of all errors to an application."""
  answers = {
    RequestValidationError: lambda error: _answer(422, _line_of(error)),
    HTTPException: lambda error: _answer(error.status_code, str(error.detail), headers=error.headers),
    NoSuchThing: lambda error: _answer(404, str(error)),
    InputError: _of_input,
    RequestFailed: _of_worker,
    QueueFull: lambda error: _busy('queue', 'the queue is full: try again later'),
    SessionsTaken: lambda error: _busy('sessions', 'all live sessions are taken: try again later'),
    WorkerGone: lambda error: _busy('worker', 'the networks are being loaded: try again later'),
    OSError: _of_system,
    Exception: _of_bug,
  }
  for kind, answer in answers.items():
    app.add_exception_handler(kind, _handler(answer))


def _handler(answer):
  async def handle(request: fastapi.Request, error: Exception) -> JSONResponse:
    del request
    return answer(error)

  return handle


def _answer(status: int, line: str, *, retry: int | None = None, headers=None) -> JSONResponse:
  headers = dict(headers or {})
  if retry is not None:
    headers['Retry-After'] = str(retry)
  return JSONResponse({'detail': ' '.join(line.split())}, status, headers=headers)


def _busy(kind: str, line: str) -> JSONResponse:
  return _answer(503, line, retry=_RETRY_SECONDS[kind])


def _of_input(error: InputError) -> JSONResponse:
  if isinstance(error, OutputError):
    return _of_system(error)
  return _answer(413 if isinstance(error, TooLongError) else 422, str(error))


def _of_worker(error: RequestFailed) -> JSONResponse:
  if error.kind == 'full':
    return _answer(429, str(error), retry=_RETRY_SECONDS['full'])
  return _answer(404 if error.kind == 'gone' else 422, str(error))


def _of_system(error: OSError) -> JSONResponse:
  _log.error('%s', error)
  return _busy('worker', 'the server cannot write its files: see its log')


def _of_bug(error: Exception) -> JSONResponse:
  # Starlette raises the exception again after this answer, so the log has its traceback.
  return _answer(500, f'an error of the server ({type(error).__name__}): see its log')


def _line_of(error: RequestValidationError) -> str:
  """One line for the first field that is wrong."""
  first = error.errors()[0]
  place = '.'.join(str(part) for part in first['loc'] if part not in ('body', 'query', 'path', 'header'))
  return f'{first["msg"]}, field {place or "body"}'
