"""Limits: bodies, and pages of other sites."""

import asyncio

import pytest
from starlette.exceptions import HTTPException

from seetalk_jax.serving.limits import Limits


def asked(headers=(), parts=(b'',), method='POST', **options):
  """(status of the middleware's own answer or None, bytes that the application got)."""
  got, sent = [], []

  async def app(scope, receive, send):
    for _ in parts:
      got.append((await receive())['body'])

  async def receive():
    return {'type': 'http.request', 'body': parts[len(got)]}

  async def send(message):
    sent.append(message)

  raw = [(name.encode(), value.encode()) for name, value in headers]
  scope = {'type': 'http', 'method': method, 'headers': raw}
  asyncio.run(Limits(app, **{'max_bytes': 100, **options})(scope, receive, send))
  return (sent[0]['status'] if sent else None), b''.join(got)


def test_a_body_within_the_limit_passes():
  assert asked([('content-length', '100')], [bytes(60), bytes(40)]) == (None, bytes(100))


def test_a_body_that_is_announced_too_large_is_not_read():
  assert asked([('content-length', '101')]) == (413, b'')


def test_a_body_without_a_length_is_cut_off():
  with pytest.raises(HTTPException, match='413'):
    asked(parts=[bytes(60), bytes(60)])


@pytest.mark.parametrize(
  'origin, status',
  [
    ('http://localhost:8000', None),
    ('https://friend.org', None),
    ('https://example.org', 403),
    ('null', 403),
    ('http://localhost:8000.example.org', 403),
  ],
)
def test_origins(origin, status):
  headers = [('origin', origin), ('host', 'localhost:8000')]
  assert asked(headers, origins=['https://friend.org'])[0] == status
  assert asked(headers, method='GET')[0] is None
