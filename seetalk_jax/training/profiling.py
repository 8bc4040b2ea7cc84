"""Profiler traces of a training run, on request."""

from __future__ import annotations

import contextlib
import pathlib

import jax

from seetalk_jax.training.progress import print_message


class Profile:
  """Records a profiler trace on request: `echo 5 > WORKDIR/profile` traces the next five steps.

  Every process that finds the file writes a trace to WORKDIR/tensorboard. The file is removed when the trace
  is done.
  """

  def __init__(self, workdir: str | pathlib.Path):
    self._request = pathlib.Path(workdir) / 'profile'
    self._target = str(pathlib.Path(workdir) / 'tensorboard')
    self._left = 0

  def start_if_requested(self) -> None:
    """Starts a trace if one is requested; cheap, called at every logging interval."""
    if self._left or not self._request.exists():
      return
    try:
      self._left = max(1, int(self._request.read_text().strip() or 5))
    except OSError:  # unreadable, or just removed by another process: no reason to stop training
      return
    except ValueError as e:
      print_message(f'{self._request} gives no number of steps: {e}')
      self._remove_request()
      return
    jax.profiler.start_trace(self._target)

  def after_step(self, metrics) -> None:
    """Called after every step; stops the trace after its last step."""
    if self._left:
      self._left -= 1
      if not self._left:
        jax.block_until_ready(metrics)
        self._end()

  def stop(self) -> None:
    """Called at the end of a run; stops an open trace, which then has fewer steps than requested."""
    if self._left:
      self._end()

  def _end(self) -> None:
    jax.profiler.stop_trace()
    self._left = 0
    self._remove_request()
    print_message(f'profile in {self._target}')

  def _remove_request(self) -> None:
    with contextlib.suppress(OSError):
      self._request.unlink(missing_ok=True)
