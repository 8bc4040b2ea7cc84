"""Renderer of the human world: a person, an expression and a scene to a picture with its exact labels."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from seetalk_jax.constants import Part
from seetalk_jax.synthetic.human import (
  atlas,
  backgrounds,
  facial_hair,
  hair,
  hair_shading,
  light,
  raster,
  rig,
  shading,
  surface,
  tone,
)
from seetalk_jax.synthetic.human.person import SHADOW_STRANDS, Person, Shared
from seetalk_jax.synthetic.human.scene import Scene
from seetalk_jax.synthetic.human.vectors import unit

SAMPLES = 2  # along each side of a pixel
# A strand is one sample wide: smaller pictures need fewer of the strands for the same cover.
_ALL_STRANDS_SIZE = 512
# Teeth are drawn 0.1 decimeters deeper than they lie, in depths of the camera: smiles press lips and cheeks into them.
_TEETH_BEHIND = 0.025
_BROW_HEIGHT = 7.37  # facial hair above this height on the resting head belongs to the brows, decimeters
# Share of a key light that lips and cheeks reflect into the mouth where its rays do not reach.
_MOUTH_BOUNCE = 0.5


class Rendered(NamedTuple):
  """A picture and its labels; labels belong to the upper left sample of every pixel.

  Attributes:
    image: sRGB in [0, 1], float32 `[size, size, 3]`.
    place: position at rest, decimeters, float32 `[size, size, 3]`: on the source's head for skin, eyes, mouth and
      the roots of facial hair, on the person for hair and outfit; 0 in the background.
    part: `constants.Part`, uint8 `[size, size]`.
    triangle: row of `Shared.triangles`, int32 `[size, size]`; -1 where none is visible.
    weights: of the triangle's corners, float32 `[3, size, size]`.
    piece: row of `piece_positions`, int32 `[size, size]`; -1 where no hair is visible.
    depth: of the camera, float32 `[size, size]`; 2 in the background.
    positions: of all vertices, in pixels, `[v + m, 2]`.
    depths: of all vertices, `[v + m]`.
    piece_positions: of the middles of all pieces of hair and facial hair, in pixels, `[p, 2]`.
    piece_depths: of the middles, `[p]`.
    vertices: of all vertices in the scene, decimeters, `[v + m, 3]`.
  """

  image: jax.Array
  place: jax.Array
  part: jax.Array
  triangle: jax.Array
  weights: jax.Array
  piece: jax.Array
  depth: jax.Array
  positions: jax.Array
  depths: jax.Array
  piece_positions: jax.Array
  piece_depths: jax.Array
  vertices: jax.Array


class _Strands(NamedTuple):
  """Hair or facial hair in a frame: points and outward normals `[n, k, 3]`."""

  points: jax.Array
  normals: jax.Array


class _Posed(NamedTuple):
  """A person in a frame: vertices `[v + m, 3]`, their normals and occlusion, and both kinds of hair."""

  vertices: jax.Array
  normals: jax.Array
  occlusion: jax.Array
  hair: _Strands
  facial: _Strands


def render(
  person: Person, coefficients: jax.Array, pose: rig.Pose, scene: Scene, arrays: Shared, *, size: int
) -> Rendered:
  """Renders one picture; a pure function for jit and vmap.

  Args:
    person: from `person.bake`.
    coefficients: of the 52 blendshapes, in [0, 1], `[52]`.
    pose: of the head.
    scene: light, camera, background and tone.
    arrays: `person.shared()`.
    size: side of the picture in pixels.
  """
  side = SAMPLES * size
  person = _thinned(person, max(1, round(_ALL_STRANDS_SIZE / size)))
  posed, shadows = _pose(person, coefficients, pose, scene, arrays)
  lights, view = scene.lights, scene.camera
  visible = jax.lax.map(
    lambda key: light.visibility(key[0], posed.vertices, key[1]), (shadows, scene.softness)
  )
  # Lids and lips also shade eyes and mouth from the keys, finer than a shadow map resolves.
  mouth = jnp.pad(arrays.regions.mouth, (0, len(posed.vertices) - len(arrays.regions.mouth)))
  bounced = _MOUTH_BOUNCE * mouth
  visible = (visible * (1 - bounced) + bounced) * _inner(posed.occlusion, arrays)
  # Light reaches the inside of the mouth from the front of the face.
  front = rig.rotated(jnp.asarray([0.0, 0.0, 1.0]), pose)
  lit = unit(posed.normals + 2 * mouth[:, None] * front)
  diffuse = shading.diffuse(lit, posed.occlusion, visible, arrays.wrap, lights)

  positions, depths = view.project(posed.vertices, side)
  depths = depths.at[: len(arrays.regions.teeth)].add(_TEETH_BEHIND * arrays.regions.teeth)
  nearest = raster.triangles(positions, depths, arrays.triangles, side, SAMPLES)
  seen_hair = ~person.hair_covered & hair.in_sight(
    posed.hair.points, posed.hair.normals, person.hair.depth, view.position
  )
  seen = jnp.concatenate([seen_hair.reshape(-1), jnp.ones(_num_pieces(posed.facial.points), bool)])
  start, end, near, far = _segments((posed.hair, posed.facial), view, side)
  strands = raster.segments(start, end, near, far, side, seen, SAMPLES)
  hairy = strands.covered & (strands.depth < nearest.depth)
  weights = raster.barycentric(nearest, positions, arrays.triangles)
  nearest, weights, hairy = jax.lax.optimization_barrier((nearest, weights, hairy))

  metal = jnp.concatenate([jnp.zeros(len(posed.vertices) - len(person.metal)), person.metal])
  turning = jnp.concatenate([arrays.topology.turning, person.outfit_turning])
  scalars = jnp.stack([posed.occlusion, metal, turning], 1)
  channels = jnp.concatenate([diffuse, posed.normals, scalars, visible.T], 1)
  plane_of = raster.interpolator(nearest, weights, arrays.triangles)
  x, y = (sum(axis[k][nearest.index] * weights[k] for k in range(3)) for axis in arrays.texels)
  texel = jax.lax.optimization_barrier(atlas.nearest_texel(person.textures, x, y))
  shown = nearest.covered & ~hairy
  share = _pixels(shown.astype(jnp.float32))
  inverse = 1 / jnp.maximum(share, 1e-6)
  # One channel at a time: the samples of all channels are never in memory.
  planes = [
    *map(plane_of, channels.T),
    *(channel.reshape(-1)[texel] for channel in person.textures),
  ]
  planes = jnp.stack([_pixels(jnp.where(shown, plane, 0)) * inverse for plane in planes])
  planes = jax.lax.optimization_barrier(planes)
  k = 9 + len(visible)
  pixels = shading.Surface(
    diffuse=planes[:3],
    normal=planes[3:6],
    occlusion=planes[6],
    metal=planes[7],
    visible=planes[9:k],
    albedo=planes[k : k + 3],
    roughness=planes[k + 3],
    # The relief turns with its surface: the chest stays where it is.
    relief=rig.rotated(planes[k + 4 :], pose, planes[8]),
  )
  towards = view.towards(size)
  color = share * shading.shade(pixels, towards, lights)
  pieces = jnp.concatenate(
    [
      hair_shading.shade(own.points, own.normals, depth, colors, lights, shadows, view)
      for own, depth, colors in (
        (posed.hair, person.hair.depth, person.hair_color),
        (posed.facial, person.facial_hair.depth, person.facial_color),
      )
    ],
    axis=1,
  )
  hair_color = jnp.stack([channel[strands.index] for channel in pieces])
  color += _pixels(jnp.where(hairy, hair_color, 0))
  background = backgrounds.background(scene.background, size)
  color += (1 - share - _pixels(hairy.astype(jnp.float32))) * background
  depth = jnp.minimum(nearest.depth, strands.depth)
  color = _through_lenses(color, person, posed, depth, positions, depths, towards, lights, arrays)
  return Rendered(
    image=jnp.moveaxis(tone.develop(color, scene.tone), 0, -1),
    **_labels(person, nearest, weights, strands, hairy, arrays),
    depth=depth[0],
    positions=positions / SAMPLES,
    depths=depths,
    piece_positions=(start + end) / (2 * SAMPLES),
    piece_depths=(near + far) / 2,
    vertices=posed.vertices,
  )


def _thinned(person, every):
  """A person with every so many strands of hair; they are in random order."""
  names = ('hair', 'hair_color', 'hair_covered')
  thinner = jax.tree.map(lambda values: values[::every], {name: getattr(person, name) for name in names})
  return person._replace(**thinner)


def _num_pieces(points):
  return points.shape[0] * (points.shape[1] - 1)


def _segments(groups, view, side):
  """(start, end, near, far) of the pieces of all strands, for `raster.segments`."""
  projected = [view.project(own.points, side) for own in groups]
  parts = [
    (at[:, :-1].reshape(-1, 2), at[:, 1:].reshape(-1, 2), z[:, :-1].reshape(-1), z[:, 1:].reshape(-1))
    for at, z in projected
  ]
  return tuple(jnp.concatenate(arrays) for arrays in zip(*parts, strict=True))


def _pose(person, coefficients, pose, scene, arrays):
  """The posed person, and a shadow map for each key light."""
  topology = arrays.topology
  expressed = rig.expressed(person.shape, coefficients, topology)
  outfit = rig.turned(person.outfit, pose, person.outfit_turning)
  vertices = jnp.concatenate([rig.turned(expressed, pose, topology.turning), outfit])
  occlusion = jnp.concatenate(
    [
      surface.moving_occlusion(expressed, person.occlusion[: len(expressed)], arrays.regions),
      person.occlusion[len(expressed) :],
    ]
  )
  strands = _Strands(
    rig.turned(person.hair.points, pose, person.hair.turning),
    _turned_normals(person.hair.normals, pose, person.hair.turning),
  )
  facial = rig.turned(facial_hair.placed(person.facial_hair, expressed), pose, person.facial_hair.turning)
  coarse = rig.expressed_coarse(person.shape, coefficients, topology)
  blocking = jnp.concatenate([rig.turned(coarse, pose, arrays.blocker_turning), outfit])
  casting = strands.points[:: max(1, SHADOW_STRANDS * len(strands.points) // len(arrays.roots.corners))]
  shadows = light.shadow_maps(scene.lights, blocking, arrays.blockers, casting)
  normals = rig.vertex_normals(vertices, arrays.surfaces)
  on_skin = normals[person.facial_hair.corners[:, 0, 0]]
  facial = _Strands(facial, jnp.repeat(on_skin[:, None], facial.shape[1], 1))
  return _Posed(vertices, normals, occlusion, strands, facial), shadows


def _turned_normals(normals, pose, turning):
  return jnp.moveaxis(rig.rotated(jnp.moveaxis(normals, -1, 0), pose, turning), 0, -1)


def _inner(occlusion, arrays):
  """Occlusion where lids and lips cause it, 1 elsewhere."""
  count = len(arrays.regions.skin)
  inner = jnp.clip(arrays.regions.mouth + 1 - arrays.regions.skin, 0, 1)
  own = occlusion[:count]
  return jnp.concatenate([1 - inner + inner * own, jnp.ones(len(occlusion) - count)])


def _through_lenses(color, person, posed, depth, positions, depths, towards, lights, arrays):
  """Color `[3, size, size]` with the tint and the reflections of glasses over it."""
  side = SAMPLES * depth.shape[-1]

  def glazed(color):
    nearest = raster.triangles(positions, depths, arrays.lenses, side, SAMPLES)
    weights = raster.barycentric(nearest, positions, arrays.lenses)
    shown = nearest.covered & (nearest.depth < depth)
    share = _pixels(shown.astype(jnp.float32))
    normals = raster.interpolate(posed.normals, nearest, weights, arrays.lenses)
    normal = _pixels(jnp.where(shown, normals, 0))
    normal *= jax.lax.rsqrt((normal * normal).sum(0) + 1e-9)
    tint = person.textures[:3, arrays.lens_texel[1], arrays.lens_texel[0]][:, None, None]
    facing = jnp.clip((normal * towards).sum(0), 0.05, 1)
    mirrored = light.irradiance_planes(lights.environment, 2 * facing * normal - towards)
    grazing = 0.06 + 0.9 * (1 - facing) ** 5
    return color * (1 - share + share * tint) + share * grazing * mirrored

  return jax.lax.cond(person.glass.sum() > 0, glazed, lambda color: color, color)


def _labels(person, nearest, weights, strands, hairy, arrays):
  """Labels of the upper left samples."""
  nearest, strands, hairy = jax.tree.map(lambda planes: planes[0], (nearest, strands, hairy))
  weights = weights[:, 0]
  shown = nearest.covered & ~hairy
  rest = jnp.concatenate([arrays.rest, person.outfit])
  place = jnp.where(shown, raster.interpolate(rest, nearest, weights, arrays.triangles), 0)
  still = arrays.rest[person.facial_hair.corners[:, 0, 0]]
  points = person.hair.points
  middles = (points[:, 1:] + points[:, :-1]).reshape(-1, 3) / 2
  of_strands = jnp.concatenate([middles, jnp.repeat(still, person.facial_color.shape[1] - 1, 0)])
  place = jnp.where(hairy, jnp.stack([axis[strands.index] for axis in of_strands.T]), place)
  part = jnp.where(
    hairy, int(Part.HAIR), jnp.where(shown, arrays.labels[nearest.index], int(Part.BACKGROUND))
  )
  # Brows have a label of their own; lashes and beards are hair.
  brows = hairy & (strands.index >= len(middles)) & (place[1] > _BROW_HEIGHT)
  part = jnp.where(brows, int(Part.BROW), part)
  return dict(
    place=jnp.moveaxis(place, 0, -1),
    part=part.astype(jnp.uint8),
    triangle=jnp.where(shown, nearest.index, -1),
    weights=weights,
    piece=jnp.where(hairy, strands.index, -1),
  )


def _pixels(planes):
  """Means over the samples of every pixel: `[..., SAMPLES**2, size, size]` -> `[..., size, size]`."""
  return planes.sum(-3) / SAMPLES**2
