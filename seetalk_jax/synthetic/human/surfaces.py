"""Surfaces: colors of walls, windows, shelves and furniture by the place on them."""

from __future__ import annotations

import numpy as np

from seetalk_jax.synthetic.human.backgrounds import mix
from seetalk_jax.synthetic.human.vectors import smoothstep


def paint(
  surface: str, across: np.ndarray, up: np.ndarray, color: np.ndarray, seed: int, size=(100.0, 100.0)
) -> np.ndarray:
  """Albedo (or radiance of what shines), `[n, 3]`, at places of a surface.

  Args:
    surface: key of `PAINTERS`.
    across: decimeters from its left, `[n]`.
    up: decimeters from its bottom, `[n]`.
    color: main color, linear RGB, `[3]`.
    seed: of its details.
    size: width and height of the surface, decimeters.

  Returns:
    NaN where one looks through.
  """
  rng = np.random.default_rng(seed)
  color = np.asarray(color, np.float32)
  return np.asarray(PAINTERS[surface](across, up, color, rng, size), np.float32)


def _plain(x, y, color, rng, size):
  return np.broadcast_to(color, (len(x), 3))


def _stains(x, y, rng, scale):
  """Cheap smooth noise around 1: a few random waves."""
  total = np.zeros_like(x)
  for _ in range(5):
    a, b, phase = *rng.normal(0, 1 / scale, 2), rng.uniform(0, 6.28)
    total += np.sin(a * x + b * y + phase)
  return total / 5


def _brick(x, y, color, rng, size):
  row = np.floor(y / 0.75)
  column = np.floor(x / 2.4 + 0.5 * (row % 2))
  shade = _random(rng, row * 131 + column) * 0.6 + 0.7
  joint = np.minimum(y / 0.75 - row, (x / 2.4 + 0.5 * (row % 2) - column) * 3) < 0.13
  return np.where(joint[:, None], 0.45 * (0.3 + color.mean()), color * shade[:, None])


def _planks(x, y, color, rng, size):
  wide = rng.uniform(0.9, 2.2)
  plank = np.floor(x / wide)
  shade = 0.75 + 0.5 * _random(rng, plank)
  grain = 1 + 0.12 * np.sin(9 * x + 2 * np.sin(0.5 * y + 3 * _random(rng, plank)))
  gap = x / wide - plank < 0.05
  return color * (shade * grain * np.where(gap, 0.4, 1))[:, None]


def _wallpaper(x, y, color, rng, size):
  wide, other = (
    rng.uniform(0.8, 3),
    np.clip(color * rng.uniform(0.6, 1.2) * rng.uniform(0.9, 1.1, 3), 0, 0.85),
  )
  if rng.random() < 0.5:
    share = 0.5 + 0.5 * np.tanh(4 * np.sin(2 * np.pi * x / wide))
  else:
    share = smoothstep(np.sin(2 * np.pi * x / wide) * np.sin(2 * np.pi * y / wide), 0.2, 0.6)
  return mix(color, other, share)


