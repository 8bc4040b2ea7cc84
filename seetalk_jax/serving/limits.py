"""Limits of requests: size of the body, and pages of other sites."""

from __future__ import annotations

import urllib.parse
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

_UNSAFE = {'POST', 'PUT', 'PATCH', 'DELETE'}


class Limits:
  """ASGI middleware that refuses bodies that are too large, with 413, and requests of other sites' pages, with 403.

  A browser sends a form of any page to any address, also to 127.0.0.1, and names the page's site in `Origin`.

  Args:
    app: the application.
    max_bytes: of a body.
    origins: sites whose pages may send requests, besides the server's own page, such as 'https://example.org'.
  """

  def __init__(self, app, max_bytes: int, origins: Collection[str] = ()):
    self._app, self._max_bytes, self._origins = app, max_bytes, frozenset(origins)

  async def __call__(self, scope, receive, send) -> None:
    if scope['type'] != 'http':
      await self._app(scope, receive, send)
      return
    headers = Headers(scope=scope)
    if scope['method'] in _UNSAFE and not self._is_own(headers):
      line = 'a page of another site sent the request: start the server with --origin of that site'
      await JSONResponse({'detail': line}, 403)(scope, receive, send)
      return
    length = headers.get('content-length', '')
    if length.isdecimal() and int(length) > self._max_bytes:
      response = JSONResponse({'detail': self._line}, 413, headers={'Connection': 'close'})
      await response(scope, receive, send)
      return
    received = 0

    async def limited():
      nonlocal received
      message = await receive()
      received += len(message.get('body', b''))
      if received > self._max_bytes:
        raise HTTPException(413, self._line)
      return message

    await self._app(scope, limited, send)

  @property
  def _line(self) -> str:
    return f'the request has more than {self._max_bytes:,} bytes: send less'

  def _is_own(self, headers: Headers) -> bool:
    origin = headers.get('origin')
    if origin is None or origin in self._origins:
      return True
    return urllib.parse.urlsplit(origin).netloc == headers.get('host')
