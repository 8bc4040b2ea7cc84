"""Progress of training on stderr: the bar follows the budget that ends the run, and compilation is announced."""

import io

import ml_collections
import pytest

from seetalk_jax.training import clock, progress


class Terminal(io.StringIO):
  def isatty(self):
    return True


@pytest.fixture
def now(monkeypatch):
  """A list with the current time in seconds, which tests set."""
  time = [100.0]
  monkeypatch.setattr(clock.time, 'monotonic', lambda: time[0])
  return time


def a_clock(**changes):
  config = {'num_steps': 1000, 'max_minutes': 0.0, 'log_every': 10} | changes
  return clock.Clock(0.0, ml_collections.ConfigDict(config))


def last_line(terminal):
  return terminal.getvalue().replace('\n', '\r').rstrip('\r').split('\r')[-1]


@pytest.mark.parametrize(
  ('minutes', 'words', 'share'),
  [
    (0.0, 'toy, step 250 of 1000', '25 %'),
    (2.0, 'toy, step 250, minute 1.0 of 2', '50 %'),  # time ends this run, long before its steps
    (60.0, 'toy, step 250 of 1000', '25 %'),
  ],
)
def test_the_bar_follows_the_budget_that_ends_the_run(now, monkeypatch, minutes, words, share):
  terminal = Terminal()
  monkeypatch.setattr(progress.sys, 'stderr', terminal)
  with progress.ProgressBar('toy', a_clock(max_minutes=minutes), 249) as bar:
    now[0] += 60
    bar.advance()
    bar.log(250, {'loss': 0.5, 'steps_per_second': 4.0})
    line = last_line(terminal)
  assert line.startswith(words) and f'| {share}, loss 0.5, 4.00 steps/s' in line


def test_without_a_terminal_there_is_a_line_per_interval(now, monkeypatch):
  log = io.StringIO()
  monkeypatch.setattr(progress.sys, 'stderr', log)
  with progress.ProgressBar('toy', a_clock(max_minutes=2), 0) as bar:
    now[0] += 60
    bar.advance()
    bar.log(1, {'loss': 0.5, 'steps_per_second': 4.0})
  progress.announce_compilation('the training step')
  assert log.getvalue().splitlines() == [
    'toy step 1: loss 0.5, 4.00 steps/s, 1:00 left',
    'compiling the training step',
  ]
