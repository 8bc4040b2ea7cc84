"""Turns: a job waits while a session computes, and before a chunk of one is due."""

import threading

from seetalk_jax.serving.turns import Turns


class Clock:
  now = 100.0

  def __call__(self):
    return self.now


def test_a_job_waits_for_sessions_that_compute():
  turns = Turns()
  assert turns.is_free(10)
  with turns.live('a'), turns.live('b'):
    assert not turns.is_free(0)
  assert turns.is_free(10)


def test_a_job_starts_no_step_that_is_longer_than_the_time_to_the_next_chunk():
  clock = Clock()
  turns = Turns(clock)
  turns.next_due('a', 0.5)
  turns.next_due('b', 2.0)
  assert turns.is_free(0.4) and not turns.is_free(0.6)
  clock.now += 0.3
  assert turns.is_free(0.1) and not turns.is_free(0.4)
  turns.next_due('a', None)
  assert turns.is_free(1.6) and not turns.is_free(1.8)


def test_a_step_is_as_long_as_its_shortest_time_without_compiling():
  turns = Turns()
  assert turns.seconds_of('portrait') == 0
  for seconds in (30.0, 3.0, 2.0, 4.0):
    turns.took('portrait', seconds)
  assert turns.seconds_of('portrait') == 2.0 and turns.seconds_of('motion') == 0
  for _ in range(10):
    turns.took('portrait', 5.0)
  assert turns.seconds_of('portrait') == 5.0


def test_wait_tells_once_that_it_waits_and_goes_on_after_the_session():
  turns, told, free = Turns(), [], threading.Event()

  def job():
    turns.wait(0.0, lambda: False, lambda: told.append('paused'))
    free.set()

  with turns.live('a'):
    thread = threading.Thread(target=job, daemon=True)
    thread.start()
    assert not free.wait(0.3) and told == ['paused']
  assert free.wait(5) and told == ['paused']


def test_wait_tells_nothing_where_it_need_not_wait_and_ends_when_it_is_stopped():
  turns, told = Turns(), []
  turns.wait(0.0, lambda: False, lambda: told.append('paused'))
  assert told == []
  with turns.live('a'):
    turns.wait(0.0, lambda: bool(told), lambda: told.append('paused'))
  assert told == ['paused']
