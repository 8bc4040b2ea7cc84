"""Rooms: rays, light of windows and lamps, furniture."""

import numpy as np
import pytest

from seetalk_jax.synthetic.human import backgrounds, environments, rooms
from seetalk_jax.synthetic.human.environments import luma

WHITE = np.full(3, 1.0)


def empty(**changes):
  room = rooms.Room(
    np.array([-20.0, -14, -20]),
    np.array([20.0, 12, 30]),
    0.0,
    np.full((6, 3), 0.5, np.float32),
    ['plain'] * 6,
    [],
    [],
    [],
  )
  for name, value in changes.items():
    setattr(room, name, value)
  return room


def window(wall):
  return rooms.Panel(wall, np.array([-5.0, -3.0]), np.array([5.0, 5.0]), 'plain', 4 * WHITE, True)


@pytest.mark.parametrize('wall, expected', [(0, [-1, 0, 0]), (1, [1, 0, 0]), (4, [0, 0, -1]), (5, [0, 0, 1])])
def test_a_window_lights_from_its_wall(wall, expected):
  (source,) = empty(panels=[window(wall)]).sources()
  np.testing.assert_allclose(source.direction, expected, atol=0.15)


def test_the_light_of_a_window_is_its_solid_angle():
  (source,) = empty(panels=[window(1)]).sources()
  # 80 square decimeters at about 20 decimeters, radiance 4, over pi.
  np.testing.assert_allclose(source.color, 4 * 80 / 400 / np.pi, rtol=0.12)


def test_the_camera_turns_in_the_room():
  (source,) = empty(panels=[window(4)], yaw=0.5).sources()
  straight = empty(panels=[window(4)]).sources()[0].direction
  assert source.direction[2] < 0
  np.testing.assert_allclose(abs(np.arcsin(source.direction[0]) - np.arcsin(straight[0])), 0.5, atol=0.03)
  seen = empty(panels=[window(4)], yaw=0.5).view(backgrounds.rays(12.0, 8.0, 0.02), np.random.default_rng(0))
  bright = luma(seen).mean(0)
  # The picture shows the window on the side where the light comes from: the person's left is on the right.
  assert (bright[-40:].mean() > bright[:40].mean()) == (source.direction[0] > 0)


def test_walls_near_a_lamp_are_brighter_and_a_bright_room_throws_back_more():
  lamp = rooms.Lamp(np.array([15.0, 0, 0]), 1.0, 50 * WHITE)
  radiance = luma(empty(lamps=[lamp]).radiance())
  x = environments.sphere()[:, 0]
  assert radiance[x > 0.8].mean() > 3 * radiance[x < -0.8].mean() > 0
  dark = luma(empty(lamps=[lamp], walls=np.full((6, 3), 0.1, np.float32)).radiance())
  assert radiance[x < -0.8].mean() > 5 * dark[x < -0.8].mean()


def test_furniture_hides_the_wall_and_leaves_let_it_through():
  def seen(surface):
    box = rooms.Box(np.array([-3.0, -3, -12]), np.array([3.0, 3, -11.9]), surface, np.full(3, 0.02))
    room = empty(boxes=[box], panels=[window(5)])
    return luma(room.view(backgrounds.rays(12.0, 2.8, 0.02), np.random.default_rng(0)))

  plain, leaves = seen('plain'), seen('leaves')
  assert plain.max() < 0.2 * leaves.max()  # the box covers the whole picture
  assert 0.02 < np.mean(leaves > 3 * plain[90, 90]) < 0.98
