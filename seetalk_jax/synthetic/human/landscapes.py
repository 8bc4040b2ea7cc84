"""Landscapes: what lies behind a person outdoors: foliage, fields, the sea, streets by day and night, walls."""

from __future__ import annotations

import numpy as np

from seetalk_jax.synthetic.human import surfaces
from seetalk_jax.synthetic.human.backgrounds import SIDE, mix, mottle
from seetalk_jax.synthetic.human.environments import luma, neon, temperature
from seetalk_jax.synthetic.human.vectors import smoothstep


def _horizon(rng):
  return rng.uniform(0.38, 0.62)


def _sky_behind(place, rays, rng, line):
  """Sky of the view, with clouds."""
  up = (line - rays.y)[..., None] * np.array([0, 1, 0]) * 0.8
  directions = np.concatenate([rays.directions[..., :1], up[..., 1:2] + 0.02, -np.ones((SIDE, SIDE, 1))], -1)
  directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
  found = place.sky(directions)
  if rng.random() < 0.6:
    cloud = smoothstep(mottle(rng, 3, 6, 4), rng.uniform(0.4, 0.6), 0.8)
    white = np.maximum(place.horizon, place.zenith) * 1.6 + 0.3 * place.sun
    found = mix(found, white, 0.8 * cloud)
  return found


def _leaves_color(rng):
  base = np.array([0.055, 0.085, 0.03]) * rng.uniform(0.6, 1.7) * (1 + rng.normal(0, 0.12, 3))
  if rng.random() < 0.12:  # autumn
    base = np.array([0.20, 0.11, 0.03]) * rng.uniform(0.6, 1.4) * (1 + rng.normal(0, 0.1, 3))
  return np.clip(base, 0.01, 0.6)


def _leaves(place, rng, fine):
  """Radiance of leaves in light and shade, `[SIDE, SIDE, 3]`."""
  clump, leaf = mottle(rng, 4, 5, 4, 0.6), mottle(rng, fine, fine, 3, 0.8)
  albedo = mix(_leaves_color(rng), _leaves_color(rng), smoothstep(mottle(rng, 4, 5, 3), 0.35, 0.65))
  shade = np.exp(4.5 * (clump - 0.6) + 2.5 * (leaf - 0.5))
  through = 0.4 * place.sun * (1.1 - 0.7 * float(place.sun_at[2]))
  flecks = smoothstep(leaf, 0.5, 0.7) * smoothstep(clump, 0.45, 0.65)
  return albedo * (shade[..., None] * place.facing() * 1.3 + through * 2.0 * flecks[..., None])


def _foliage(place, rays, rng):
  far, near = _leaves(place, rng, rng.uniform(8, 20)), _leaves(place, rng, rng.uniform(14, 40))
  haze = rng.uniform(0.02, 0.15)
  found = far * (1 - haze) + haze * 0.4 * place.horizon
  # The sky between the leaves, more of it higher up.
  sky = place.sky(rays.directions * [1, 0, 1] + [0, 0.3, 0])
  gap = mottle(rng, 5, 6, 5, 0.75) + 0.28 * (0.45 - rays.y) * rng.uniform(0, 1.3)
  found = mix(found, np.minimum(sky, 4 * place.facing()), smoothstep(gap, 0.58, 0.66))
  found = mix(found, near, smoothstep(mottle(rng, 3, 3, 5, 0.6), 0.5, 0.54))
  floor = rays.y - rng.uniform(0.5, 1.2) - 0.03 * (mottle(rng, 5, 2) - 0.5)
  ground = place.ground * place.upward() * np.exp(2 * (mottle(rng, 6, 25, 4, 0.7) - 0.5))[..., None]
  found = mix(found, ground, smoothstep(floor, 0, 0.05))
  for _ in range(int(rng.integers(0, 4))):
    middle, wide, lean = rng.random(), rng.uniform(0.01, 0.05), rng.normal(0, 0.06)
    trunk = np.abs(rays.x - middle - lean * (rays.y - 0.5)) / (wide * (0.7 + 0.5 * rays.y))
    bark = np.array([0.09, 0.07, 0.05]) * rng.uniform(0.4, 1.5) * place.facing()
    grain = (0.5 + 0.9 * mottle(rng, 40, 12, 2))[..., None]
    found = mix(found, bark * grain, smoothstep(-trunk, -1.1, -0.9) * smoothstep(-floor, -0.04, 0.0))
  bright = place.horizon + place.sun
  count = int(rng.integers(0, 60 if luma(place.sun) > 0 else 15))
  glints(found, rays, rng, count, 5 * luma(place.facing()), bright, (0.0, 0.6))
  return found


