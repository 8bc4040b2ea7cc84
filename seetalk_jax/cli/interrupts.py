"""Interrupts: Ctrl-C and SIGTERM end a command within seconds, also while JAX computes or compiles.

Python runs signal handlers in the main thread between two bytecodes. A compiled program of JAX, or its compiler, can
stay in one call for a minute. In a process of the command line, a thread therefore waits for signals too. If the main
thread has not handled a signal after a short time, the thread removes unfinished files and ends the process.

This module imports only the standard library and `files`, so that `seetalk --help` is fast.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import NoReturn, TypeVar

from seetalk_jax import files
from seetalk_jax.training.signals import handled

GRACE_SECONDS = 1.5  # more than the time between two bytecodes in all Python code and short programs

Result = TypeVar('Result')

_WAIT_SECONDS = 0.2
_NUMBERS = (signal.SIGINT, signal.SIGTERM)
_was_handled = threading.Event()


@contextlib.contextmanager
def as_exceptions() -> Iterator[None]:
  """Inside, Ctrl-C raises KeyboardInterrupt and SIGTERM SystemExit (143), so that no half-written file stays."""
  ignored = signal.getsignal(signal.SIGINT) is not signal.default_int_handler  # as in background shell jobs
  with handled(_NUMBERS[1:] if ignored else _NUMBERS, _raise):
    yield


@contextlib.contextmanager
def as_request(note: str) -> Iterator[threading.Event]:
  """Inside, the first Ctrl-C or SIGTERM sets the yielded event; a second one raises, as in `as_exceptions`.

  For work that ends early and keeps its result. It must run in another thread (`in_thread`), because handlers run in
  the main thread between two bytecodes.

  Args:
    note: a line for stderr at the first signal.
  """
  requested = threading.Event()

  def request(number: int) -> None:
    if requested.is_set():
      _raise(number)
    _was_handled.set()
    requested.set()
    with contextlib.suppress(OSError):
      print(note, file=sys.stderr, flush=True)

  numbers = [number for number in _NUMBERS if signal.getsignal(number) is not signal.SIG_IGN]
  with handled(numbers, request):
    yield requested


def in_thread(function: Callable[[], Result]) -> Result:
  """Calls a function in another thread and waits for it; signals are handled meanwhile.

  An exception of a handler leaves the thread running, which does not keep the process alive.
  """
  future: concurrent.futures.Future[Result] = concurrent.futures.Future()

  def call() -> None:
    try:
      future.set_result(function())
    except BaseException as error:  # raised again by `result`
      future.set_exception(error)

  threading.Thread(target=call, daemon=True).start()
  while not future.done():
    concurrent.futures.wait([future], timeout=_WAIT_SECONDS)
  return future.result()


def _raise(number: int) -> NoReturn:
  _was_handled.set()
  if number == signal.SIGINT:
    raise KeyboardInterrupt
  sys.exit(128 + number)


def run(main: Callable[[], int]) -> NoReturn:
  """Runs `main` as this process, and ends the process with the exit status that it returns.

  After a signal the process ends at once: the end of Python would wait for the computations of JAX.
  """
  _watch()
  try:
    status = main()
  except SystemExit as ended:
    status = ended.code
  if status in [128 + number for number in _NUMBERS]:
    _leave(status)
  sys.exit(status)


def _watch() -> None:
  """Starts the thread that waits for signals."""
  read, write = os.pipe()
  os.set_blocking(write, False)
  signal.set_wakeup_fd(write, warn_on_full_buffer=False)  # C code writes the number of each signal, at once
  os.register_at_fork(after_in_child=_forget_pipe)
  threading.Thread(target=_leave_if_not_handled, args=(read,), daemon=True).start()


def leave_to_command() -> None:
  """Lets the handlers of the running command alone end it: training saves before it ends."""
  if threading.current_thread() is threading.main_thread():
    _forget_pipe()


def _forget_pipe() -> None:
  with contextlib.suppress(ValueError):  # forked from another thread
    signal.set_wakeup_fd(-1)


def _leave_if_not_handled(read: int) -> None:
  while True:
    numbers = [number for number in os.read(read, 64) if number in _NUMBERS]
    if numbers and not _was_handled.wait(GRACE_SECONDS):
      with contextlib.suppress(OSError):
        if numbers[0] == signal.SIGINT:
          print('interrupted', file=sys.stderr, flush=True)
      _leave(128 + numbers[0])
    if numbers:
      _was_handled.clear()  # a second signal counts again, where the first did not end the command


def _leave(status: int) -> NoReturn:
  """Ends this process without waiting for its threads; unfinished files and worker processes are removed."""
  try:
    files.remove_unfinished()
    if 'multiprocessing' in sys.modules:
      import multiprocessing

      for worker in multiprocessing.active_children():  # os._exit does not end them
        worker.kill()
    sys.stdout.flush()
  finally:
    os._exit(status)
