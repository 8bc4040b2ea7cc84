"""Signal handlers for training and the command line.

This module imports only the standard library, so that `seetalk --help` is fast.
"""

from __future__ import annotations

import contextlib
import dataclasses
import signal
from collections.abc import Callable, Iterable, Iterator
from typing import Any


@contextlib.contextmanager
def handled(numbers: Iterable[int], handler: Callable[[int], Any], *, once: bool = False) -> Iterator[None]:
  """Calls `handler(number)` on these signals inside the context, then restores the previous handlers.

  Outside of the main thread (a notebook) Python cannot set handlers; the context then does nothing.

  Args:
    numbers: signal numbers.
    handler: called with the signal number.
    once: restore the previous handler at the first signal, so that a second one ends the process.
  """
  before: dict[int, Any] = {}

  def restore(number: int) -> None:
    if before[number] is not None:  # None: set by C code, which Python cannot set again
      signal.signal(number, before[number])

  def catch(number: int, _) -> None:
    if once:
      restore(number)
    handler(number)

  try:
    with contextlib.suppress(ValueError):  # not the main thread
      for number in numbers:
        before[number] = signal.signal(number, catch)
    yield
  finally:
    for number in before:
      restore(number)


@dataclasses.dataclass
class Signals:
  """Signal recorded by `recorded`.

  Attributes:
    caught: signal number, or None.
  """

  caught: int | None = None


@contextlib.contextmanager
def recorded(numbers: Iterable[int] = (signal.SIGINT, signal.SIGTERM)) -> Iterator[Signals]:
  """Records the first signal, so that a loop can finish its step and save; a second one ends the process."""
  signals = Signals()

  def record(number: int) -> None:
    signals.caught = number

  with handled(numbers, record, once=True):
    yield signals
