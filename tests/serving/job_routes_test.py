"""Jobs over HTTP, with a worker that has no networks: results, events, limits, bad files, deaths, restarts."""

import concurrent.futures
import json

import fake_worker
import pytest
from fake_worker import DIES, DIES_ONCE, ENDLESS, REFUSED
from served import served, until


@pytest.fixture(scope='module')
def server():
  with served(work=fake_worker.main, max_seconds=5, max_bytes=400_000, queue=3) as client:
    yield client


def test_a_job_gives_its_video_and_portrait(server, speech):
  made = server.send_job(speech, name='../folder/my speech.wav', seed=7, emotion='happy=0.5')
  assert made.status_code == 202
  job = made.json()
  assert (job['name'], job['seconds'], job['error']) == ('my speech.wav', 0.6, None)
  assert (job['options']['seed'], job['options']['emotion']) == (7, 'happy=0.5')
  found = server.finished(job['id'])
  assert (found['state'], found['frames'], found['total']) == ('done', 8, 8)
  video = server.get(f'/v1/jobs/{job["id"]}/video')
  assert video.content == b'video of 7' and video.headers['content-type'] == 'video/mp4'
  portrait = server.get(f'/v1/jobs/{job["id"]}/portrait')
  assert portrait.content.startswith(b'\x89PNG')
  part = server.get(f'/v1/jobs/{job["id"]}/video', headers={'Range': 'bytes=0-4'})
  assert part.status_code == 206 and part.content == b'video'


def test_events_tell_the_whole_job_and_go_on_after_the_last_one_read(server, speech):
  job = server.send_job(speech).json()['id']
  events = server.events(job)
  names = [name for _, name, _ in events]
  assert (
    names[0] in ('queued', 'running') and names[-3:] == ['portrait', 'frames', 'done'] or names[-1] == 'done'
  )
  assert json.loads(dict((name, data) for _, name, data in events)['frames']) == {'done': 8, 'total': 8}
  ids = [int(number) for number, _, _ in events]
  assert ids == sorted(set(ids))
  again = server.events(job, last=str(ids[-2]))
  assert [name for _, name, _ in again] == ['done']
  assert server.get(f'/v1/jobs/{job}/events', headers={'Last-Event-ID': str(ids[-1])}).status_code == 204
  assert server.events(job, last='nonsense')[-1][1] == 'done'


def test_many_jobs_at_once_are_not_mixed_up(speech):
  with served(work=fake_worker.main, queue=40) as server, concurrent.futures.ThreadPoolExecutor(8) as pool:
    jobs = list(pool.map(lambda seed: server.send_job(speech, seed=seed).json()['id'], range(30)))
    for seed, job in enumerate(jobs):
      assert server.finished(job)['options']['seed'] == seed
      assert server.get(f'/v1/jobs/{job}/video').content == f'video of {seed}'.encode()


def test_a_full_queue_is_busy(server, speech):
  jobs = [server.send_job(speech, seed=ENDLESS).json()['id']]
  jobs += [server.send_job(speech).json()['id'] for _ in range(3)]
  full = server.send_job(speech)
  assert (
    full.status_code == 503
    and 'queue is full' in full.json()['detail']
    and int(full.headers['Retry-After']) > 0
  )
  assert [server.job(job)['position'] for job in jobs] == [0, 1, 2, 3]
  assert server.get(f'/v1/jobs/{jobs[1]}/video').status_code == 409
  assert 'seetalk_queue_length 3.0' in server.get('/metrics').text
  for job in jobs:
    assert server.delete(f'/v1/jobs/{job}').status_code == 204
  until(
    lambda: (
      not list(server.service.settings.jobs.glob('*/*')) or server.get('/healthz').json()['waiting'] == 0
    )
  )
  assert server.finished(server.send_job(speech).json()['id'])['state'] == 'done'


@pytest.mark.parametrize(
  'fields, status, words',
  [
    ({'seed': -1}, 422, 'field seed'),
    ({'seed': 'x'}, 422, 'field seed'),
    ({'size': 65}, 422, 'field size'),
    ({'steps': 0}, 422, 'field steps'),
    ({'guidance': 'nan'}, 422, 'field guidance'),
    ({'emotion': 'jolly'}, 422, 'field emotion'),
    ({'emotion': 'happy=7'}, 422, 'field emotion'),
    ({'control_scale': 'emotion=2'}, 422, 'without emotion'),
    ({'face': 10_000}, 422, 'field face'),
  ],
)
def test_wrong_options_are_refused_in_one_line(server, speech, fields, status, words):
  answer = server.send_job(speech, **fields)
  line = answer.json()['detail']
  assert answer.status_code == status and words in line and '\n' not in line


def test_bad_files_are_refused_in_one_line(server, speech):
  for data, status, words in (
    (b'', 422, 'empty'),
    (b'no sound at all', 422, 'not an audio'),
    (speech[:50], 422, 'a.wav'),
    (bytes(10) + speech, 422, 'a.wav'),
  ):
    answer = server.send_job(data, name='a.wav')
    line = answer.json()['detail']
    assert answer.status_code == status and words in line and '\n' not in line
    assert str(server.service.settings.folder) not in line
  assert server.post('/v1/jobs', data={'seed': 1}).status_code == 422
  assert not any(server.service.settings.uploads.iterdir())


