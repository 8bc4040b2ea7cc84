"""The recipe for recordings in one command: all stages from nothing, killed on the way, to a release and a video."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
import real_records

from seetalk_jax.constants import CLIP_SIZE, RESULT_FILE, STAGES
from seetalk_jax.data import schema, sources

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, 'PYTHONPATH': str(ROOT), 'JAX_PLATFORMS': 'cpu'}


@pytest.fixture
def corpus(tmp_path):
  """Folder of a corpus of real records, as `seetalk prepare` writes it."""
  sources.add_part(tmp_path / 'mine', 'real', 'train', {})
  records = real_records.RealSource(seconds=(6, 5, 5), size=CLIP_SIZE).records
  shard = tmp_path / 'mine' / sources.shard_name('real', 'train', 0, 1)
  sources.write_shard(shard, [schema.encode(record) for record in records])
  return tmp_path / 'mine'


@pytest.mark.proof
def test_all_stages_from_recordings_to_a_video(corpus, tmp_path):
  workdir = tmp_path / 'run'
  command = [
    *(sys.executable, str(ROOT / 'train.py'), f'--config={ROOT}/configs/all.py:real-tiny'),
    *(f'--workdir={workdir}', f'--config.corpora=({str(corpus)!r},)'),
  ]
  killed = subprocess.Popen(
    command, env=ENVIRONMENT, cwd=tmp_path, stderr=subprocess.DEVNULL, start_new_session=True
  )
  deadline = time.monotonic() + 600
  while not (workdir / STAGES[1] / 'config.json').exists():
    assert killed.poll() is None and time.monotonic() < deadline
    time.sleep(0.2)
  os.killpg(killed.pid, signal.SIGKILL)  # the second stage has begun
  killed.wait()
  first = (workdir / STAGES[0] / RESULT_FILE).read_bytes()

  done = subprocess.run(command, env=ENVIRONMENT, cwd=tmp_path, capture_output=True, text=True, timeout=3000)
  assert done.returncode == 0, done.stderr[-4000:]
  assert (workdir / STAGES[0] / RESULT_FILE).read_bytes() == first  # finished stages are not trained again
  assert all(json.loads((workdir / stage / RESULT_FILE).read_text())['step'] == 2 for stage in STAGES)
  assert 'compiling the training step' in done.stderr
  info = json.loads((workdir / 'release' / 'seetalk.json').read_text())
  assert {entry['licence'] for entry in info['networks'].values()} == {'unknown'}  # recordings are not ours

  video = tmp_path / 'talk.mp4'
  generate = [
    sys.executable,
    '-m',
    'seetalk_jax',
    'generate',
    str(ROOT / 'examples' / 'speech.wav'),
    '-o',
    str(video),
  ]
  out = subprocess.run(
    [*generate, '--checkpoint', str(workdir / 'release'), '--steps', '2'],
    env=ENVIRONMENT,
    cwd=tmp_path,
    capture_output=True,
    text=True,
    timeout=1200,
  )
  assert out.returncode == 0, out.stderr[-4000:]
  assert video.stat().st_size > 1000