def _field(place, rays, rng):
  line = _horizon(rng)
  found = _sky_behind(place, rays, rng, line)
  haze = place.horizon * 0.6
  for far in (0.8, 0.45):  # hills or trees in haze
    top = line - rng.uniform(0.0, 0.1) - 0.06 * mottle(rng, rng.uniform(3, 25), 2)[:1]
    land = mix(
      _leaves_color(rng) * place.facing() * (0.6 + 0.8 * mottle(rng, 20, 20, 2)[..., None]),
      haze,
      far * 0.6,
    )
    found = mix(found, land, smoothstep(rays.y - top, -0.004, 0.01))
  near = place.ground * place.upward()
  texture = 0.75 + 0.5 * mottle(rng, 8, 30, 3)
  return mix(found, near * texture[..., None], smoothstep(rays.y - line - 0.02, 0, 0.015))


def _sea(place, rays, rng):
  line = _horizon(rng)
  found = _sky_behind(place, rays, rng, line)
  waves = mottle(rng, 6, 50, 3)
  water = 0.35 * place.horizon + 0.3 * place.zenith * (0.5 + waves[..., None]) + 0.02
  found = mix(found, water, smoothstep(rays.y - line, -0.002, 0.004))
  shore = line + rng.uniform(0.08, 0.4) + 0.02 * (mottle(rng, 3, 2)[:1] - 0.5)
  found = mix(
    found,
    place.ground * place.upward() * (0.85 + 0.3 * mottle(rng, 30, 60, 2)[..., None]),
    smoothstep(rays.y - shore, 0, 0.02),
  )
  if place.sun_at[2] < -0.3:
    glints(found, rays, rng, 80, luma(place.sun) * 3, place.sun, (line, min(shore.mean(), 1.0)))
  return found


def _street(place, rays, rng):
  line = rng.uniform(0.5, 0.7)
  found = _sky_behind(place, rays, rng, line)
  light, haze = place.facing(), 0.5 * place.horizon
  left = -0.1
  while left < 1.05:
    wide, top = rng.uniform(0.12, 0.5), line - rng.uniform(0.1, 0.8)
    albedo = surfaces.wall_paint(rng, strong=rng.random() < 0.4)
    inside = (rays.x >= left) & (rays.x < left + wide) & (rays.y > top) & (rays.y < line + 0.1)
    columns, rows = rng.uniform(12, 30), rng.uniform(8, 20)
    u, v = (rays.x - left) * columns % 1, (rays.y - top) * rows % 1
    pane = (np.abs(u - 0.5) < rng.uniform(0.2, 0.35)) & (np.abs(v - 0.5) < rng.uniform(0.25, 0.38))
    lit = mottle(rng, columns, rows)[..., None]
    glass = mix(np.full(3, 0.02), place.horizon, np.clip(lit * 1.4 - 0.5, 0, 0.7)[..., 0])
    house = np.where(pane[..., None], glass, albedo * light * rng.uniform(0.4, 1.2))
    found = np.where(inside[..., None], mix(house, haze, rng.uniform(0, 0.25)), found)
    left += wide
  for _ in range(int(rng.integers(0, 4))):
    _add_tree(found, place, rays, rng, line)
  found = mix(
    found,
    place.ground * place.upward() * (0.9 + 0.2 * mottle(rng, 4, 20, 2)[..., None]),
    smoothstep(rays.y - line - 0.03, 0, 0.02),
  )
  for _ in range(int(rng.integers(0, 5))):
    _add_car(found, place, rays, rng, line)
  bright = place.sun + place.horizon
  glints(found, rays, rng, int(rng.integers(0, 20)), 6 * luma(bright), bright, (line - 0.1, line + 0.05))
  return found


