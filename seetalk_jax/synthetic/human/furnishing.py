"""Random rooms: walls, furniture, windows and lamps."""

from __future__ import annotations

import numpy as np

from seetalk_jax.synthetic.human import surfaces
from seetalk_jax.synthetic.human.environments import neon, temperature
from seetalk_jax.synthetic.human.rooms import ALONG, Box, Lamp, Panel, Room

KINDS = ('day', 'evening', 'mixed', 'office', 'screen')


def sample_room(rng: np.random.Generator, kind: str) -> Room:
  """A room of a kind: 'day', 'evening', 'mixed', 'office' or 'screen' (a dark room with a screen in front)."""
  low = -np.array([rng.uniform(10, 35), rng.uniform(11, 16), rng.uniform(5, 40)])
  high = np.array([rng.uniform(10, 35), rng.uniform(9, 15), rng.uniform(16, 40)])
  if kind == 'office':
    low[2], low[0], high[0] = -rng.uniform(15, 80), -rng.uniform(15, 60), rng.uniform(15, 60)
  room = Room(
    low,
    high,
    float(np.clip(rng.normal(0, 0.35), -0.9, 0.9)),
    _wall_colors(rng),
    ['plain'] * 6,
    [],
    [],
    [],
    _seed(rng),
  )
  _choose_surfaces(room, rng)
  _furnish(room, rng, kind)
  _add_lights(room, rng, kind)
  return room


def _wall_colors(rng):
  paint = surfaces.wall_paint(rng)
  walls = np.tile(paint, (6, 1))
  if rng.random() < 0.25:
    walls[int(rng.integers(4)) + (0, 0, 2, 2)[int(rng.integers(4))]] = surfaces.wall_paint(rng, strong=True)
  walls[2] = surfaces.floor_color(rng)
  walls[3] = rng.uniform(0.6, 0.85) * np.array([1, 0.99, 0.96])
  return walls.astype(np.float32)


def _choose_surfaces(room, rng):
  kinds = ('plain', 'brick', 'planks', 'wallpaper', 'tiles', 'panelled')
  for wall in (0, 1, 4):
    room.surfaces[wall] = str(rng.choice(kinds, p=(0.72, 0.06, 0.07, 0.06, 0.03, 0.06)))
    if room.surfaces[wall] == 'brick':
      room.walls[wall] = np.array([0.42, 0.18, 0.11]) * rng.uniform(0.5, 1.2) if rng.random() < 0.6 else 0.7
    elif room.surfaces[wall] == 'planks':
      room.walls[wall] = surfaces.wood(rng)
  room.surfaces[2] = 'planks' if rng.random() < 0.6 else 'plain'


