"""Turns of the device: live sessions go first, a job waits between its chunks of frames."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

_KEPT_STEPS = 4  # measured times of a step
_LONGEST_WAIT_SECONDS = 0.25  # between two looks, so that a cancelled job ends soon


class Turns:
  """Shared by the threads of the worker.

  Args:
    clock: seconds, monotonic.
  """

  def __init__(self, clock: Callable[[], float] = time.monotonic):
    self._clock = clock
    self._changed = threading.Condition()
    self._computing: set[Hashable] = set()
    self._due: dict[Hashable, float] = {}
    self._steps: dict[str, list[float]] = collections.defaultdict(list)

  @contextmanager
  def live(self, session: Hashable) -> Iterator[None]:
    """A session computes inside of the block."""
    with self._changed:
      self._computing.add(session)
    try:
      yield
    finally:
      with self._changed:
        self._computing.discard(session)
        self._changed.notify_all()

  def next_due(self, session: Hashable, seconds: float | None) -> None:
    """The next chunk of a session has to be started in `seconds`; None: it computes nothing until further notice."""
    with self._changed:
      if seconds is None:
        self._due.pop(session, None)
      else:
        self._due[session] = self._clock() + seconds
      self._changed.notify_all()

  def took(self, step: str, seconds: float) -> None:
    """A step of a job, such as sampling a portrait, took so long."""
    self._steps[step] = [*self._steps[step][:1], *self._steps[step][1:][-_KEPT_STEPS:], seconds]

  def seconds_of(self, step: str) -> float:
    """Seconds that a step of a job takes: the least that was measured after the first time, which compiles; else 0."""
    return min(self._steps[step][1:], default=0.0)

  def is_free(self, seconds: float) -> bool:
    """Whether a job may compute for `seconds`: no session computes, and none has to before they have passed."""
    with self._changed:
      return self._is_free(seconds)

  def wait(self, seconds: float, stop: Callable[[], bool], paused: Callable[[], None]) -> None:
    """Waits until a job may compute for `seconds`.

    Args:
      seconds: that the next step of the job takes.
      stop: the wait ends when it returns True.
      paused: called once if there is a wait.
    """
    told = False
    while not stop():
      with self._changed:
        if self._is_free(seconds):
          return
        if told:
          self._changed.wait(_LONGEST_WAIT_SECONDS)
      if not told:
        paused()
        told = True

  def _is_free(self, seconds: float) -> bool:
    now = self._clock()
    return not self._computing and all(due - now >= seconds for due in self._due.values())
