"""Profiler traces of a running training, on request."""

from __future__ import annotations

import contextlib
import pathlib

import jax

from seetalk_jax.training.progress import print_message


class Profile:
  """A trace of some steps whenever somebody asks: `echo 5 > WORKDIR/profile` records the next five.

  The trace lands in WORKDIR/tensorboard (of every process that finds the file); the file is removed when it is done.
  """

  def __init__(self, workdir: str | pathlib.Path):
    self._request = pathlib.Path(workdir) / 'profile'
    self._target = str(pathlib.Path(workdir) / 'tensorboard')
    self._left = 0

  def start_if_requested(self) -> None:
    """Begins a trace if one is asked for; cheap, called at every logging interval."""
    if self._left or not self._request.exists():
      return
    try:
      self._left = max(1, int(self._request.read_text().strip() or 5))
    except OSError:  # another process has just ended its own, or cannot be read: no reason to end a run
      return
    except ValueError as e:
      print_message(f'{self._request} gives no number of steps: {e}')
      self._remove_request()
      return
    jax.profiler.start_trace(self._target)

  def after_step(self, metrics) -> None:
    """After every step: ends the trace with its last one."""
    if self._left:
      self._left -= 1
      if not self._left:
        jax.block_until_ready(metrics)
        self._end()

  def stop(self) -> None:
    """At the end of a run: a trace that is open has fewer steps than were asked for."""
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
