"""Metrics writer: WORKDIR/metrics.jsonl, and TensorBoard if tensorboardX is installed."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping

import numpy as np
from PIL import Image

from seetalk_jax import files

try:
  from tensorboardX import SummaryWriter
except ImportError:  # an optional dependency: metrics.jsonl holds the same numbers
  SummaryWriter = None


METRICS_FILE = 'metrics.jsonl'


class MetricsWriter:
  """Writes scalars to metrics.jsonl and pictures as PNG files to WORKDIR/samples. A context manager.

  Args:
    workdir: directory of the run, created if missing.
    start_step: the step that training resumes at; later lines, left by a killed run, are dropped.
    enabled: False on all hosts but the first, which write nothing.
  """

  def __init__(self, workdir: str | pathlib.Path, start_step: int = 0, enabled: bool = True):
    self._workdir = pathlib.Path(workdir)
    self._enabled = enabled
    self._board = None
    if not enabled:
      return
    path = self._workdir / METRICS_FILE
    lines = path.read_text().splitlines() if path.exists() else []
    kept = [line for line in lines if _step_of(line) <= start_step]
    files.write_text(path, ''.join(line + '\n' for line in kept))
    self._file = path.open('a')
    if SummaryWriter is not None:
      self._board = SummaryWriter(str(self._workdir / 'tensorboard'), purge_step=start_step + 1)

  def __enter__(self) -> MetricsWriter:
    return self

  def __exit__(self, *_) -> None:
    if self._enabled:
      self._file.close()
    if self._board is not None:
      self._board.close()

  def scalars(self, step: int, values: Mapping[str, float], prefix: str = '') -> None:
    """Writes one line `{"step": ..., "PREFIXname": value, ...}`."""
    if not self._enabled:
      return
    values = {prefix + name: float(value) for name, value in values.items()}
    with files.output_errors(self._workdir / METRICS_FILE):
      self._file.write(json.dumps({'step': step, **values}) + '\n')
      self._file.flush()
    if self._board is not None:
      for name, value in values.items():
        self._board.add_scalar(name, value, step)

  def picture(self, step: int, image: np.ndarray) -> None:
    """Writes a picture, uint8 `[height, width, 3]`, to samples/STEP.png."""
    if not self._enabled:
      return
    with files.replacing(self._workdir / 'samples' / f'{step:07d}.png') as part:
      Image.fromarray(np.asarray(image, np.uint8)).save(part)
    if self._board is not None:
      self._board.add_image('sample', np.asarray(image, np.uint8), step, dataformats='HWC')


def read_metrics(workdir: str | pathlib.Path) -> list[dict[str, float]]:
  """The lines of WORKDIR/metrics.jsonl."""
  return [json.loads(line) for line in (pathlib.Path(workdir) / METRICS_FILE).read_text().splitlines()]


def _step_of(line: str) -> float:
  try:
    return json.loads(line)['step']
  except (ValueError, KeyError):  # the run was killed during the write
    return float('inf')
