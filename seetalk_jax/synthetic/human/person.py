"""Person of the human world: what is computed once before any frame is rendered."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.synthetic.human import (
  atlas,
  collision,
  facial_hair,
  hair,
  hair_colors,
  hair_coverage,
  hair_roots,
  hair_style,
  occlusion,
  rig,
  skin,
  surface,
)
from seetalk_jax.synthetic.human.outfit import dress
from seetalk_jax.synthetic.human.outfit import parts as outfit_parts

# Every so many strands cast shadows.
SHADOW_STRANDS = 5


class Appearance(NamedTuple):
  """What a person looks like, as numbers; `people.sample` draws them.

  Attributes:
    shape: coarse vertices at rest, float32 `[u, 3]`.
    skin: of skin, lips and eyes.
    hair: style of the hair.
    facial_hair: style of brows, lashes and beard.
    hair_color: of hair, brows and beard.
    outfit: clothes, glasses, jewelry and hat.
  """

  shape: jax.Array
  skin: skin.Skin
  hair: hair_style.Style
  facial_hair: facial_hair.FacialStyle
  hair_color: hair_colors.HairColor
  outfit: dress.Outfit


class Person(NamedTuple):
  """A person, prepared for rendering by `bake`.

  Attributes:
    shape: coarse vertices at rest, float32 `[u, 3]`.
    textures: of head and outfit, one below the other, `[7, 1536, 1024]`, see `skin.Textures`.
    occlusion: unoccluded share of the surroundings of all vertices at rest, `[v + m]`.
    outfit: vertices of the outfit, `[m, 3]`.
    outfit_turning: their share of a turn of the head, `[m]`.
    metal, glass: 1 for vertices of metal and of lenses, `[m]`.
    hair: strands.
    hair_color: of their points, linear RGB, `[n, k, 3]`.
    hair_covered: pieces of strands that a hat hides, bool `[n, k - 1]`.
    facial_hair: brows, lashes and beard.
    facial_color: of their points, linear RGB, `[f, l, 3]`.
  """

  shape: jax.Array
  textures: jax.Array
  occlusion: jax.Array
  outfit: jax.Array
  outfit_turning: jax.Array
  metal: jax.Array
  glass: jax.Array
  hair: hair.Hair
  hair_color: jax.Array
  hair_covered: jax.Array
  facial_hair: facial_hair.FacialHair
  facial_color: jax.Array


class Shared(NamedTuple):
  """Arrays that all people share, passed to the compiled functions as arguments.

  Vertices are those of the fine head, followed by those of the outfit. "Blockers" are the coarse head and the
  outfit: the triangles that cast shadows.

  Attributes:
    topology: of the fine head.
    atlas: of the fine head.
    regions: of the fine head.
    roots: of the hair.
    facial_roots: of brows, lashes and beard.
    rest: fine vertices of the source's neutral head, `[v, 3]`.
    triangles: drawn ones without lenses, int32 `[t, 3]`.
    lenses: triangles of lenses, int32 `[l, 3]`.
    surfaces: both, int32 `[t + l, 3]`.
    texels: of the corners of `triangles`, `[2, 3, t]`.
    lens_texel: a texel of the lenses, int32 `[2]`.
    labels: `constants.Part` of `triangles`, int32 `[t]`.
    wrap: how far light spreads beyond the terminator at each vertex, `[v + m, 3]`.
    blockers: int32 `[c, 3]`, rows of the coarse vertices followed by the outfit's.
    blocker_turning: share of the head's turn of the coarse vertices, `[u]`.
  """

  topology: rig.Topology
  atlas: atlas.Atlas
  regions: surface.Regions
  roots: hair_roots.Roots
  facial_roots: facial_hair.FacialRoots
  rest: jax.Array
  triangles: jax.Array
  lenses: jax.Array
  surfaces: jax.Array
  texels: jax.Array
  lens_texel: jax.Array
  labels: jax.Array
  wrap: jax.Array
  blockers: jax.Array
  blocker_turning: jax.Array


@functools.cache
def shared() -> Shared:
  """The arrays that all people share."""
  fine, regions, topology, layout = rig.fine_head().mesh, surface.regions(), rig.topology(), atlas.atlas()
  extra = outfit_parts.triangles()
  is_lens = outfit_parts.labels() == outfit_parts.Label.LENS
  uv = outfit_parts.texture_coordinates()
  texels = (uv + np.float32([0, atlas.SIDE]))[extra[~is_lens]].transpose(2, 1, 0)
  lens = np.median(uv[extra[is_lens]].reshape(-1, 2), axis=0) + np.float32([0, atlas.SIDE])
  coarse, num_coarse = surface.coarse_triangles(), surface.num_coarse()
  result = Shared(
    topology=topology,
    atlas=layout,
    regions=regions,
    roots=hair_roots.roots(),
    facial_roots=facial_hair.facial_roots(),
    rest=fine.vertices,
    triangles=np.concatenate([fine.triangles[regions.drawn], extra[~is_lens] + len(fine.vertices)]),
    lenses=extra[is_lens] + len(fine.vertices),
    surfaces=np.concatenate([fine.triangles[regions.drawn], extra + len(fine.vertices)]),
    texels=np.concatenate([layout.corners[:, :, regions.drawn], texels], -1),
    lens_texel=lens.astype(np.int32),
    labels=np.concatenate([surface.labels()[regions.drawn], surface.outfit_labels()[~is_lens]]),
    wrap=np.concatenate([surface.wrap(), np.tile(np.float32(surface.CLOTH_WRAP), (len(uv), 1))]),
    blockers=np.concatenate([coarse, extra[~is_lens] + num_coarse]),
    blocker_turning=topology.turning[:num_coarse],
  )
  with jax.ensure_compile_time_eval():  # the first call may come while a function is traced
    return jax.tree.map(jnp.asarray, result)


class Undressed(NamedTuple):
  """What `bake` computes of a person that does not depend on the outfit.

  Attributes:
    shape: coarse vertices at rest, float32 `[u, 3]`.
    vertices, normals: of the fine head at rest, `[v, 3]`.
    texture: of the head, `[7, 1024, 1024]`.
    hair, hair_color, facial_hair, facial_color: as in `Person`.
  """

  shape: jax.Array
  vertices: jax.Array
  normals: jax.Array
  texture: jax.Array
  hair: hair.Hair
  hair_color: jax.Array
  facial_hair: facial_hair.FacialHair
  facial_color: jax.Array


def bake(person: Appearance) -> Person:
  """Prepares a person for rendering: textures, hair, outfit and occlusion.

  Its steps are compiled at the first call; all people share the compiled programs.

  Args:
    person: from `people.sample`, without a batch axis.

  Returns:
    float32 arrays of the same shapes for all people.
  """
  return put_on(undressed(person), person.outfit)


def undressed(person: Appearance) -> Undressed:
  """The first part of `bake`, which takes most of its time; `put_on` is the second."""
  person, arrays = jax.tree.map(jnp.asarray, person), shared()
  vertices, normals = _at_rest(person.shape, arrays)
  strands, facial = _grow(person, vertices, normals, arrays)
  return Undressed(
    shape=person.shape,
    vertices=vertices,
    normals=normals,
    texture=_paint(person, arrays),
    hair=strands,
    hair_color=hair_colors.strand_colors(person.hair_color, arrays.roots),
    facial_hair=facial,
    facial_color=hair_colors.facial_colors(person.hair_color, arrays.facial_roots),
  )


def put_on(body: Undressed, outfit: dress.Outfit) -> Person:
  """A person in an outfit, prepared for rendering; one `body` may be dressed several times."""
  outfit, arrays = jax.tree.map(jnp.asarray, outfit), shared()
  dressed = dress.bake(outfit, body.vertices, body.normals)
  return Person(
    shape=body.shape,
    textures=jnp.concatenate([body.texture, dressed.texture], 1),
    occlusion=_occlude(body.shape, body.vertices, dressed.vertices, body.hair.points, arrays),
    outfit=dressed.vertices,
    outfit_turning=dressed.turning,
    metal=dressed.metal,
    glass=dressed.glass,
    hair=body.hair,
    hair_color=body.hair_color,
    hair_covered=_covered(outfit, body.hair.points),
    facial_hair=body.facial_hair,
    facial_color=body.facial_color,
  )


# The steps are compiled one by one: together they take twice as long to compile.
@jax.jit
def _at_rest(shape, arrays):
  """Vertices and normals of the fine head at rest."""
  vertices = rig.expressed(shape, jnp.zeros(blendshapes.NUM_BLENDSHAPES), arrays.topology)
  return vertices, rig.vertex_normals(vertices, arrays.topology.triangles)


@jax.jit
def _grow(person, vertices, normals, arrays):
  """Hair and facial hair."""
  body = collision.body(vertices)
  strands = hair.grow(vertices, normals, body, person.hair, arrays.roots)
  return strands, facial_hair.grow(vertices, normals, body, person.facial_hair, arrays.facial_roots)


@jax.jit
def _covered(outfit, points):
  """Which pieces of strands `points [n, k, 3]` a hat covers, bool `[n, k - 1]`."""
  covered = dress.covered(outfit, points.reshape(-1, 3)).reshape(points.shape[:2])
  return covered[:, 1:] | covered[:, :-1]


def _paint(person, arrays):
  """Textures of the head, with the color of hair below hair, beard and brows."""
  return skin.bake(person.skin, arrays.atlas, _undercoats(person, arrays.atlas)).maps


@jax.jit
def _undercoats(person, layout):
  """What hair, beard and brows leave on the skin between their strands."""
  place, masks = layout.place, layout.masks
  scalp, beard, brows = hair_colors.undercoat_colors(person.hair_color)
  on_face = masks['beard'] * (1 - masks['lips']) * (1 - masks['mouth_inside'])
  return (
    skin.Undercoat(scalp, hair_coverage.undercoat(person.hair, place, masks['scalp'])),
    skin.Undercoat(beard, on_face * facial_hair.beard_undercoat(person.facial_hair, place)),
    skin.Undercoat(brows, facial_hair.brow_undercoat(person.facial_hair, place)),
  )


@jax.jit
def _occlude(shape, vertices, outfit, strands, arrays):
  """Unoccluded share of the surroundings of head and outfit."""
  every, blocking = (jnp.concatenate([own, outfit]) for own in (vertices, shape))
  normals = rig.vertex_normals(every, arrays.triangles)
  return occlusion.occlusion(every, normals, blocking, arrays.blockers, strands[::SHADOW_STRANDS])
