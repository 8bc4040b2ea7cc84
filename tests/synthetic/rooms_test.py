"""Rooms: decay time, level of the reflections, direct sound at sample 0."""

import numpy as np
import pytest

from seetalk_jax.synthetic import rooms


def decay_time(response):
  """RT60 in seconds from the slope of the decay between -5 and -25 dB (Schroeder's integration)."""
  energy = np.cumsum(response[::-1] ** 2)[::-1]
  level = 10 * np.log10(energy / energy[1] + 1e-12)
  a, b = np.argmax(level < -5), np.argmax(level < -25)
  return 3 * (b - a) / 16000


@pytest.mark.parametrize('rt60_s', [0.2, 0.45, 0.9])
def test_reverberation_decays_as_asked(rt60_s):
  room = rooms.Room((5.0, 4.0, 2.6), rt60_s, 1.0)
  times = [decay_time(rooms.impulse_response(room, np.random.default_rng(i))[1:]) for i in range(6)]
  assert abs(np.mean(times) / rt60_s - 1) < 0.25


def test_the_direct_sound_is_first_and_strongest():
  for seed in range(40):
    rng = np.random.default_rng(seed)
    room = rooms.sample_room(rng)
    assert rooms.MIN_RT60_S <= room.rt60_s <= rooms.MAX_RT60_S
    assert 0.1 < room.distance_m <= 3.0
    response = rooms.impulse_response(room, rng)
    assert response[0] == 1.0 and np.abs(response[1:]).max() <= 0.4
    measured = -10 * np.log10(np.sum(response[1:] ** 2))
    assert room.direct_db - 0.1 < measured < room.direct_db + 3.0  # peaks are limited


def test_far_microphones_get_more_reverberation():
  near, far = (rooms.Room((5.0, 4.0, 2.6), 0.5, d) for d in (0.2, 2.0))
  assert near.direct_db > 0 > far.direct_db
  assert near.direct_db - far.direct_db > 10
