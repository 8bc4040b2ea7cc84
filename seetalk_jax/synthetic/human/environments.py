"""Environments: light from all directions, as spherical harmonics and key lights.

Light around the head is a table of radiance over a fixed set of directions, and a list of sources. The strongest
sources become key lights, which cast shadows; all other light is projected to spherical harmonics. All of this is
NumPy: a scene is sampled once. Directions are those of the mesh: x to the person's left, y up, z to the camera.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seetalk_jax.synthetic.human import light, tone, vectors

NUM_DIRECTIONS = 1024
NUM_KEYS = 3
# Planck's law: second radiation constant in nanometer kelvin.
_C2 = 1.4388e7


class Source(NamedTuple):
  """A window, lamp or sun.

  Attributes:
    direction: unit vector towards its middle, `[3]`.
    color: irradiance over pi on a facing surface, linear RGB, `[3]`.
    radius: half of its angular size, radians.
  """

  direction: np.ndarray
  color: np.ndarray
  radius: float


class Environment(NamedTuple):
  """Light on the head.

  Attributes:
    harmonics: radiance, `[9, 3]`, without the key lights.
    directions: unit vectors to the key lights, `[3, 3]`.
    colors: their irradiance over pi on a facing surface, `[3, 3]`; 0 for absent ones.
    softness: softness of their shadows, `[3]`: distance of samples in texels of a shadow map.
  """

  harmonics: np.ndarray
  directions: np.ndarray
  colors: np.ndarray
  softness: np.ndarray

  def irradiance(self, normals: np.ndarray) -> np.ndarray:
    """Irradiance over pi, `[n, 3]`, of surfaces without shadows, with unit normals `[n, 3]`."""
    ambient = np.maximum(np.asarray(light.irradiance(self.harmonics, normals)), 0)
    return ambient + np.maximum(normals @ self.directions.T, 0) @ self.colors

  def scaled(self, factor: float) -> Environment:
    return self._replace(harmonics=self.harmonics * factor, colors=self.colors * factor)


def unit(vector) -> np.ndarray:
  """The vector `[..., 3]` at length 1."""
  vector = np.asarray(vector, np.float32)
  return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)


def towards(azimuth: float, elevation: float) -> np.ndarray:
  """Unit vector at degrees: azimuth from the camera to the person's left, elevation upwards."""
  a, e = np.radians(azimuth), np.radians(elevation)
  return np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)], np.float32)


def luma(color: np.ndarray) -> np.ndarray:
  """Luminance of linear RGB `[..., 3]`."""
  return np.asarray(color) @ np.asarray(tone.LUMA, np.float32)


@functools.cache
def sphere() -> np.ndarray:
  """Evenly spread unit vectors `[NUM_DIRECTIONS, 3]`."""
  return vectors.fibonacci_sphere(NUM_DIRECTIONS)


@functools.cache
def _basis() -> np.ndarray:
  return np.asarray(light.harmonics(sphere()))


@functools.cache
def _front() -> np.ndarray:
  """Normals of the middle of a face, `[n, 3]`: a light from behind does not reach them."""
  return sphere()[(sphere()[:, 2] > 0.7) & (sphere()[:, 1] < 0.4)][::2]


def project(radiance: np.ndarray) -> np.ndarray:
  """Spherical harmonics `[9, 3]` of radiance at the directions of `sphere()`, `[NUM_DIRECTIONS, 3]`."""
  return (4 * np.pi / NUM_DIRECTIONS * _basis().T @ radiance).astype(np.float32)


def add_source(radiance: np.ndarray, source: Source, share: float = 1.0) -> None:
  """Adds a source to radiance at the directions of `sphere()`, in place."""
  cosine = sphere() @ source.direction
  hit = cosine > np.cos(source.radius)
  if not hit.any():
    hit = cosine == cosine.max()
  radiance[hit] += share * source.color * NUM_DIRECTIONS / (4 * hit.sum())


