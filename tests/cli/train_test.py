"""`seetalk train` as a process: a signal ends it after it has saved, and it goes on from there."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from seetalk_jax.cli import main
from seetalk_jax.training import checkpoint

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, 'PYTHONPATH': str(ROOT), 'JAX_PLATFORMS': 'cpu'}


@pytest.mark.slow
def test_a_signal_saves_and_the_same_command_goes_on(tmp_path):
  corpus = tmp_path / 'data' / 'synthetic' / 'corpus' / 'faces'
  for split in ('train', 'validation'):
    how = ['--kind', 'faces', '--num', '8', '--size', '64', '--sketch', '--processes', '0', '--quiet']
    assert main.main(['corpus', str(corpus), '--split', split, *how]) == 0

  def start(*fields):
    command = [
      *(sys.executable, '-m', 'seetalk_jax', 'train', '--config', 'codebook:tiny', '--workdir', 'run'),
      *fields,
    ]
    return subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)

  process = start('--config.num_steps=1000000', '--config.checkpoint_every=1000000', '--config.log_every=5')
  for line in process.stderr:
    if line.startswith('codebook step'):
      break
  process.send_signal(signal.SIGTERM)
  began = time.monotonic()
  process.communicate(timeout=120)
  assert process.returncode == 128 + signal.SIGTERM and time.monotonic() - began < 60
  with checkpoint.Checkpoints(tmp_path / 'run') as saved:
    reached = saved.latest
  assert reached > 0
  process = start(f'--config.num_steps={reached + 1}', '--config.log_every=1')
  said = process.communicate(timeout=300)[1]
  assert process.returncode == 0, said
  assert f'codebook step {reached + 1}:' in said and 'codebook step 1:' not in said
