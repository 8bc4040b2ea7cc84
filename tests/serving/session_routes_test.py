"""Live sessions over HTTP, with a worker that has no networks."""

import io

import fake_worker
import pytest
from PIL import Image
from served import served, until


@pytest.fixture(scope='module')
def server():
  with served(work=fake_worker.main, idle_seconds=0.4) as client:
    yield client


@pytest.fixture(scope='module')
def face():
  file = io.BytesIO()
  Image.new('RGB', (64, 64), 'gray').save(file, 'PNG')
  return file.getvalue()


def opened(server, face, **fields):
  return server.post(
    '/v1/sessions', files={'portrait': ('face.png', face)}, data={'aligned': 'true', **fields}
  )


@pytest.fixture
def session(server, face):
  answer = opened(server, face)
  assert answer.status_code == 201
  yield answer.json()['id']
  server.delete(f'/v1/sessions/{answer.json()["id"]}')


def test_a_session_says_what_the_player_needs(server, session):
  assert server.get('/healthz').json()['sessions'] == 1
  assert not any(server.service.settings.uploads.iterdir())


def test_a_second_session_is_refused(server, face, session):
  answer = opened(server, face)
  assert answer.status_code == 503 and 'taken' in answer.json()['detail'] and 'Retry-After' in answer.headers
  assert server.delete(f'/v1/sessions/{session}').status_code == 204
  assert opened(server, face).status_code == 201
  until(lambda: server.get('/healthz').json()['sessions'] == 0)  # nobody reads it


def test_audio_is_taken_until_too_much_waits(server, session):
  path = f'/v1/sessions/{session}/audio'
  second = bytes(32_000)
  assert [server.post(path, content=second).status_code for _ in range(3)] == [204, 204, 429]
  assert 'Retry-After' in server.post(path, content=second).headers
  assert server.post(f'/v1/sessions/{session}/clear', params={'unseen': 3}).json() == {'taken_back': 3}
  assert server.post(path, params={'rate': 48_000}, content=bytes(96_000)).status_code == 204
  assert server.post(f'/v1/sessions/{session}/flush').status_code == 204


@pytest.mark.parametrize(
  'content, query, status',
  [(b'', {}, 422), (b'123', {}, 422), (b'12', {'rate': 10}, 422), (bytes(1_000_000), {}, 413)],
)
def test_wrong_audio_is_refused(server, session, content, query, status):
  answer = server.post(f'/v1/sessions/{session}/audio', params=query, content=content)
  assert answer.status_code == status and '\n' not in answer.json()['detail']


def test_controls_are_checked(server, session):
  path = f'/v1/sessions/{session}/control'
  assert server.post(path, json={'emotion': 'happy=0.5'}).status_code == 204
  for body in ({'emotion': 'jolly'}, {'control_scale': ['emotion=2']}, {'emotion': 3}):
    assert server.post(path, json=body).status_code == 422


def test_the_video_ends_with_the_session_and_belongs_to_the_last_reader(server, session):
  path = f'/v1/sessions/{session}/video'
  with server.stream('GET', path) as first:
    assert first.headers['content-type'] == 'video/mp4'
    earlier = first.iter_raw()
    begin = next(earlier)
    with server.stream('GET', path) as second:
      parts = second.iter_raw()
      start = next(parts)
      number = int(start[1:].split()[0])
      assert begin.startswith(f'[{number - 1} 0]'.encode()) and start.startswith(f'[{number} 0]'.encode())
      assert f'[{number} '.encode() not in b''.join(earlier)  # and it ends
      server.delete(f'/v1/sessions/{session}')
      assert f'[{number - 1} '.encode() not in b''.join(parts)


def test_a_session_with_a_reader_stays_and_one_without_is_closed(server, session):
  with server.stream('GET', f'/v1/sessions/{session}/video') as video:
    parts = video.iter_raw()
    for _ in range(60):  # 1.2 s
      next(parts)
    assert server.get('/healthz').json()['sessions'] == 1
  until(lambda: server.get('/healthz').json()['sessions'] == 0)
  assert server.post(f'/v1/sessions/{session}/audio', content=b'12').status_code == 404


def test_a_session_needs_a_face(server):
  assert 'portrait' in server.post('/v1/sessions', data={'seed': 1}).json()['detail']
  answer = server.post('/v1/sessions', files={'portrait': ('a.png', b'no picture')})
  assert answer.status_code == 422 and 'a.png' in answer.json()['detail']


@pytest.mark.parametrize('session', ['..', '%2e%2e%2f', 'a' * 32])
def test_ids_are_no_paths(server, session):
  for method, ending in (
    ('POST', '/audio'),
    ('GET', '/video'),
    ('POST', '/flush'),
    ('POST', '/clear'),
    ('DELETE', ''),
  ):
    assert server.request(method, f'/v1/sessions/{session}{ending}').status_code in (404, 405)


def test_a_death_of_the_worker_ends_the_sessions(face):
  with served(work=fake_worker.main, sessions=2) as server:
    session = opened(server, face).json()['id']
    answer = opened(server, face, seed=fake_worker.DIES)
    assert answer.status_code == 503 and 'Retry-After' in answer.headers
    assert server.post(f'/v1/sessions/{session}/flush').status_code == 404
    until(lambda: server.get('/healthz').status_code == 200)
    assert server.get('/healthz').json() | {'restarts': 1, 'sessions': 0} == server.get('/healthz').json()
    assert opened(server, face).status_code == 201
