"""Speed of `seetalk generate` in a fresh process, with an empty and with a filled compilation cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import soundfile

from seetalk_jax import constants
from seetalk_jax.evaluation.report import Figure


def speed_figures(
  speech: np.ndarray, checkpoint: str, *, cache_variable: str = 'JAX_COMPILATION_CACHE_DIR'
) -> list[Figure]:
  """Runs the command twice on `speech` (mono, 16 kHz); wall time from process start to the finished file."""
  seconds = len(speech) / constants.SAMPLE_RATE_HZ
  cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
  figures = []
  with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, 'speech.wav')
    soundfile.write(path, speech, constants.SAMPLE_RATE_HZ, subtype='PCM_16')
    environment = {**os.environ, cache_variable: os.path.join(folder, 'cache')}
    for name, target in (('cold', '<= 60'), ('warm', '<= 20')):
      command = [sys.executable, '-m', 'seetalk_jax', 'generate', path, '--checkpoint', checkpoint, '--json']
      command += ['-o', os.path.join(folder, f'{name}.mp4')]
      start = time.monotonic()
      done = subprocess.run(command, env=environment, capture_output=True, text=True)
      wall = time.monotonic() - start
      if done.returncode:
        raise RuntimeError(f'seetalk generate failed: {done.stderr.strip()[-500:]}')
      stages = json.loads(done.stdout).get('stage_seconds', {})
      note = ', '.join(f'{k} {v:.1f}' for k, v in stages.items()) if isinstance(stages, dict) else ''
      label = f'{seconds:.0f} s of speech, {name}, {cores} cores, s'
      figures.append(Figure('speed', label, wall, target, 1, note=note))
  return figures
