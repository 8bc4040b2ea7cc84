"""Progress reports and timings of the stages of inference: speech, portrait, motion, render, encode."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

Progress = Callable[[str, int, int], None]  # stage, done, total


def no_progress(stage: str, done: int, total: int) -> None:
  """A `Progress` that reports nothing."""


class StageTimer:
  """Measures the time of each stage and reports its progress.

  Args:
    seconds: seconds by stage; measured times are added to it.
    progress: called with (stage, done, total) at the start and end of a stage, and in between.
  """

  def __init__(self, seconds: dict[str, float], progress: Progress = no_progress):
    self.seconds, self._progress = seconds, progress

  @contextlib.contextmanager
  def __call__(self, name: str, total: int = 1) -> Iterator[Callable[[int], None]]:
    """Times a stage of `total` steps; yields a function to call with the number of steps done."""
    began = time.perf_counter()
    self._progress(name, 0, total)
    yield lambda done: self._progress(name, done, total)
    self._progress(name, total, total)
    self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began
