"""Application: all routes of the server, its page, health and metrics."""

from __future__ import annotations

import contextlib
import importlib.resources
from collections.abc import AsyncIterator, Callable, Collection
from typing import Annotated

import fastapi
from fastapi import Depends, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse

import seetalk_jax
from seetalk_jax.serving import job_routes, metrics, problems, session_routes, worker
from seetalk_jax.serving.limits import Limits
from seetalk_jax.serving.responses import Health
from seetalk_jax.serving.service import Service, service_of
from seetalk_jax.serving.settings import MEBIBYTE, Settings
from seetalk_jax.serving.supervisor import Work

_FORM_BYTES = MEBIBYTE  # of a request beyond its two files
# The page has its script and style inside, and asks no other server for anything. The audio worklet is a blob.
_PAGE_POLICY = (
  "default-src 'none'; script-src 'unsafe-inline' blob:; style-src 'unsafe-inline'; connect-src 'self'; "
  "img-src 'self' data: blob:; media-src 'self' blob:; worker-src blob:; frame-ancestors 'none'; base-uri 'none'; "
  "form-action 'none'"
)
_DESCRIPTION = (
  'Speech in, a video of a talking face out: jobs for recordings, and live sessions. Errors are one line of JSON. The '
  'ids of jobs and sessions are secrets: who knows one can read and remove it.'
)


def create_app(
  settings: Settings,
  origins: Collection[str] = (),
  on_failure: Callable[[], None] = lambda: None,
  work: Work = worker.main,
) -> fastapi.FastAPI:
  """The application; its lifespan starts and ends the worker.

  Args:
    settings: of the server.
    origins: see `limits.Limits`.
    on_failure: called when the checkpoint cannot be loaded; see `Supervisor.failure`.
    work: the worker process, see `Supervisor`.

  Returns:
    An ASGI application; `app.state.service` is its `Service`.
  """

  @contextlib.asynccontextmanager
  async def lifespan(app: fastapi.FastAPI) -> AsyncIterator[None]:
    async with app.state.service.running():
      yield

  app = fastapi.FastAPI(
    title='seetalk-jax',
    version=seetalk_jax.__version__,
    description=_DESCRIPTION,
    lifespan=lifespan,
    docs_url=None,  # they load scripts of another server
    redoc_url=None,
    redirect_slashes=False,
  )
  app.state.service = Service(settings, work, on_failure)
  app.add_middleware(Limits, max_bytes=settings.max_bytes + _FORM_BYTES, origins=origins)
  if origins:
    app.add_middleware(CORSMiddleware, allow_origins=list(origins), allow_methods=['*'], allow_headers=['*'])
  problems.install(app)
  app.include_router(job_routes.router)
  app.include_router(session_routes.router)
  app.include_router(_router)
  return app


_router = fastapi.APIRouter()
_Serving = Annotated[Service, Depends(service_of)]


@_router.get('/', response_class=HTMLResponse, include_in_schema=False)
async def page() -> HTMLResponse:
  """The page."""
  text = importlib.resources.files('seetalk_jax.serving').joinpath('page.html').read_text('utf-8')
  return HTMLResponse(text, headers={'Content-Security-Policy': _PAGE_POLICY})


@_router.get(
  '/healthz',
  response_model=Health,
  summary='State of the server',
  responses={503: {'model': Health, 'description': 'The worker is loading the checkpoint, or it died.'}},
  tags=['server'],
)
async def health(service: _Serving) -> Response:
  """200 if the worker can compute; otherwise 503 with the same body, `status` is 'loading' or 'worker dead'."""
  settings, supervisor = service.settings, service.supervisor
  found = Health(
    status=supervisor.state,
    checkpoint=settings.checkpoint,
    device=None if supervisor.ready is None else supervisor.ready.device,
    restarts=supervisor.restarts,
    waiting=service.jobs.num_waiting,
    sessions=len(service.sessions),
    limits={
      'seconds': settings.max_seconds,
      'bytes': settings.max_bytes,
      'queue': settings.queue,
      'sessions': settings.sessions,
      'keep_seconds': settings.keep_seconds,
    },
  )
  return JSONResponse(found.model_dump(mode='json'), 200 if service.is_ready else 503)


@_router.get(
  '/metrics',
  response_class=PlainTextResponse,
  summary='Metrics in the format of Prometheus',
  tags=['server'],
)
async def metrics_text(service: _Serving) -> Response:
  """Jobs by state, queue, sessions, seconds per chunk, delay, restarts of the worker, memory."""
  return Response(service.metrics.text(), media_type=metrics.CONTENT_TYPE)