def _add_tree(found, place, rays, rng, line):
  """A tree or a bush, in place."""
  x, foot, radius = rng.random(), line + rng.uniform(0, 0.04), rng.uniform(0.05, 0.14)
  tall = rng.choice([0.6, 2.2, 2.8]) * radius
  trunk = (np.abs(rays.x - x) < 0.1 * radius) & (rays.y < foot) & (rays.y > foot - tall)
  found[trunk] = np.array([0.07, 0.05, 0.04]) * place.facing()
  edge = np.full((SIDE, SIDE), 9.0)
  for _ in range(9):
    u, v = x + radius * rng.normal(0, 0.55), foot - tall + radius * rng.normal(0, 0.45)
    edge = np.minimum(edge, np.hypot(rays.x - u, rays.y - v) / (radius * rng.uniform(0.4, 0.9)))
  crown = smoothstep(-edge - 1.3 * (mottle(rng, 18, 18, 3, 0.8) - 0.5), -1.1, -0.9)
  up = np.clip((foot - tall - rays.y) / radius, -1, 1)  # lighter on top
  leaves = _leaves(place, rng, 35) * (0.8 + 0.4 * up)[..., None]
  found[:] = mix(found, leaves, crown)


def _add_car(found, place, rays, rng, line):
  """A parked car, in place."""
  x, wide = rays.x - rng.random(), rng.uniform(0.07, 0.16)
  y = (line + 0.04 - rays.y) / (0.55 * wide)  # 0 at the wheels, 1 at the roof
  u = x / wide
  body = (np.abs(u) < 1) & (y > 0.1) & (y < 0.62)
  cabin = (np.abs(u + 0.05) < 0.62 - 0.25 * (y - 0.6)) & (y >= 0.55) & (y < 1)
  glass = (np.abs(u + 0.05) < 0.52 - 0.25 * (y - 0.6)) & (y > 0.62) & (y < 0.93)
  wheels = (np.hypot(np.abs(u) - 0.6, (y - 0.13) * 0.6) < 0.17) & (y > -0.05)
  paint = surfaces.color_of(rng, 0.015, 0.6, 0.15 if rng.random() < 0.75 else 0.9)
  shade = 0.55 + 0.5 * np.clip(y, 0, 1)
  for mask, color in ((body | cabin, paint), (glass, np.full(3, 0.05)), (wheels, np.full(3, 0.015))):
    found[mask] = (color * place.facing() * shade[..., None])[mask]


def _wall(place, rays, rng):
  surface = str(rng.choice(['brick', 'plain', 'planks', 'tiles', 'plain']))
  albedo = {'brick': np.array([0.36, 0.16, 0.10]) * rng.uniform(0.6, 1.4), 'planks': surfaces.wood(rng)}.get(
    surface, surfaces.wall_paint(rng, strong=rng.random() < 0.5)
  )
  reach = 6.0  # decimeters across the picture
  painted = surfaces.paint(
    surface, rays.x.ravel() * reach, rays.y.ravel() * reach, albedo, int(rng.integers(1 << 30))
  )
  stains = 0.8 + 0.4 * mottle(rng, 3, 3, 5)
  slope = 1 + rng.uniform(-0.3, 0.3) * (rays.x - 0.5) + rng.uniform(-0.2, 0.4) * (0.5 - rays.y)
  found = painted.reshape(SIDE, SIDE, 3) * place.facing() * (stains * slope)[..., None]
  if luma(place.sun) > 0.1 and rng.random() < 0.4:  # a slanted shadow
    edge = (rays.x - rng.random()) * rng.choice([-1, 1]) + rng.normal(0, 0.7) * (rays.y - 0.5)
    found *= mix(np.ones(3), np.array([0.3, 0.33, 0.4]), smoothstep(edge, -0.01, 0.03))
  return found


