"""Random rooms: light and view of each kind."""

import numpy as np
import pytest

from seetalk_jax.synthetic.human import backgrounds, furnishing
from seetalk_jax.synthetic.human.environments import luma


@pytest.mark.parametrize('kind', furnishing.KINDS)
def test_rooms_of_each_kind_have_light_and_can_be_seen(kind):
  for seed in range(5):
    room = furnishing.sample_room(np.random.default_rng(seed), kind)
    assert sum(luma(source.color) for source in room.sources()) > 0
    seen = room.view(backgrounds.rays(12.0, 2.8, 0.02), np.random.default_rng(seed))
    assert np.isfinite(seen).all() and seen.min() >= 0 and luma(seen).max() > 0


def test_windows_are_never_only_behind_the_person():
  for seed in range(60):
    room = furnishing.sample_room(np.random.default_rng(seed), 'day')
    assert any(source.direction[2] > -0.75 for source in room.sources())


def test_lamps_behind_the_person_are_not_close():
  for seed in range(40):
    room = furnishing.sample_room(np.random.default_rng(seed), 'evening')
    assert all(lamp.place[2] >= 4 or lamp.place[2] <= max(room.low[2] + 1, -9) + 1e-6 for lamp in room.lamps)


@pytest.mark.parametrize('kind', furnishing.KINDS)
def test_shallow_rooms_are_lit_too(kind):
  # A screen's lamps had no place in rooms that end less than 6 decimeters behind the person.
  for seed in range(120):
    room = furnishing.sample_room(np.random.default_rng(seed), kind)
    assert all(lamp.place[2] > room.low[2] for lamp in room.lamps)
