"""Signal handlers of training: the first signal is recorded, the second one goes to the earlier handler."""

import os
import signal
import subprocess
import sys
import threading

from seetalk_jax.training import signals


def test_the_first_signal_is_recorded_and_the_second_reaches_the_earlier_handler():
  seen = []
  before = signal.signal(signal.SIGUSR1, lambda number, _: seen.append(number))
  try:
    with signals.recorded([signal.SIGUSR1]) as found:
      assert found.caught is None
      os.kill(os.getpid(), signal.SIGUSR1)
      assert found.caught == signal.SIGUSR1 and not seen
      os.kill(os.getpid(), signal.SIGUSR1)
      assert seen == [signal.SIGUSR1]
    os.kill(os.getpid(), signal.SIGUSR1)
    assert len(seen) == 2
  finally:
    signal.signal(signal.SIGUSR1, before)


def test_other_threads_set_no_handlers():
  before, inside = signal.getsignal(signal.SIGUSR1), []

  def body():
    with signals.recorded([signal.SIGUSR1]):
      inside.append(signal.getsignal(signal.SIGUSR1))

  thread = threading.Thread(target=body)
  thread.start()
  thread.join()
  assert inside == [before]


def test_signals_load_without_jax():
  code = 'import sys, seetalk_jax.training.signals; assert not {"jax", "numpy"} & set(sys.modules)'
  subprocess.run([sys.executable, '-c', code], check=True)
