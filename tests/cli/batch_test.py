"""Batch generation over processes and devices: every video once, with equal content, also after a kill."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest
import sounds

from seetalk_jax.cli import (
  batch,
  main,
)
from seetalk_jax.testing import tiny_release

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMES = [f'voice_{i}' for i in range(5)]


@pytest.fixture
def release(monkeypatch):
  from seetalk_jax.inference import pipeline

  monkeypatch.setattr(pipeline.SeeTalk, 'load', tiny_release.load)
  return tiny_release.shared()


def test_every_job_belongs_to_one_part():
  jobs = list(range(11))
  parts = [batch.jobs_of_part(jobs, (i, 4)) for i in range(4)]
  assert sorted(sum(parts, [])) == jobs and max(map(len, parts)) - min(map(len, parts)) <= 1


def test_the_first_failure_ends_the_others():
  reached = []

  def make(pipe, job, progress):
    if job == 1:
      raise ValueError('broken')
    for step in range(10_000):
      progress('render', step, 10_000)
      time.sleep(0.001)
    reached.append(job)

  with pytest.raises(ValueError, match='broken'):
    batch.run([0, 1, 2, 3], ['one', 'two'], make, lambda *_: None)
  assert reached == []


def test_an_interrupt_does_not_wait_for_a_long_computation():
  computing, ended = threading.Event(), threading.Event()

  def make(pipe, job, progress):
    computing.set()
    ended.wait(60)
    progress('motion', 1, 1)

  def interrupt():
    computing.wait()
    os.kill(os.getpid(), signal.SIGINT)

  before = signal.signal(signal.SIGINT, signal.default_int_handler)  # background shell jobs ignore it
  threading.Thread(target=interrupt).start()
  began = time.monotonic()
  try:
    with pytest.raises(KeyboardInterrupt):
      batch.run([0, 1], ['one', 'two'], make, lambda *_: None)
    assert time.monotonic() - began < 10
  finally:
    ended.set()
    signal.signal(signal.SIGINT, before)


def test_results_come_in_the_order_of_the_list():
  reports = []

  def make(pipe, job, progress):
    time.sleep(0.02 * (3 - job))
    return job, pipe

  found = batch.run([0, 1, 2], ['one', 'two'], make, lambda *args: reports.append(args))
  assert [job for job, _ in found] == [0, 1, 2] and {pipe for _, pipe in found} == {'one', 'two'}
  assert reports[-1] == ('videos', 3, 3)


@pytest.mark.parametrize(
  'argv, message',
  [
    (['--part', '2/2'], "'2/2' is not I/N"),
    (['--part', 'x'], "'x' is not I/N"),
    (['talk.wav', '-o', 'talk.mp4', '--part', '0/2'], 'belong to --list'),
    (
      ['--list', 'list.txt', '--out-dir', 'out', '--devices', '4096', '--checkpoint', '{release}'],
      'this process has',
    ),
  ],
)
def test_mistakes_are_one_line(argv, message, tmp_path, monkeypatch, capsys, release):
  monkeypatch.chdir(tmp_path)
  sounds.write_sndfile('talk.wav', sounds.tone(0.3), 16_000)
  pathlib.Path('list.txt').write_text('talk.wav\n')
  assert main.main(['generate', *(a.replace('{release}', release) for a in argv)]) == 2
  err = capsys.readouterr().err
  assert err.startswith('error: ') and err.count('\n') == 1 and message in err


def test_a_part_without_videos_is_no_mistake(tmp_path, monkeypatch, capsys, release):
  monkeypatch.chdir(tmp_path)
  sounds.write_sndfile('talk.wav', sounds.tone(0.3), 16_000)
  pathlib.Path('list.txt').write_text('talk.wav\n')
  argv = [
    'generate',
    '--list',
    'list.txt',
    '--out-dir',
    'out',
    '--checkpoint',
    release,
    '--part',
    '1/2',
    '--json',
  ]
  assert main.main(argv) == 0 and json.loads(capsys.readouterr().out) == {'videos': []}
  assert not pathlib.Path('out').exists()


def start(folder, release, out, *options):
  environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'JAX_PLATFORMS': 'cpu'}
  environment['XLA_FLAGS'] = f'{os.environ.get("XLA_FLAGS", "")} --xla_force_host_platform_device_count=2'
  command = [
    sys.executable,
    '-m',
    'seetalk_jax',
    'generate',
    '--list',
    'list.txt',
    '--out-dir',
    out,
    '--json',
  ]
  command += ['--checkpoint', release, *options]
  return subprocess.Popen(
    command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
  )


def finish(process):
  out, err = process.communicate(timeout=300)
  assert process.returncode == 0, err[-3000:]
  return [pathlib.Path(video['output']).stem for video in json.loads(out)['videos']]


def videos(folder):
  return {path.stem: path.read_bytes() for path in pathlib.Path(folder).glob('[!.]*.mp4')}


@pytest.mark.slow
def test_two_processes_of_two_devices_make_every_video_once(tmp_path, release):
  for i, name in enumerate(NAMES):
    sounds.write_sndfile(tmp_path / f'{name}.wav', sounds.tone(0.4 + 0.1 * i), 16_000)
  (tmp_path / 'list.txt').write_text('\n'.join(f'{name}.wav' for name in NAMES))
  assert finish(start(tmp_path, release, 'whole')) == NAMES
  both = [start(tmp_path, release, 'out', '--part', f'{i}/2') for i in range(2)]
  made = [finish(process) for process in both]
  assert made == [NAMES[0::2], NAMES[1::2]]
  assert videos(tmp_path / 'out') == videos(tmp_path / 'whole')

  killed = start(tmp_path, release, 'broken', '--part', '0/2', '--resume')
  deadline = time.monotonic() + 240
  while not videos(tmp_path / 'broken') and time.monotonic() < deadline and killed.poll() is None:
    time.sleep(0.01)
  killed.kill()
  killed.wait()
  before = {path: path.stat().st_mtime_ns for path in (tmp_path / 'broken').glob('[!.]*.mp4')}
  assert before
  rest = [start(tmp_path, release, 'broken', '--part', f'{i}/2', '--resume') for i in range(2)]
  assert [finish(process) for process in rest] == [NAMES[0::2], NAMES[1::2]]
  assert videos(tmp_path / 'broken') == videos(tmp_path / 'whole')
  assert all(path.stat().st_mtime_ns == written for path, written in before.items())
