"""Plain renderer: bald heads with painted brows under one light, for tools that need pictures of the head mesh.

It is quick and has few parts, so measurements with it are about the mesh and the rig alone.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.media import face
from seetalk_jax.synthetic.human import atlas, camera, light, mesh, raster, rest, rig, skin, surface, wrinkles
from seetalk_jax.synthetic.human.mesh import MeshPart

_EYES_Y = 7.28
_DISTANCE = 14.0
_BACKGROUND = (0.12, 0.13, 0.15)


class Person(NamedTuple):
  """A bald person.

  Attributes:
    shape: coarse vertices with the eyes at the height of the neutral mesh, float32 `[u, 3]`.
    textures: see `skin.Textures`.
  """

  shape: np.ndarray
  textures: skin.Textures


class Picture(NamedTuple):
  """A picture and what lies at every sample of it.

  Attributes:
    pixels: uint8 `[side, side, 3]`.
    triangle: triangle of the fine mesh at every sample, -1 where there is none, int32 `[n, n]`.
    weights: of its corners, float32 `[3, n, n]`.
    vertices: of the fine mesh after the turn, float32 `[v, 3]`.
    positions: of the vertices as (x, y) relative to the picture's side, float32 `[v, 2]`.
  """

  pixels: np.ndarray
  triangle: np.ndarray
  weights: np.ndarray
  vertices: np.ndarray
  positions: np.ndarray


def sample_person(rng: np.random.Generator, spread: float = 0.28) -> Person:
  """A random person; features have random strengths with the standard deviation `spread`."""
  head = mesh.load()
  sex = rng.choice(['female', 'male'])
  race = rng.choice(['african', 'asian', 'caucasian'])
  old = float(rng.uniform(0, 0.8))
  body = 'averagemuscle-averageweight'
  weights = {f'{race}-{sex}-young': 1 - old, f'{race}-{sex}-old': old}
  weights |= {f'universal-{sex}-young-{body}': 1 - old, f'universal-{sex}-old-{body}': old}
  for name in head.detail:
    if not name.startswith(('asym', 'r-')) and rng.random() < 0.35:
      weights[name] = abs(rng.normal(0, spread))
      if name.startswith('l-') and 'r-' + name[2:] in head.detail:
        weights['r-' + name[2:]] = weights[name]
  shape = head.shaped(weights)
  eyes = shape[np.isin(head.parts, [MeshPart.LEFT_EYE, MeshPart.RIGHT_EYE])].mean(0)
  shape = shape + np.array([0, _EYES_Y - eyes[1], 0], np.float32)
  melanin = rng.uniform(0.9, 1.8) if race == 'african' else rng.uniform(0.15, 0.7)
  hair = np.array([0.05, 0.03, 0.02]) * rng.uniform(0.5, 2.5)
  iris = np.array([[0.1, 0.18, 0.28], [0.06, 0.03, 0.015], [0.08, 0.1, 0.03]])[rng.integers(3)]
  own = skin.Skin(
    melanin=melanin,
    redness=rng.uniform(0.25, 0.5),
    freckles=rng.uniform(0, 0.5),
    spots=rng.uniform(0, 0.5),
    age=old,
    wrinkles=np.full(len(wrinkles.KINDS), old),
    stubble=rng.uniform(0, 0.6) * (sex == 'male'),
    lips=rng.uniform(0.5, 1.0),
    makeup=0.0,
    roughness=0.45,
    iris=iris,
    seed=float(rng.integers(256)),
  )
  scalp = rng.uniform(0, 0.9) * jnp.clip(1.2 * atlas.atlas().masks['scalp'], 0, 1)
  own, color = jax.tree.map(lambda value: jnp.asarray(value, jnp.float32), (own, hair))
  textures = skin.bake(own, atlas.atlas(), (skin.Undercoat(color, scalp),))
  brows = np.clip((np.asarray(atlas.atlas().masks['brows']) - 0.5) * 12, 0, 1) * rng.uniform(0.5, 0.9)
  maps = np.array(textures.maps)
  maps[:3] = maps[:3] * (1 - brows) + brows * (0.5 * hair)[:, None, None]
  return Person(shape, skin.Textures(jnp.asarray(maps)))


@functools.cache
def numbered_person(number: int) -> Person:
  """The same random person for the same number, at rest."""
  person = sample_person(np.random.default_rng([7, number]))
  return person._replace(shape=rest.at_rest(person.shape))


def draw(
  person: Person,
  coefficients: np.ndarray,
  angles: tuple[float, float, float] = (0.0, 0.0, 0.0),
  side: int = 256,
  samples: int = 2,
  key: tuple[float, float, float] = (0.4, 0.5, 0.8),
) -> Picture:
  """Renders a head in the portrait crop.

  Args:
    person: of `sample_person`.
    coefficients: of the 52 blendshapes, `[52]`.
    angles: yaw, pitch and roll in radians, with the signs of `constants.MOTION_FIELDS`.
    side: of the picture in pixels.
    samples: per pixel and axis.
    key: direction towards the light.
  """
  crop = face.PORTRAIT_CROP
  head = mesh.load()
  height = crop.side_over_face * (_EYES_Y - person.shape[head.chin, 1])
  center = jnp.asarray([0, _EYES_Y + (crop.eyes_y - 0.5) * height, 1.2], jnp.float32)
  pose = rig.Pose(jnp.asarray(angles, jnp.float32), jnp.zeros(3))
  pixels, near, weights, vertices, positions = _draw(
    jnp.asarray(person.shape),
    person.textures.maps,
    jnp.asarray(coefficients, jnp.float32),
    pose,
    camera.Camera(center, jnp.float32(height), jnp.float32(_DISTANCE)),
    jnp.asarray(key, jnp.float32) / np.linalg.norm(key),
    side,
    samples,
  )
  triangle = np.where(near.covered, surface.regions().drawn[np.asarray(near.index)], -1)
  return Picture(
    np.asarray((pixels * 255).round().astype(jnp.uint8)),
    triangle,
    np.asarray(weights),
    np.asarray(vertices),
    np.asarray(positions) / (side * samples),
  )


@functools.partial(jax.jit, static_argnames=('side', 'samples'))
def _draw(shape, maps, coefficients, pose, view, key, side, samples):
  shared, places = rig.topology(), atlas.atlas()
  drawn = surface.regions().drawn
  corners, texels = shared.triangles[drawn], places.corners[:, :, drawn]
  vertices = rig.turned(rig.expressed(shape, coefficients, shared), pose, shared.turning)
  normals = rig.vertex_normals(vertices, corners)
  positions, depths = view.project(vertices, side * samples)
  near = raster.triangles(positions, depths, corners, side * samples)
  weights = raster.barycentric(near, positions, corners)
  lit = light.visibility(light.shadow_map(key, vertices, corners, None), vertices)[:, None]
  sky = light.lobe(jnp.asarray([0.0, 1.0, 0.0]), jnp.asarray([0.28, 0.31, 0.38]))
  ground = light.lobe(jnp.asarray([0.0, -1.0, 0.0]), jnp.asarray([0.14, 0.11, 0.09]))
  toward = (normals @ key)[:, None]
  wrap = surface.wrap()
  energy = light.irradiance(sky + ground, normals) + lit * jnp.clip((toward + wrap) / (1 + wrap), 0, 1)
  energy = raster.interpolate(energy, near, weights, corners)
  x, y = (sum(texels[axis, k][near.index] * weights[k] for k in range(3)) for axis in range(2))
  color = maps[:3].reshape(3, -1)[:, atlas.nearest_texel(maps, x, y)] * energy
  color = jnp.where(near.covered, color, jnp.asarray(_BACKGROUND)[:, None, None])
  color = color.reshape(3, side, samples, side, samples).mean((2, 4)).transpose(1, 2, 0)
  color = color * (2.51 * color + 0.03) / (color * (2.43 * color + 0.59) + 0.14)
  return jnp.clip(color, 0, 1) ** (1 / 2.2), near, weights, vertices, positions
