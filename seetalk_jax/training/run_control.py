"""What a training loop watches: the time, the signals, and the progress bar."""

from __future__ import annotations

import contextlib
import pathlib
import signal
import sys
import time
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from tqdm import tqdm

from seetalk_jax.errors import ConfigError


def say(text: str) -> None:
  """A line on the first host's stderr, above the progress bar."""
  if jax.process_index() == 0:
    tqdm.write(text, file=sys.stderr)
    sys.stderr.flush()


class Clock:
  """Training time, without compilation and samples, over all runs of a directory; how far training is."""

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
    """0..1: the further of steps and, where max_minutes is set, minutes."""
    by_time = self.minutes / self._config.max_minutes if self._config.max_minutes else 0.0
    return min(1.0, max(step / self._config.num_steps, by_time))

  def finished(self, step: int) -> str | None:
    if step >= self._config.num_steps:
      return 'num_steps'
    return 'max_minutes' if self._config.max_minutes and self.minutes >= self._config.max_minutes else None

  @contextlib.contextmanager
  def paused(self):
    """Compilation and samples must not eat the schedule of a short run."""
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


class Signals:
  """Ctrl-C and SIGTERM let the step end, so that the loop can save; a second one ends at once.

  With several processes SIGTERM is JAX's own: its preemption service lets all of them agree on a step.
  """

  def __init__(self):
    self.caught: int | None = None
    self._before: dict[int, Any] = {}

  def __enter__(self) -> Signals:
    def catch(number, _):
      self.caught = number
      signal.signal(number, self._before[number])

    with contextlib.suppress(ValueError):  # not the main thread: a notebook keeps its own handlers
      numbers = (signal.SIGINT, signal.SIGTERM) if jax.process_count() == 1 else (signal.SIGINT,)
      for number in numbers:
        self._before[number] = signal.signal(number, catch)
    return self

  def __exit__(self, *_) -> None:
    for number, handler in self._before.items():
      signal.signal(number, handler)


class Bar:
  """A progress bar on a terminal, a line per logging interval elsewhere."""

  def __init__(self, config, start: int):
    self._quiet = jax.process_index() != 0
    form = '{desc} |{bar}| step {n_fmt}/{total_fmt}{postfix}'
    hidden = self._quiet or not sys.stderr.isatty()
    self._stage = config.stage
    self._bar = tqdm(total=config.num_steps, initial=start, desc=self._stage, bar_format=form, disable=hidden)

  def __enter__(self) -> Bar:
    return self

  def __exit__(self, *_) -> None:
    self._bar.close()

  def advance(self) -> None:
    self._bar.update()

  def log(self, step: int, means: dict[str, float], seconds_left: float) -> None:
    minutes, seconds = divmod(int(seconds_left), 60)
    text = f'loss {means["loss"]:.4g}, {means["steps_per_second"]:.2f} steps/s, {minutes}:{seconds:02d} left'
    self._bar.set_postfix_str(text)
    if self._bar.disable and not self._quiet:
      say(f'{self._stage} step {step}: {text}')


def reason_to_stop(clock: Clock, signals: Signals, step: int) -> str | None:
  """'num_steps', 'max_minutes', 'signal' or None, the same on all hosts."""
  caught = signals.caught is not None
  if jax.process_count() > 1:  # a signal reaches the hosts at different steps: they ask each other
    caught = step % clock.log_every == 0 and bool(np.any(multihost_utils.process_allgather(np.array(caught))))
    if multihost_utils.reached_preemption_sync_point(step):
      signals.caught, caught = signal.SIGTERM, True
    elif caught:
      signals.caught = signal.SIGINT
  return clock.finished(step) or ('signal' if caught else None)


class Profile:
  """A trace of some steps whenever somebody asks: `echo 5 > WORKDIR/profile` records the next five.

  The trace lands in WORKDIR/tensorboard (of every process that finds the file); the file is removed when it is done.
  """

  def __init__(self, workdir: str | pathlib.Path):
    self._request = pathlib.Path(workdir) / 'profile'
    self._target = str(pathlib.Path(workdir) / 'tensorboard')
    self._left = 0

  def look(self) -> None:
    """Begins a trace if one is asked for; cheap, called at every logging interval."""
    if self._left or not self._request.exists():
      return
    try:
      self._left = max(1, int(self._request.read_text().strip() or 5))
    except OSError:  # another process has just ended its own, or cannot be read: no reason to end a run
      return
    except ValueError as e:
      say(f'{self._request} gives no number of steps: {e}')
      self._let_go()
      return
    jax.profiler.start_trace(self._target)

  def stepped(self, metrics) -> None:
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
    self._let_go()
    say(f'profile in {self._target}')

  def _let_go(self) -> None:
    with contextlib.suppress(OSError):
      self._request.unlink(missing_ok=True)
