"""Outdoors: sky, sun and ground at hours and weathers, and what lies behind a person there."""

from __future__ import annotations

import dataclasses

import numpy as np

from seetalk_jax.synthetic.human import landscapes
from seetalk_jax.synthetic.human.backgrounds import Rays, mix
from seetalk_jax.synthetic.human.environments import Source, luma, neon, sphere, temperature, towards
from seetalk_jax.synthetic.human.vectors import smoothstep

WEATHERS = ('sunny', 'hazy', 'golden', 'shade', 'overcast', 'dusk', 'night')
_GROUNDS = {
  'grass': (0.08, 0.115, 0.05),
  'asphalt': (0.10, 0.10, 0.10),
  'stone': (0.30, 0.28, 0.25),
  'sand': (0.50, 0.42, 0.30),
  'snow': (0.85, 0.87, 0.90),
  'earth': (0.16, 0.11, 0.07),
}
# What lies behind the person, by ground.
_SCENERY = {
  'grass': ('foliage', 'foliage', 'field', 'street'),
  'asphalt': ('street', 'street', 'wall', 'foliage'),
  'stone': ('street', 'wall', 'foliage', 'wall'),
  'sand': ('sea', 'field', 'foliage'),
  'snow': ('field', 'foliage', 'street'),
  'earth': ('foliage', 'foliage', 'field'),
}


@dataclasses.dataclass
class Outdoors:
  """A place under the sky.

  Attributes:
    zenith: radiance of the sky overhead, linear RGB, `[3]`.
    horizon: radiance of the sky at the horizon.
    sun: irradiance over pi of a facing surface; 0 without sun.
    sun_at: unit vector to the sun.
    ground: albedo.
    blocks: what hides the sky: (azimuth, half width, top in degrees; radiance `[3]`) each.
    lamps: street lamps and signs.
    scenery: key of `landscapes.VIEWS`.
    distance: of the scenery behind the person, decimeters.
  """

  zenith: np.ndarray
  horizon: np.ndarray
  sun: np.ndarray
  sun_at: np.ndarray
  ground: np.ndarray
  blocks: list[tuple[float, float, float, np.ndarray]]
  lamps: list[Source]
  scenery: str
  distance: float

  def sky(self, directions: np.ndarray) -> np.ndarray:
    """Radiance of the sky at unit vectors `[..., 3]`."""
    up = np.clip(directions[..., 1], 0, 1)
    color = mix(self.horizon, self.zenith, up**0.5)
    cosine = np.clip(directions @ self.sun_at, -1, 1)
    glow = 0.25 * np.exp((cosine - 1) * 12) + 0.5 * np.exp((cosine - 1) * 60)
    return color + glow[..., None] * self.sun * 0.6

  def upward(self) -> np.ndarray:
    """Irradiance over pi of the ground, `[3]`."""
    return 0.35 * self.horizon + 0.65 * self.zenith + self.sun * max(float(self.sun_at[1]), 0)

  def facing(self) -> np.ndarray:
    """Irradiance over pi of what stands upright behind the person, facing the camera, `[3]`."""
    sky = 0.35 * self.horizon + 0.15 * self.zenith + 0.5 * self.ground * self.upward()
    return sky + self.sun * max(float(self.sun_at[2]), 0) + 0.04 * luma(self.sun)

  def radiance(self) -> np.ndarray:
    """Light of sky, ground and blocks at the directions of `environments.sphere()`, without the sun."""
    found = self.sky(sphere())
    azimuth = np.degrees(np.arctan2(sphere()[:, 0], sphere()[:, 2]))
    elevation = np.degrees(np.arcsin(sphere()[:, 1]))
    for middle, half, top, color in self.blocks:
      away = np.abs((azimuth - middle + 180) % 360 - 180)
      found[(away < half) & (elevation < top)] = color
    below = smoothstep(-sphere()[:, 1], -0.03, 0.03)
    return mix(found, self.ground * self.upward(), below).astype(np.float32)

  def sources(self) -> list[Source]:
    """Sun and lamps."""
    sun = [Source(self.sun_at, self.sun, 0.02)] if luma(self.sun) > 1e-6 else []
    return sun + self.lamps

  def view(self, rays: Rays, rng: np.random.Generator) -> np.ndarray:
    """Radiance along rays."""
    return landscapes.VIEWS[self.scenery](self, rays, rng)


