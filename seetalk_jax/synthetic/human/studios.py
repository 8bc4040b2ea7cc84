"""Studios: classical arrangements of lamps for portraits, and backdrops."""

from __future__ import annotations

import dataclasses

import numpy as np

from seetalk_jax.synthetic.human import surfaces
from seetalk_jax.synthetic.human.backgrounds import Rays, mix, mottle
from seetalk_jax.synthetic.human.environments import Source, neon, sphere, temperature, towards
from seetalk_jax.synthetic.human.vectors import smoothstep

# Name -> lamps: (azimuth, elevation in degrees, strength, half of the angular size in radians).
SETUPS = {
  'loop': ((35, 30, 1.0, 0.3), (-50, 5, 0.25, 0.5)),
  'rembrandt': ((50, 42, 1.0, 0.18), (-60, 0, 0.12, 0.5)),
  'split': ((88, 12, 1.0, 0.22), (-40, 0, 0.08, 0.5)),
  'butterfly': ((0, 45, 1.0, 0.22), (0, -35, 0.35, 0.4)),
  'ring': ((0, 4, 1.0, 0.2), (150, 30, 0.5, 0.15)),
  'softbox': ((40, 15, 1.0, 0.6), (-55, 5, 0.35, 0.6)),
  'two sides': ((60, 10, 1.0, 0.3), (-60, 10, 0.8, 0.3)),
  'rim': ((25, 25, 0.7, 0.35), (150, 25, 1.6, 0.15), (-140, 20, 1.2, 0.15)),
  'high key': ((30, 30, 0.8, 0.6), (-30, 25, 0.7, 0.6), (180, 30, 0.6, 0.5)),
  'gels': ((55, 15, 1.0, 0.3), (-70, 10, 0.8, 0.3), (160, 25, 0.7, 0.2)),
}


@dataclasses.dataclass
class Studio:
  """A studio.

  Attributes:
    lamps: its sources.
    ambient: radiance of the surroundings, `[3]`.
    backdrop: radiance of the backdrop, linear RGB, `[3]`.
    pattern: 'even', 'spot', 'slope', 'mottled' or 'two colors'.
    other: second color of the backdrop.
    distance: of the backdrop behind the person, decimeters.
  """

  lamps: list[Source]
  ambient: np.ndarray
  backdrop: np.ndarray
  pattern: str
  other: np.ndarray
  distance: float

  def radiance(self) -> np.ndarray:
    """Light of the surroundings at the directions of `environments.sphere()`."""
    up = 0.85 + 0.3 * sphere()[:, 1:2]
    behind = smoothstep(-sphere()[:, 2], 0.3, 0.9)
    return mix(self.ambient * up, self.backdrop, behind).astype(np.float32)

  def sources(self) -> list[Source]:
    """The lamps."""
    return self.lamps

  def view(self, rays: Rays, rng: np.random.Generator) -> np.ndarray:
    """Radiance along rays."""
    x, y = rays.x - 0.5 - rng.normal(0, 0.12), rays.y - 0.5 - rng.normal(0, 0.12)
    away = np.hypot(x, y)
    found = np.broadcast_to(self.backdrop, (*rays.x.shape, 3))
    found = found * (1 - rng.uniform(0, 0.35) * smoothstep(away, 0.2, 0.9))[..., None]
    if self.pattern == 'spot':
      found = found * (0.25 + 1.2 * np.exp(-(away**2) / rng.uniform(0.06, 0.25)))[..., None]
    elif self.pattern == 'slope':
      angle = rng.uniform(0, 6.28)
      found = found * np.exp2(rng.uniform(0.5, 2.5) * (x * np.cos(angle) + y * np.sin(angle)))[..., None]
    elif self.pattern == 'mottled':
      cloth = mottle(rng, rng.uniform(2, 5), rng.uniform(2, 5), 5)
      found = mix(found, found * 0.25 + 0.25 * self.other, smoothstep(cloth, 0.25, 0.75))
      found = found * (1 - 0.7 * smoothstep(away, 0.1, 0.8))[..., None]
    elif self.pattern == 'two colors':
      angle = rng.uniform(0, 6.28)
      found = mix(found, self.other, smoothstep(x * np.cos(angle) + y * np.sin(angle), -0.6, 0.6))
    return found


def sample_studio(rng: np.random.Generator) -> Studio:
  """A studio with one of `SETUPS`, mirrored at random, with small changes."""
  weights = np.array([0.5 if name in ('gels', 'ring') else 1.0 for name in SETUPS])
  setup = str(rng.choice(list(SETUPS), p=weights / weights.sum()))
  mirror = rng.choice([-1, 1])
  kelvin = float(rng.choice([3200, 5000, 5600, 5600, 6000])) * rng.uniform(0.95, 1.05)
  lamps = []
  for azimuth, elevation, strength, radius in SETUPS[setup]:
    color = temperature(kelvin * rng.uniform(0.93, 1.07))
    if setup == 'gels' and lamps:
      color = neon(rng)
    at = towards(mirror * azimuth + rng.normal(0, 7), elevation + rng.normal(0, 6))
    level = strength * rng.uniform(0.7, 1.3)
    lamps.append(Source(at, color * level, radius * rng.uniform(0.7, 1.4)))
  bright = setup == 'high key'
  ambient = temperature(kelvin) * (rng.uniform(0.15, 0.35) if bright else rng.choice([0.02, 0.06, 0.14]))
  pattern = str(rng.choice(['even', 'spot', 'slope', 'mottled', 'two colors'], p=(0.3, 0.25, 0.2, 0.15, 0.1)))
  paper = _paper(rng)
  level = rng.uniform(0.9, 1.3) if bright else float(np.exp(rng.uniform(np.log(0.04), np.log(1.0))))
  other = _paper(rng) * level
  color = temperature(kelvin) * (np.full(3, 0.9) if bright else paper) * level
  return Studio(lamps, ambient, color, pattern, other, rng.uniform(6, 35))


def _paper(rng):
  """Albedo of backdrop paper or cloth."""
  kind = rng.random()
  if kind < 0.45:
    return surfaces.color_of(rng, 0.1, 0.85, 0.08)
  return surfaces.color_of(rng, 0.08, 0.6, 0.4 if kind < 0.8 else 0.95)
