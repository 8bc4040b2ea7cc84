"""Kill test: a run killed at 25 random times, also during saves, ends bit for bit as an unbroken run."""

import os
import pathlib
import random
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from seetalk_jax.training import checkpoint
from seetalk_jax.training.metrics_writer import read_metrics

ROOT = pathlib.Path(__file__).resolve().parents[2]
STEPS, KILLS = 200, 25
CHANGES = (f'num_steps={STEPS}', 'checkpoint_every=10', 'log_every=10', 'sample_every=50')
ENVIRONMENT = {**os.environ, 'PYTHONPATH': str(ROOT), 'JAX_PLATFORMS': 'cpu'}


@pytest.fixture(params=['toy', 'sync_expert'])
def start(request, tmp_path):
  """`start(workdir)`: a process that trains the toy stage, or a real demo stage on a few rendered clips."""
  if request.param == 'toy':
    program, place, fields = 'tests/helpers/toy_stage.py', '', [*CHANGES, 'delay=0.02']
  else:
    clips = tmp_path / 'corpus' / 'clips'
    for split, count in (('train', 6), ('validation', 2)):
      how = ['--kind', 'clips', '--split', split, '--num', str(count), '--processes', '1']
      render = [sys.executable, '-m', 'seetalk_jax', 'corpus', str(clips), *how]
      subprocess.run(render, check=True, env=ENVIRONMENT)
    changes = (*CHANGES, f'data_root={tmp_path}', 'data.batch_size=4', 'max_minutes=0')
    program, place = 'train.py', '--workdir='
    fields = [
      f'--config={ROOT}/configs/{request.param}.py:demo',
      *(f'--config.{change}' for change in changes),
    ]

  def run(workdir):
    command = [sys.executable, str(ROOT / program), f'{place}{workdir}', *fields]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    environment = {**ENVIRONMENT, 'JAX_COMPILATION_CACHE_DIR': str(tmp_path / 'cache')}
    return subprocess.Popen(command, env=environment, **pipes)

  return run


def state(workdir):
  with checkpoint.Checkpoints(workdir) as saved:
    return saved.latest, saved.read(('params', 'ema_params', 'opt_state', 'collections', 'statistics'))


@pytest.mark.proof
def test_twenty_five_kills_change_nothing(start, tmp_path):
  whole = start(tmp_path / 'whole')
  assert whole.wait(timeout=600) == 0, whole.stderr.read()
  rng, workdir, kills, saving = random.Random(0), tmp_path / 'broken', 0, 0
  while kills < KILLS:
    process = start(workdir)
    before = latest(workdir)
    # Half of the kills wait for a save in progress; the others come any time after the first new checkpoint.
    in_save = kills % 2 == 0
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
      if in_save and unfinished(workdir):
        break
      if not in_save and latest(workdir) > before:
        time.sleep(rng.uniform(0, 0.3))
        break
      time.sleep(0.001)
    if process.poll() is not None:
      assert process.returncode == 0, process.stderr.read()
      break  # the run finished before the kill
    saving += unfinished(workdir)
    process.kill()
    process.wait()
    kills += 1
  print(f'{kills} kills, {saving} while a checkpoint was being written, latest step {latest(workdir)}')
  assert kills == KILLS and saving >= 5
  last = start(workdir)
  assert last.wait(timeout=600) == 0, last.stderr.read()
  (step, wanted), (other, found) = state(tmp_path / 'whole'), state(workdir)
  assert step == other == STEPS
  jax.tree.map(np.testing.assert_array_equal, wanted, found)
  # The order of the data is the same: every logged loss equals that of the uninterrupted run.
  losses = [
    {line['step']: line['loss'] for line in read_metrics(d) if 'loss' in line}
    for d in (tmp_path / 'whole', workdir)
  ]
  assert losses[0] == losses[1]


def latest(workdir) -> int:
  folder = workdir / 'checkpoints'
  return (
    max((int(p.name) for p in folder.iterdir() if p.name.isdigit()), default=-1) if folder.exists() else -1
  )


def unfinished(workdir) -> bool:
  folder = workdir / 'checkpoints'
  return folder.exists() and any('tmp' in p.name for p in folder.iterdir())