def _lights(place, rays, rng):
  """A street at night: dark houses with lit windows, and rows of lamps that the lens blurs to discs."""
  line, vanish = rng.uniform(0.5, 0.75), rng.uniform(-0.2, 1.2)
  found = place.sky(rays.directions) + 0.001
  found[rays.y > line] = 0.35 * place.upward() * place.ground + 0.002
  warm = temperature(rng.uniform(1900, 3500))
  found = found + 0.03 * warm * (mottle(rng, 3, 2, 2) * np.exp(-4 * np.abs(rays.y - line)))[..., None]
  left = -0.1
  while left < 1.05:
    wide, top = rng.uniform(0.15, 0.5), line - rng.uniform(0.0, 0.8)
    inside = (rays.x >= left) & (rays.x < left + wide) & (rays.y > top) & (rays.y < line + 0.05)
    found[inside] = found[inside] * 0.3 + 0.004 * warm
    columns, rows = rng.uniform(14, 40), rng.uniform(10, 26)
    u, v = (rays.x - left) * columns, (rays.y - top) * rows
    pane = inside & (np.abs(u % 1 - 0.5) < 0.3) & (np.abs(v % 1 - 0.5) < 0.32)
    lit = rng.random((64, 64))[u.astype(int) % 64, v.astype(int) % 64] < rng.uniform(0.02, 0.4)
    found[pane & lit] = temperature(rng.uniform(2300, 5000)) * rng.uniform(0.05, 0.3)
    left += wide
  for _ in range(int(rng.integers(0, 4))):  # signs and shop windows
    x, y, w, h = (
      rng.random(),
      rng.uniform(line - 0.35, line),
      rng.uniform(0.02, 0.12),
      rng.uniform(0.015, 0.06),
    )
    color = temperature(rng.uniform(2300, 6000)) if rng.random() < 0.6 else neon(rng)
    found[(np.abs(rays.x - x) < w) & (np.abs(rays.y - y) < h)] = rng.uniform(0.1, 0.4) * color
  red, green = np.array([2.2, 0.15, 0.08]), np.array([0.25, 1.2, 0.6])
  palette = [temperature(k) for k in (1900, 2300, 2900, 4200, 6000)] + [red, red, green, neon(rng)]
  for _ in range(int(rng.integers(2, 7))):  # rows of lamps that run towards one point
    color, count = palette[int(rng.integers(len(palette)))], int(rng.integers(3, 14))
    far = rng.uniform(0.02, 0.9, count) ** 2
    ends = rng.choice([-0.4, 1.4]), line - rng.uniform(-0.15, 0.9)
    places = vanish + far * (ends[0] - vanish), line + far * (ends[1] - line)
    _add_points(found, *places, rng.uniform(2, 14) * (0.3 + far) * rng.lognormal(0, 0.3, count), color)
  for color in palette:
    glints(found, rays, rng, int(rng.integers(0, 7)), rng.uniform(1, 8), color, (line - 0.3, line + 0.06))
  wet = smoothstep(rays.y, line, line + 0.05)[..., None] * rng.uniform(0, 0.3)
  return found + wet * found[::-1] * 0.5


def glints(found, rays, rng, count, strength, color, rows=(0.0, 1.0)):
  """Adds bright points at random, in place; the lens blurs them to discs. A sharp lens shows few."""
  count = round(count * np.clip((rays.blur - 0.012) / 0.03, 0, 1))
  places = rng.random(count), rng.uniform(*rows, count)
  _add_points(found, *places, strength * rng.lognormal(-0.5, 0.7, count), color)


def _add_points(found, x, y, level, color):
  column, row = (x * SIDE).astype(int), (y * SIDE).astype(int)
  inside = (column >= 0) & (column < SIDE - 1) & (row >= 0) & (row < SIDE - 1)
  column, row, level = column[inside], row[inside], level[inside]
  tone = np.asarray(color) / max(float(luma(color)), 1e-6)
  for dy in (0, 1):
    for dx in (0, 1):
      np.add.at(found, (row + dy, column + dx), level[:, None] * tone)


# Name of the scenery -> function of place, rays and generator that gives radiance, `[SIDE, SIDE, 3]`.
VIEWS = {
  'foliage': _foliage,
  'field': _field,
  'sea': _sea,
  'street': _street,
  'wall': _wall,
  'lights': _lights,
}
