"""Pace: how far the video is ahead of its player."""

import pytest

from seetalk_jax.serving.pace import Pace


class Clock:
  now = 50.0

  def __call__(self):
    return self.now


@pytest.fixture
def clock():
  return Clock()


def test_the_first_chunk_is_due_at_once(clock):
  assert Pace(0.8, clock).due(0.2) == 0


def test_silence_is_due_when_it_can_just_be_computed(clock):
  pace = Pace(0.8, clock)
  pace.sent(20)
  assert pace.buffered == pytest.approx(0.8) and pace.due(0.2) == pytest.approx(0.8 - 0.35)
  clock.now += 0.45
  assert pace.due(0.2) == pytest.approx(0)


def test_in_the_long_run_it_sends_as_many_frames_as_are_shown(clock):
  pace, frames = Pace(0.8, clock), 0
  for _ in range(1000):
    if pace.due(0.2) == 0:
      clock.now += 0.2
      pace.sent(20)
      frames += 20
    clock.now += 0.01
  assert frames / 25 - (clock.now - 50) == pytest.approx(0, abs=1)
  assert pace.buffered <= 0.8


def test_a_chunk_of_audio_may_be_a_little_late(clock):
  pace = Pace(0.8, clock)
  pace.sent(20)
  assert pace.arrives_in_time(0.75, 0.2) and not pace.arrives_in_time(0.85, 0.2)
  clock.now += 0.7
  assert pace.arrives_in_time(0.05, 0.2) and not pace.arrives_in_time(0.15, 0.2)


def test_audio_may_be_a_chunk_earlier_and_not_more(clock):
  pace, frames = Pace(0.8, clock), 0
  while pace.may_speak(0.2):
    pace.sent(20)
    frames += 20
  assert frames == 40 and pace.due(0.2) > 0


def test_a_player_that_ran_dry_starts_again_with_the_next_chunk(clock):
  pace = Pace(0.8, clock)
  pace.sent(20)
  clock.now += 30
  assert pace.buffered == 0
  pace.sent(20)
  assert pace.buffered == pytest.approx(0.8)