def _span(rng, room, wall, width, height, bottom, near=None):
  """Corners of a rectangle on a wall at a height above the floor; its middle along the wall is near `near`."""
  a, _ = ALONG[wall // 2]
  low, high = room.low[a] + 0.5, room.high[a] - 0.5
  width = min(width, high - low)
  # Rounding makes the space beside a rectangle as wide as the wall negative.
  middle = low + width / 2 + (high - low - width) * rng.random() if near is None else near
  middle = np.clip(middle, low + width / 2, high - width / 2)
  floor = room.low[1] + bottom
  top = min(floor + height, room.high[1] - 0.5)
  return np.array([middle - width / 2, floor]), np.array([middle + width / 2, top])


def _furnish(room, rng, kind):
  """Doors, pictures, shelves, curtains and boxes where the camera sees them: on the wall behind and beside."""
  spread = max(4.0, 0.35 * (15 - room.low[2]))
  for wall in (4, 4, 0, 1):
    _add_panel(room, rng, kind, wall, spread)
  if kind == 'office' and rng.random() < 0.5:
    _put(room, rng, 4, spread, 'whiteboard', [0.8, 0.82, 0.82], rng.uniform(12, 25), rng.uniform(9, 12), 9)
  for _ in range(int(rng.integers(0, 5))):
    _add_box(room, rng, spread)
  for _ in range(int(rng.integers(0, 3))):
    _add_plant(room, rng, spread)


def _put(room, rng, wall, spread, surface, color, width, height, bottom):
  """A panel on a wall, on the wall behind near the middle of the picture."""
  near = room.low[2] * np.tan(room.yaw) + rng.normal(0, spread) if wall == 4 else None
  low, high = _span(rng, room, wall, width, height, bottom, near)
  room.panels.append(Panel(wall, low, high, surface, np.asarray(color), False, _seed(rng)))


def _add_panel(room, rng, kind, wall, spread):
  def put(*args):
    _put(room, rng, wall, spread, *args)

  what = rng.random()
  if what < 0.16:
    put('door', surfaces.furniture_color(rng), rng.uniform(8, 10), rng.uniform(20, 22), 0)
  elif what < 0.42:
    for _ in range(int(rng.integers(1, 5))):
      color = surfaces.color_of(rng, 0.05, 0.6, 0.6)
      put('picture', color, *rng.uniform(3, 10, 2), rng.uniform(11, 17))
  elif what < 0.62:
    size = rng.uniform(8, 25), rng.uniform(12, 24)
    put('books', surfaces.furniture_color(rng), *size, rng.uniform(0, 6))
  elif what < 0.74:
    put('curtain', surfaces.cloth_color(rng), rng.uniform(6, 30), 26, 0.5)
  elif what < 0.82:
    put('cupboard', surfaces.furniture_color(rng), rng.uniform(10, 30), rng.uniform(8, 22), 0)
  elif what < 0.88 and kind in ('office', 'screen', 'evening'):
    put('screen', rng.uniform(0.02, 0.3, 3), rng.uniform(8, 14), rng.uniform(5, 8), rng.uniform(10, 13))


def _add_box(room, rng, spread):
  """A sofa, cupboard or table behind the person."""
  size = np.array([rng.uniform(3, 18), rng.uniform(5, 13), rng.uniform(3, 8)])
  z = rng.uniform(room.low[2] + 0.2, max(room.low[2] * 0.55, room.low[2] + 0.3))
  if z + size[2] > -3.5:  # too near to the person
    return
  low = np.array([z * np.tan(room.yaw) + rng.normal(0, spread) - size[0] / 2, room.low[1], z])
  surface = str(rng.choice(['plain', 'cloth', 'cupboard', 'books'], p=(0.3, 0.4, 0.2, 0.1)))
  color = surfaces.cloth_color(rng) if surface == 'cloth' else surfaces.furniture_color(rng)
  room.boxes.append(Box(low, low + size, surface, color, _seed(rng)))


def _add_plant(room, rng, spread):
  z = rng.uniform(room.low[2] + 1, min(room.low[2] * 0.5, -4.5)) if room.low[2] < -10 else room.low[2] + 1.5
  x, wide = z * np.tan(room.yaw) + rng.normal(0, spread), rng.uniform(3, 8)
  low = np.array([x - wide / 2, room.low[1] + rng.uniform(0, 9), z])
  high = low + np.array([wide, wide * rng.uniform(1.0, 2.2), 0.05])
  color = np.array([0.05, 0.10, 0.03]) * rng.uniform(0.6, 1.8) * (1 + rng.normal(0, 0.15, 3))
  room.boxes.append(Box(low, high, 'leaves', color, _seed(rng)))


def _add_lights(room, rng, kind):
  daylight, warm = temperature(rng.uniform(5200, 8500)), temperature(rng.uniform(2500, 3400))
  if kind in ('day', 'mixed'):
    walls = rng.choice([0, 1, 5, 4], size=int(rng.integers(1, 4)), p=(0.33, 0.33, 0.22, 0.12))
    if set(walls) == {4}:  # not only from behind
      walls = [4, rng.choice([0, 1, 5])]
    for wall in walls:
      _add_window(room, rng, int(wall), daylight * rng.uniform(5, 12))
  if kind in ('evening', 'mixed'):
    strength = 25 if kind == 'mixed' else 60
    for _ in range(int(rng.integers(1, 5))):
      _add_lamp(room, rng, temperature(rng.uniform(2400, 4000)) * strength * rng.uniform(0.5, 2))
    before = [rng.uniform(-10, 10), rng.uniform(3, 8), rng.uniform(6, 14)]
    _add_lamp(room, rng, warm * strength * rng.uniform(1, 2), before)
    if rng.random() < 0.5:
      _add_ceiling_lamp(room, rng, warm * rng.uniform(2, 8))
  if kind == 'office':
    color = temperature(rng.uniform(3500, 5600), rng.uniform(0, 0.15)) * rng.uniform(8, 14)
    for _ in range(int(rng.integers(3, 9))):
      _add_ceiling_lamp(room, rng, color)
    if rng.random() < 0.5:
      _add_window(room, rng, int(rng.choice([0, 1, 5, 4])), daylight * rng.uniform(3, 12))
  if kind == 'screen':
    _add_screen(room, rng)
    color = neon(rng) if rng.random() < 0.4 else warm
    for _ in range(int(rng.integers(1, 3))):
      wall = room.low[2] + 1
      place = [rng.uniform(-12, 12), rng.uniform(-4, 6), rng.uniform(wall, max(wall, -5))]
      _add_lamp(room, rng, color * rng.uniform(2, 12), place)


def _add_window(room, rng, wall, color):
  """A window, half of the time with curtains on both sides."""
  near = rng.uniform(-6, 16) if wall in (0, 1) else None
  low, high = _span(rng, room, wall, rng.uniform(8, 24), rng.uniform(10, 20), rng.uniform(1, 9), near)
  room.panels.append(Panel(wall, low, high, 'window', color, True, _seed(rng)))
  if rng.random() < 0.5:
    cloth = surfaces.cloth_color(rng)
    for edge, out in ((low[0], -1), (high[0], 1)):
      side = sorted((edge - 0.3 * out, edge + out * rng.uniform(2, 5)))
      corners = np.array([side[0], low[1] - 2]), np.array([side[1], high[1] + 1])
      room.panels.append(Panel(wall, *corners, 'curtain', cloth, False, _seed(rng)))


def _add_lamp(room, rng, power, place=None):
  """A lamp: at `place`, or anywhere but close to the head or in front of the lens."""
  if place is None:
    z = rng.uniform(room.low[2] + 1, room.high[2] - 2)
    if max(room.low[2] + 1, -9) < z < 4:
      z = rng.uniform(4, 10)
    x = rng.uniform(max(room.low[0] + 2, -14), min(room.high[0] - 2, 14))
    if abs(x) < 3 and z > 0:
      x += np.copysign(4, x)
    place = [x, rng.uniform(-1, min(7, room.high[1] - 2)), z]
  radius = rng.uniform(0.7, 1.6)
  room.lamps.append(Lamp(np.asarray(place), radius, power / radius**2))


def _add_ceiling_lamp(room, rng, color):
  x, z = rng.uniform(room.low[0] + 4, room.high[0] - 4), rng.uniform(-4, min(16, room.high[2] - 4))
  size = rng.uniform([3, 6], [7, 13])
  low = np.array([x, z]) - size / 2
  room.panels.append(Panel(3, low, low + size, 'plain', color, True, _seed(rng)))


def _add_screen(room, rng):
  """The screen that the person sits in front of, as a round lamp."""
  color = temperature(rng.uniform(6000, 9500)) * rng.uniform(2.1, 3.9)
  place = np.array([rng.uniform(-3, 3), rng.uniform(-3, 0), rng.uniform(5.5, 8)])
  room.lamps.append(Lamp(place, rng.uniform(1.8, 3), color))


def _seed(rng):
  return int(rng.integers(1 << 30))