def sample_outdoors(rng: np.random.Generator, weather: str) -> Outdoors:
  """A place outdoors in one of `WEATHERS`."""
  ground = str(rng.choice(list(_GROUNDS), p=(0.3, 0.22, 0.16, 0.1, 0.1, 0.12)))
  azimuth = rng.uniform(-180, 180)
  dark = weather in ('night', 'dusk')
  elevation = {'golden': rng.uniform(3, 14), 'dusk': rng.uniform(-2, 2)}.get(weather, rng.uniform(18, 65))
  blue = temperature(rng.uniform(9000, 16000))
  zenith, horizon = 0.12 * blue, 0.28 * temperature(rng.uniform(6500, 9000))
  sun = temperature(5600 - 40 * max(0.0, 40 - elevation)) * rng.uniform(0.9, 1.4)
  if weather == 'hazy':
    zenith, horizon, sun = 0.3 * temperature(7500), 0.5 * temperature(6300), 0.35 * sun
  elif weather == 'golden':
    sun = temperature(rng.uniform(2600, 3800)) * rng.uniform(0.4, 0.9)
    horizon = 0.25 * temperature(rng.uniform(3000, 5500))
  elif weather == 'shade':
    zenith, sun = 0.2 * blue, 0.0 * sun
  elif weather == 'overcast':
    gray = temperature(rng.uniform(6200, 7500)) * rng.uniform(0.2, 0.5)
    zenith, horizon, sun = gray, gray * rng.uniform(0.35, 0.6), 0.0 * sun
  elif weather == 'dusk':
    zenith, sun = 0.008 * temperature(12000), 0.0 * sun
    horizon = 0.025 * mix(temperature(2300), temperature(7000), rng.random())
  elif weather == 'night':
    zenith, horizon, sun = 0.001 * blue, 0.004 * temperature(3500), 0.0 * sun
  albedo = np.asarray(_GROUNDS[ground]) * rng.uniform(0.7, 1.15)
  scenery = 'lights' if dark else str(rng.choice(_SCENERY[ground]))
  distance = {
    'foliage': rng.uniform(20, 120),
    'field': 500.0,
    'street': rng.uniform(80, 300),
    'wall': rng.uniform(4, 25),
    'sea': 800.0,
    'lights': rng.uniform(60, 300),
  }[scenery]
  place = Outdoors(zenith, horizon, sun, towards(azimuth, elevation), albedo, [], [], scenery, distance)
  if dark:
    place.lamps = _street_lamps(rng, 0.12 if weather == 'dusk' else 0.15)
  else:
    place.blocks = _blocks(rng, place, weather)
  return place


def _street_lamps(rng, strength):
  """Lamps, signs and shop windows around the person."""
  found = []
  for i in range(int(rng.integers(2, 6))):
    # The first one lights the face.
    azimuth, elevation = rng.uniform(-70, 70) if i == 0 else rng.uniform(-180, 180), rng.uniform(0, 45)
    if rng.random() < (0.06 if i == 0 else 0.2):
      color = neon(rng)
    else:
      color = temperature(float(rng.choice([2300, 2700, 3000, 4000, 5000, 6500])) * rng.uniform(0.9, 1.1))
    level = strength * rng.uniform(0.3, 1.2) * (1.3 if i == 0 else 1)
    found.append(Source(towards(azimuth, elevation), color * level, rng.uniform(0.03, 0.4)))
  return found


def _blocks(rng, place, weather):
  """Houses and trees around the person."""
  found = []
  for _ in range(int(rng.integers(0, 5)) + 2 * (weather == 'shade')):
    albedo = rng.uniform(0.1, 0.5) * (1 + rng.normal(0, 0.15, 3))
    if rng.random() < 0.5:
      albedo = np.array([0.05, 0.09, 0.03]) * rng.uniform(0.7, 1.5)
    color = np.clip(albedo, 0.02, 0.8) * (0.6 * place.horizon + 0.3 * place.sun + 0.1 * place.zenith)
    found.append((rng.uniform(-180, 180), rng.uniform(15, 60), rng.uniform(10, 75), color))
  return found