def _tiles(x, y, color, rng, size):
  side = rng.uniform(1, 2.5)
  joint = np.minimum(x / side % 1, y / side % 1) < 0.05
  return np.where(
    joint[:, None], 0.5 * color, color * (0.95 + 0.1 * _random(rng, x // side + 57 * (y // side)))[:, None]
  )


def _panelled(x, y, color, rng, size):
  wide, tall = rng.uniform(5, 9), rng.uniform(7, 20)
  u, v = np.abs(x / wide % 1 - 0.5), np.abs(y / tall % 1 - 0.5)
  rim = (np.maximum(u * wide - wide / 2, v * tall - tall / 2) > -1.2) & (
    np.maximum(u * wide - wide / 2, v * tall - tall / 2) < -0.9
  )
  return color * np.where(rim, 0.75, 1)[:, None]


def _door(x, y, color, rng, size):
  u, v = x / size[0], y / size[1]
  frame = (u < 0.07) | (u > 0.93) | (v > 0.965)
  field = (np.abs(u - 0.5) < 0.3) & ((np.abs(v - 0.25) < 0.17) | (np.abs(v - 0.7) < 0.2))
  handle = (np.abs(u - 0.86) < 0.03) & (np.abs(v - 0.47) < 0.012)
  result = color * np.where(field, 0.88, 1)[:, None]
  result = np.where(frame[:, None], np.clip(color * 1.1 + 0.05, 0, 0.85), result)
  return np.where(handle[:, None], 0.5, result)


def _picture(x, y, color, rng, size):
  u, v = x / size[0], y / size[1]
  edge = np.minimum(np.minimum(x, size[0] - x), np.minimum(y, size[1] - y))
  line = rng.uniform(0.2, 0.7) + rng.uniform(0, 0.15) * np.sin(rng.uniform(2, 9) * u + rng.uniform(0, 6))
  result = mix(color, color_of(rng, 0.1, 0.7, 0.6), smoothstep(v - line, -0.15, 0.15))
  for _ in range(int(rng.integers(2, 9))):  # patches, as in a photograph or a painting seen from afar
    away = np.hypot((u - rng.random()) / rng.uniform(0.1, 0.5), (v - rng.random()) / rng.uniform(0.1, 0.5))
    result = mix(result, color_of(rng, 0.03, 0.6, 0.6), 0.85 * smoothstep(-away, -1.1, -0.8))
  mat, frame = rng.uniform(0.2, 0.9), color_of(rng, 0.015, 0.7, 0.1) if rng.random() < 0.6 else wood(rng)
  result = np.where((edge < mat)[:, None], 0.72, result)
  return np.where((edge < 0.25)[:, None], frame, result)


def _books(x, y, color, rng, size):
  shelf = rng.uniform(2.8, 4)
  level = np.floor(y / shelf)
  inside = y / shelf - level
  # Spines of two widths in turn.
  spine = np.floor(x / 0.45 + 0.3 * np.sin(x * 2.1 + level))
  key = spine + 997 * level
  tall = 0.55 + 0.33 * _random(rng, key)
  spines = np.stack([color_of(rng, 0.02, 0.7, 0.75) for _ in range(40)])
  book = spines[(_random(rng, key) * 40).astype(int)]
  group = _random(rng, np.floor(x / 2.3) + 131 * level)
  empty = (group < rng.uniform(0.05, 0.5)) | (inside > tall) | (inside < 0.07)
  back = color * 0.35
  result = np.where(empty[:, None], back, book)
  board = (inside < 0.07) | (np.abs(x / size[0] - 0.5) > 0.5 - 0.25 / size[0]) | (x % 8.0 < 0.25)
  return np.where(board[:, None], color, result)


def _curtain(x, y, color, rng, size):
  fold = rng.uniform(0.7, 1.6)
  wave = np.sin(2 * np.pi * x / fold + 0.8 * np.sin(0.9 * x + rng.uniform(0, 6)))
  return color * (0.72 + 0.28 * wave)[:, None]


def _cupboard(x, y, color, rng, size):
  wide, tall = rng.uniform(4, 7), rng.uniform(3, 8)
  u, v = x / wide % 1, y / tall % 1
  gap = np.minimum(np.minimum(u, 1 - u) * wide, np.minimum(v, 1 - v) * tall) < 0.08
  knob = (np.abs(u - 0.88) * wide < 0.15) & (np.abs(v - 0.5) * tall < 0.4)
  return np.where(knob[:, None], 0.5, color * np.where(gap, 0.45, 1)[:, None])


def _screen(x, y, color, rng, size):
  edge = np.minimum(np.minimum(x, size[0] - x), np.minimum(y, size[1] - y))
  return np.where((edge < 0.3)[:, None], 0.02, color * 0.15 + 0.01)


def _whiteboard(x, y, color, rng, size):
  ink = np.zeros(len(x), bool)
  for _ in range(int(rng.integers(3, 12))):
    x0, y0, length = rng.uniform(0, size[0]), rng.uniform(2, size[1] - 1), rng.uniform(2, 6)
    line = y0 + 0.25 * np.sin(9 * x + rng.uniform(0, 6))
    ink |= (np.abs(y - line) < 0.09) & (x > x0) & (x < x0 + length)
  edge = np.minimum(np.minimum(x, size[0] - x), np.minimum(y, size[1] - y))
  result = np.where(ink[:, None], rng.uniform(0.02, 0.3, 3), color)
  return np.where((edge < 0.25)[:, None], 0.35, result)


def _cloth(x, y, color, rng, size):
  cushion = np.abs(x / size[0] * rng.integers(1, 4) % 1 - 0.5)
  return color * (1 - 0.35 * smoothstep(cushion, 0.42, 0.5) + 0.08 * _stains(x, y, rng, 0.8))[:, None]


def _leaves(x, y, color, rng, size):
  """Leaves on stems above a pot; nothing (NaN) between them."""
  result = np.full((len(x), 3), np.nan, np.float32)
  foot, top = 0.5 * size[0], 0.3 * size[1]
  for _ in range(int(rng.integers(14, 40))):
    # A leaf starts on a stem and points outwards.
    angle = rng.normal(np.pi / 2, 0.75)
    reach = rng.uniform(0.15, 0.6) * size[1]
    u, v = foot + 0.6 * reach * np.cos(angle), top + reach * np.sin(angle)
    bend, long = angle + rng.normal(0, 0.5), rng.uniform(0.08, 0.2) * size[1]
    a = (x - u) * np.cos(bend) + (y - v) * np.sin(bend)
    b = (y - v) * np.cos(bend) - (x - u) * np.sin(bend) + 0.25 * a * a / long
    inside = (a / long) ** 2 + (b / (0.35 * long)) ** 2 < 1
    result[inside] = (color * rng.uniform(0.5, 1.7) * (1 + 0.3 * b / long)[:, None])[inside]
  pot = (y < top) & (np.abs(x - foot) < (0.2 + 0.06 * y / top) * size[0])
  result[pot] = color_of(rng, 0.03, 0.6, 0.5)
  return result


def _window(x, y, color, rng, size):
  u, v = x / size[0], y / size[1]
  line = rng.uniform(-0.1, 0.6)
  outside = np.array([0.25, 0.35, 0.15]) if rng.random() < 0.6 else np.array([0.4, 0.37, 0.35])
  shade = 1 + 0.35 * _stains(x, y, rng, 1.2)
  below = color * outside * shade[:, None]
  sky = mix(color, color * np.array([0.8, 0.95, 1.15]), np.clip(v, 0, 1))
  border = line + 0.06 * _stains(x, 0 * y, rng, 0.5)
  result = mix(below, sky, smoothstep(v - border, -0.04, 0.04))
  if rng.random() < 0.35:  # a blind or a thin curtain hides the view
    result = color * (0.62 + 0.1 * np.sin(2 * np.pi * (y / 0.5 if rng.random() < 0.5 else x / 1.1)))[:, None]
  bars, rows = int(rng.integers(1, 4)), int(rng.integers(1, 3))
  frame = np.minimum(
    np.abs((u * bars + 0.5) % 1 - 0.5) / bars * size[0], np.abs((v * rows + 0.5) % 1 - 0.5) / rows * size[1]
  )
  return np.where((frame < 0.3)[:, None], color * 0.06, result)


PAINTERS = {
  'plain': _plain,
  'brick': _brick,
  'planks': _planks,
  'wallpaper': _wallpaper,
  'tiles': _tiles,
  'panelled': _panelled,
  'door': _door,
  'picture': _picture,
  'books': _books,
  'curtain': _curtain,
  'cupboard': _cupboard,
  'screen': _screen,
  'whiteboard': _whiteboard,
  'cloth': _cloth,
  'leaves': _leaves,
  'window': _window,
}


def _random(rng: np.random.Generator, key: np.ndarray) -> np.ndarray:
  """A number in [0, 1) for each whole-number key."""
  return rng.random(509)[np.asarray(key, np.int64) % 509]


def color_of(rng: np.random.Generator, low: float, high: float, saturation: float) -> np.ndarray:
  """A random albedo `[3]` of luminance `low` to `high`; most are muted, `saturation` 0 to 1 bounds the others."""
  level = np.exp(rng.uniform(np.log(low), np.log(high)))
  # Colors of things: warm ones are more frequent than green and violet.
  hue = rng.choice([rng.normal(0.08, 0.04), rng.normal(0.6, 0.05), rng.random()], p=(0.5, 0.25, 0.25)) % 1
  share = saturation * rng.beta(1.2, 2.2)
  pure = np.clip(np.abs((hue * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
  color = 1 - share + share * pure
  return np.clip(level * color / (color @ np.array([0.2126, 0.7152, 0.0722])), 0.015, 0.88)


def wall_paint(rng: np.random.Generator, strong: bool = False) -> np.ndarray:
  """Albedo of wall paint, `[3]`: mostly white, cream and gray; `strong` for a colored wall."""
  if strong or rng.random() < 0.12:
    return color_of(rng, 0.06, 0.6, 0.8)
  return color_of(rng, 0.4, 0.85, 0.18)


def wood(rng: np.random.Generator) -> np.ndarray:
  """Albedo of wood, `[3]`: from dark walnut to light pine."""
  light = rng.random()
  tone = np.array([0.11, 0.055, 0.028]) * (1 - light) + np.array([0.52, 0.36, 0.20]) * light
  return np.clip(tone * rng.uniform(0.7, 1.15) * (1 + rng.normal(0, 0.06, 3)), 0.015, 0.8)


def floor_color(rng: np.random.Generator) -> np.ndarray:
  """Albedo of a floor, `[3]`: wood, carpet or stone."""
  return wood(rng) if rng.random() < 0.6 else color_of(rng, 0.06, 0.5, 0.3)


def furniture_color(rng: np.random.Generator) -> np.ndarray:
  """Albedo of furniture, `[3]`: wood, white, black or colored."""
  kind = rng.random()
  if kind < 0.5:
    return wood(rng)
  if kind < 0.78:
    return color_of(rng, 0.5, 0.8, 0.1)
  return color_of(rng, 0.02, 0.05, 0.2) if kind < 0.9 else color_of(rng, 0.04, 0.4, 0.7)


def cloth_color(rng: np.random.Generator) -> np.ndarray:
  """Albedo of curtains and covers, `[3]`."""
  return color_of(rng, 0.05, 0.7, 0.25 if rng.random() < 0.6 else 0.8)
