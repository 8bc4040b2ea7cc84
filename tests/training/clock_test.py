"""Training clock: progress by steps and minutes, pauses that do not count, reasons to stop."""

import jax
import ml_collections
import pytest

from seetalk_jax.errors import ConfigError
from seetalk_jax.training import clock
from seetalk_jax.training.signals import Signals


@pytest.fixture
def now(monkeypatch):
  """A list with the current time in seconds, which tests set."""
  time = [100.0]
  monkeypatch.setattr(clock.time, 'monotonic', lambda: time[0])
  return time


def made(before=0.0, **changes):
  config = dict(num_steps=100, max_minutes=0, log_every=10) | changes
  return clock.Clock(before, ml_collections.ConfigDict(config))


def test_progress_is_the_larger_of_steps_and_minutes(now):
  by_steps, by_both = made(), made(max_minutes=2)
  now[0] += 60
  assert by_steps.progress(20) == 0.2 and by_steps.progress(1000) == 1.0
  assert by_both.progress(20) == 0.5 and by_both.progress(80) == 0.8
  assert by_both.seconds_left(20) == pytest.approx(60)
  assert by_steps.seconds_left(20) == pytest.approx(240)


def test_resumed_runs_go_on_counting_and_pauses_do_not_count(now):
  resumed = made(before=30.0)
  now[0] += 10
  with resumed.paused():
    now[0] += 1000
  now[0] += 5
  assert resumed.seconds == pytest.approx(45) and resumed.minutes == pytest.approx(0.75)
  assert resumed.rate(20) == pytest.approx(4)  # since the pause
  now[0] += 10
  assert resumed.rate(20) == pytest.approx(2)


def test_a_run_stops_for_its_first_reason(now):
  limited = made(max_minutes=1)
  signals = Signals()
  assert clock.reason_to_stop(limited, signals, 99) is None
  signals.caught = 15
  assert clock.reason_to_stop(limited, signals, 99) == 'signal'
  assert clock.reason_to_stop(limited, signals, 100) == 'num_steps'
  now[0] += 60
  assert clock.reason_to_stop(limited, signals, 99) == 'max_minutes'


def test_minutes_are_for_one_process(monkeypatch):
  monkeypatch.setattr(jax, 'process_count', lambda: 2)
  with pytest.raises(ConfigError, match='config.max_minutes'):
    made(max_minutes=1)
  made()