@pytest.mark.parametrize(
  'kind, body',
  [
    ('multipart/form-data', b'x'),
    ('multipart/form-data; boundary=x', b'no boundary'),
    ('multipart/form-data; boundary=x', b'--x\r\nContent-Disposition: form-data; name="speech"; filename="a'),
    ('multipart/form-data; boundary=x', b'--x\r\n\r\n\r\n--x--'),
    ('application/json', b'{"speech": 1}'),
    ('application/x-www-form-urlencoded', b'speech=%00&seed=1'),
    ('text/plain', b'\xff'),
  ],
)
def test_bodies_that_are_no_forms_are_refused(server, kind, body):
  answer = server.post('/v1/jobs', content=body, headers={'Content-Type': kind})
  assert answer.status_code in (400, 422) and '\n' not in answer.json()['detail']


def test_names_of_files_harm_nothing(server, speech):
  for name in ('a\\..\\b.wav', '/etc/passwd', '..', 'é ☃.wav', 'x' * 300, '\u202e.wav'):
    made = server.send_job(speech, name=name)
    assert made.status_code == 202
    found = made.json()['name']
    assert '/' not in found and '\\' not in found and found.isprintable() and 0 < len(found) <= 100
    server.delete(f'/v1/jobs/{made.json()["id"]}')


def test_long_and_large_uploads_are_refused(server):
  import io

  import soundfile
  import sounds

  for seconds, words in ((6, 'longer than 5 s'), (60, 'bytes')):
    file = io.BytesIO()
    soundfile.write(file, sounds.tone(seconds, 48_000 if seconds == 60 else 16_000), 16_000, format='WAV')
    answer = server.send_job(file.getvalue())
    assert answer.status_code == 413 and words in answer.json()['detail']
  # Without a length in the header.
  parts = (
    b'--x\r\nContent-Disposition: form-data; name="speech"; filename="a"\r\n\r\n',
    *[bytes(100_000)] * 20,
  )
  headers = {'Content-Type': 'multipart/form-data; boundary=x'}
  assert server.post('/v1/jobs', content=iter(parts), headers=headers).status_code == 413


@pytest.mark.parametrize(
  'job', ['..', '../jobs', '%2e%2e', '..%2f..%2fetc%2fpasswd', 'a' * 32, '%00', 'job.json']
)
def test_ids_are_no_paths(server, job):
  for ending in ('', '/events', '/video', '/portrait'):
    assert server.get(f'/v1/jobs/{job}{ending}').status_code in (404, 405)
  assert server.delete(f'/v1/jobs/{job}').status_code in (404, 405)


def test_pages_of_other_sites_cannot_send_jobs(server, speech):
  own = str(server.base_url)
  answer = server.post('/v1/jobs', files={'speech': speech}, headers={'Origin': 'https://example.org'})
  assert answer.status_code == 403
  assert server.post('/v1/jobs', files={'speech': speech}, headers={'Origin': own}).status_code == 202


def test_a_failed_job_has_one_line(server, speech):
  job = server.send_job(speech, seed=REFUSED).json()['id']
  assert server.finished(job)['error'] == 'refused, speech: give another'
  assert server.events(job)[-1][1:] == ('failed', '{"error": "refused, speech: give another"}')
  assert 'refused' in server.get(f'/v1/jobs/{job}/video').json()['detail']


def test_jobs_survive_deaths_of_the_worker(speech):
  with served(work=fake_worker.main) as server:
    once, twice, other = (server.send_job(speech, seed=seed).json()['id'] for seed in (DIES_ONCE, DIES, 5))
    assert (server.finished(once)['state'], server.job(once)['tries']) == ('done', 2)
    failed = server.finished(twice)
    assert failed['state'] == 'failed' and 'died 2 times' in failed['error']
    assert server.finished(other)['state'] == 'done'
    assert 'seetalk_worker_restarts_total 3.0' in server.get('/metrics').text
    until(lambda: server.get('/healthz').json()['restarts'] == 3)


def test_jobs_go_on_in_the_next_server_of_the_folder(tmp_path, speech):
  with served(tmp_path, work=fake_worker.main) as server:
    done = server.send_job(speech, seed=1).json()['id']
    server.finished(done)
    jobs = [server.send_job(speech, seed=seed).json()['id'] for seed in (ENDLESS, 2, 3)]
  with served(tmp_path, work=fake_worker.main) as server:
    assert server.get(f'/v1/jobs/{done}/video').content == b'video of 1'
    assert server.job(jobs[0])['state'] == 'running' and server.job(jobs[0])['tries'] == 1
    server.delete(f'/v1/jobs/{jobs[0]}')
    assert [server.finished(job)['state'] for job in jobs[1:]] == ['done', 'done']
