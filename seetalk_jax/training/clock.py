"""Training time and the stop condition of a run."""

from __future__ import annotations

import contextlib
import signal
import time

import jax
import numpy as np
from jax.experimental import multihost_utils

from seetalk_jax.errors import ConfigError
from seetalk_jax.training.signals import Signals


class Clock:
  """Training time and progress of a run, over all resumed runs of a directory.

  Time spent in `paused` (compilation, held-out evaluation) does not count.

  Args:
    seconds_before: seconds trained by earlier runs.
    config: see configs/.

  Raises:
    ConfigError: `max_minutes` is set with several processes.
  """

  def __init__(self, seconds_before: float, config):
    if config.max_minutes and jax.process_count() > 1:
      raise ConfigError('config.max_minutes is for one host, clocks differ: set config.num_steps alone')
    self._begin = time.monotonic() - seconds_before
    self._config = config
    self.log_every = config.log_every
    self._last = time.monotonic()

  @property
  def seconds(self) -> float:
    return time.monotonic() - self._begin

  @property
  def minutes(self) -> float:
    return self.seconds / 60

  def progress(self, step: int) -> float:
    """Progress in 0..1: the larger of the fractions of steps and, if `max_minutes` is set, of minutes."""
    by_time = self.minutes / self._config.max_minutes if self._config.max_minutes else 0.0
    return min(1.0, max(step / self._config.num_steps, by_time))

  def budget(self, step: int) -> str:
    """The step, and how much is used of the budget that ends the run first: 'step 40 of 100'."""
    limit = self._config.max_minutes
    if limit and self.minutes / limit > step / self._config.num_steps:
      return f'step {step}, minute {self.minutes:.1f} of {limit:g}'
    return f'step {step} of {self._config.num_steps}'

  def finished(self, step: int) -> str | None:
    if step >= self._config.num_steps:
      return 'num_steps'
    return 'max_minutes' if self._config.max_minutes and self.minutes >= self._config.max_minutes else None

  @contextlib.contextmanager
  def paused(self):
    """Stops the clock: in a short run, compilation and evaluation would use up the schedule."""
    before = self.seconds
    yield
    self._begin = time.monotonic() - before
    self._last = time.monotonic()

  def rate(self, steps: int) -> float:
    """Steps per second since the last call."""
    before, self._last = self._last, time.monotonic()
    return steps / max(1e-9, self._last - before)

  def seconds_left(self, step: int) -> float:
    progress = self.progress(step)
    return self.seconds * (1 - progress) / max(1e-9, progress)


def reason_to_stop(clock: Clock, signals: Signals, step: int) -> str | None:
  """Returns 'num_steps', 'max_minutes', 'signal' or None; the same on all hosts."""
  caught = signals.caught is not None
  if jax.process_count() > 1:  # a signal reaches the hosts at different steps, so they must agree on one
    caught = step % clock.log_every == 0 and bool(np.any(multihost_utils.process_allgather(np.array(caught))))
    if multihost_utils.reached_preemption_sync_point(step):
      signals.caught, caught = signal.SIGTERM, True
    elif caught:
      signals.caught = signal.SIGINT
  return clock.finished(step) or ('signal' if caught else None)