def environment(radiance: np.ndarray, sources: Sequence[Source], fill: float = 0.15) -> Environment:
  """Light of radiance at the directions of `sphere()` and of sources.

  Large sources give a part of their light to the harmonics. Light is added from the front until both sides of the
  face are readable.

  Args:
    radiance: `[NUM_DIRECTIONS, 3]`.
    sources: any number.
    fill: smallest allowed light on a cheek, relative to the brightest side of the face.
  """
  radiance = np.array(radiance, np.float32)
  sources = sorted(sources, key=lambda s: -luma(s.color) * (1 + 0.5 * s.direction[2]))
  directions, colors = np.tile([[0, 0, 1.0]], (NUM_KEYS, 1)), np.zeros((NUM_KEYS, 3))
  softness = np.ones(NUM_KEYS)
  for i, source in enumerate(sources):
    share = 0.0 if i >= NUM_KEYS else float(np.clip(1.05 - source.radius / 0.8, 0.3, 1.0))
    if share < 1:
      add_source(radiance, source, 1 - share)
    if share:
      directions[i], colors[i] = source.direction, share * source.color
      softness[i] = np.clip(0.8 + 6 * source.radius, 0.8, 3.5)
  found = Environment(project(radiance), *(a.astype(np.float32) for a in (directions, colors, softness)))
  return _tamed(_readable(found, fill))


def face_light(found: Environment) -> np.ndarray:
  """Mean irradiance over pi on a face that turns to the camera, linear RGB `[3]`."""
  weight = _front()[:, 2]
  return weight @ found.irradiance(_front()) / weight.sum()


_CHEEKS = unit([[-0.8, 0, 0.6], [0.8, 0, 0.6], [0, -0.1, 1]])


def _readable(found: Environment, fill: float) -> Environment:
  """Adds even light from the front until the darker cheek has enough."""
  values = luma(found.irradiance(_CHEEKS))
  # A light from behind counts too: otherwise a face before it would be black.
  missing = fill * max(values.max(), 0.3 * luma(found.colors).max()) - min(values)
  if missing <= 0:
    return found
  front = np.clip(0.4 + 0.6 * sphere()[:, 2:], 0, 1)
  mean = found.harmonics[0] + 0.5 * found.colors.sum(0)  # the color that walls reflect
  color = np.maximum(mean, 0.3 * mean.max()) + 1e-6
  added = project(front * color / luma(color))
  unit_light = luma(np.asarray(light.irradiance(added, _CHEEKS)))
  return found._replace(harmonics=found.harmonics + added * missing / unit_light.min())


def _tamed(found: Environment, most: float = 4.0) -> Environment:
  """Limits key lights from behind to `most` times the light on the face."""
  front = luma(face_light(found))
  strength = luma(found.colors)
  limit = np.where(found.directions[:, 2] < 0.1, most * front / np.maximum(strength, 1e-9), 1)
  return found._replace(colors=(found.colors * np.minimum(limit, 1)[:, None]).astype(np.float32))


def temperature(kelvin: float, tint: float = 0.0) -> np.ndarray:
  """Linear RGB `[3]` of luminance 1 of a glowing body at 1500 to 20000 kelvin, 6500 being about white.

  Args:
    kelvin: color temperature.
    tint: above 0 greener, as fluorescent lamps are; below 0 more magenta.
  """
  wave = np.arange(380.0, 781.0, 5.0)
  power = wave**-5.0 / np.expm1(_C2 / (wave * kelvin))

  def bump(middle, below, above):
    return np.exp(-0.5 * ((wave - middle) / np.where(wave < middle, below, above)) ** 2)

  # Color matching functions (fit by Wyman, Sloan and Shirley, 2013).
  matching = np.stack(
    [
      1.056 * bump(599.8, 37.9, 31.0) + 0.362 * bump(442.0, 16.0, 26.7) - 0.065 * bump(501.1, 20.4, 26.2),
      0.821 * bump(568.8, 46.9, 40.5) + 0.286 * bump(530.9, 16.3, 31.1),
      1.217 * bump(437.0, 11.8, 36.0) + 0.681 * bump(459.0, 26.0, 13.8),
    ]
  )
  matrix = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
  color = np.maximum(matrix @ matching @ power, 0)
  color = color / luma(color) * np.array([1 - 0.5 * tint, 1 + 0.5 * tint, 1 - 0.5 * tint])
  return (np.maximum(color, 0.002) / luma(np.maximum(color, 0.002))).astype(np.float32)


def neon(rng: np.random.Generator) -> np.ndarray:
  """Linear RGB `[3]` of a colored lamp, about luminance 1."""
  color = rng.dirichlet([0.5, 0.4, 0.6]) + 0.1
  return color / max(luma(color), 0.2)
