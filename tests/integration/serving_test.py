"""`seetalk serve` with networks: jobs, a worker that is killed, live sessions, requests made from the specification."""

import io
import os
import pathlib
import signal
import sys

import numpy as np
import pytest

for name in ('fastapi', 'uvicorn', 'httpx', 'python_multipart', 'prometheus_client'):
  pytest.importorskip(name)

import av  # noqa: E402
import fake_worker  # noqa: E402
import soundfile  # noqa: E402
import sounds  # noqa: E402
from served import served, until  # noqa: E402

from seetalk_jax.inference import unfinished_video  # noqa: E402


def recording(seconds, hz=220.0):
  file = io.BytesIO()
  soundfile.write(file, sounds.tone(seconds, hz=hz), 16_000, format='WAV')
  return file.getvalue()


@pytest.fixture(scope='module')
def server():
  with served() as client:
    yield client


def frames_of(data):
  with av.open(io.BytesIO(data)) as file:
    return list(file.decode(video=0))


@pytest.mark.slow
def test_a_job_makes_the_video_that_was_asked_for(server):
  jobs = [
    server.send_job(recording(seconds), seed=seed, size=128).json()['id']
    for seed, seconds in ((1, 0.8), (2, 1.2))
  ]
  for job, frames in zip(jobs, (20, 30), strict=True):
    assert server.finished(job, 200)['state'] == 'done'
    found = frames_of(server.get(f'/v1/jobs/{job}/video').content)
    assert len(found) == frames and found[0].width == 128
  with av.open(io.BytesIO(server.get(f'/v1/jobs/{jobs[1]}/video').content)) as file:
    assert 'seed 2' in file.metadata['comment'] and 'watermark' in file.metadata['comment']


@pytest.mark.slow
def test_a_job_goes_on_after_its_worker_was_killed(server):
  job = server.send_job(recording(23)).json()['id']
  folder = server.service.settings.jobs / job
  unfinished = unfinished_video.folder_of(folder / 'talk.mp4')
  until(lambda: list(unfinished.glob('segment-*.mp4')), 200)
  os.kill(server.service.supervisor.pid, signal.SIGKILL)
  until(lambda: server.job(job)['tries'] == 2, 200)
  assert list(unfinished.glob('segment-*.mp4'))
  found = server.finished(job, 200)
  assert (found['state'], found['tries'], found['total']) == ('done', 2, 575)
  assert len(frames_of(server.get(f'/v1/jobs/{job}/video').content)) == 575


@pytest.mark.slow
def test_a_live_session_shows_what_is_pushed(server):
  job = server.send_job(recording(0.8)).json()['id']
  server.finished(job, 200)
  face = server.get(f'/v1/jobs/{job}/portrait').content
  opened = server.post(
    '/v1/sessions', files={'portrait': ('face.png', face)}, data={'chunk': 0.32, 'lookahead': 0.2}
  )
  assert opened.status_code == 201
  session = opened.json()['id']
  assert server.post('/v1/sessions', files={'speech': ('a.wav', recording(0.8))}).status_code == 503
  samples = (sounds.tone(1.0)[:, 0] * 32767).astype('<i2').tobytes()
  data = b''
  with server.stream('GET', f'/v1/sessions/{session}/video') as video:
    assert server.post(f'/v1/sessions/{session}/audio', content=samples).status_code == 204
    assert server.post(f'/v1/sessions/{session}/flush').status_code == 204
    for part in video.iter_raw():
      data += part
      if data.count(b'moof') >= 8:
        break
  assert len(frames_of(data)) > 50
  with av.open(io.BytesIO(data)) as file:
    sound = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
  assert np.abs(sound).max() > 0.2
  assert server.post(f'/v1/sessions/{session}/clear').json() == {'taken_back': 0}
  assert server.delete(f'/v1/sessions/{session}').status_code == 204
  drawn = server.post('/v1/sessions', files={'speech': ('a.wav', recording(0.8))}, data={'seed': 4})
  assert drawn.status_code == 201
  server.delete(f'/v1/sessions/{drawn.json()["id"]}')


@pytest.mark.slow
def test_no_request_of_the_specification_makes_an_error_of_the_server():
  schemathesis = pytest.importorskip('schemathesis')
  from hypothesis import HealthCheck, Phase, given, settings

  with served(work=fake_worker.main, queue=10_000, sessions=100, max_seconds=5) as server:
    schema = schemathesis.openapi.from_url(f'{server.base_url}/openapi.json')
    seen = set()
    for operation in schema.get_all_operations():
      operation = operation.ok()

      @settings(
        max_examples=40,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
      )
      @given(case=operation.as_strategy())
      def check(case):
        answer = case.call()
        seen.add((case.operation.label, answer.status_code))
        assert answer.status_code < 500, answer.text
        assert str(answer.status_code) in case.operation.definition.raw['responses'], (
          case.operation.label,
          answer.status_code,
        )
        if answer.status_code >= 400:
          assert '\n' not in answer.json()['detail']

      check()
    assert server.get('/healthz').json()['restarts'] == 0
    assert len({label for label, _ in seen}) == len(list(schema.get_all_operations()))


@pytest.mark.slow
def test_the_command_serves_until_it_is_interrupted(tmp_path):
  import subprocess
  import time

  import httpx

  from seetalk_jax.testing import tiny_release

  command = [
    sys.executable,
    '-m',
    'seetalk_jax',
    'serve',
    '--port',
    '18765',
    '--folder',
    str(tmp_path / 'jobs'),
  ]
  with subprocess.Popen(
    [*command, '--checkpoint', tiny_release.shared(), '--device', 'cpu'],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  ) as process:
    try:
      assert process.stdout.readline().strip() == 'http://127.0.0.1:18765'
      until(lambda: httpx.get('http://127.0.0.1:18765/healthz').status_code == 200, 200)
      for other, words in ((command, 'another server uses the folder'), (command[:6], 'cannot listen')):
        second = subprocess.run(other, capture_output=True, text=True)
        assert second.returncode == 2 and words in second.stderr and second.stderr.count('\n') == 1
      began = time.monotonic()
      process.send_signal(signal.SIGTERM)
      assert process.wait(20) == 0 and time.monotonic() - began < 10
    finally:
      process.kill()
  assert pathlib.Path(tmp_path / 'jobs' / 'jobs').is_dir()
  wrong = subprocess.run([*command, '--checkpoint', str(tmp_path)], capture_output=True, text=True)
  assert wrong.returncode == 2 and wrong.stderr.count('\n') <= 2 and 'error: ' in wrong.stderr
