"""Dressing of a person: the outfit's mesh and texture, baked once."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic.human import rig
from seetalk_jax.synthetic.human.outfit import eyewear, fabric, garments, headwear, jewelry, parts, surface
from seetalk_jax.synthetic.human.outfit.parts import GRIDS, Label


class Outfit(NamedTuple):
  """Everything that a person wears; absent things have `present` 0.

  Attributes:
    main: the outer garment; `collar` is its collar.
    inner: a garment below it, seen in its neckline; `inner_collar` is its collar.
    tie: over the inner garment if that is present, else over the outer one.
    glasses, jewelry, hat: see their classes.
    main_fabric, collar_fabric, inner_fabric, tie_fabric, hat_fabric: see `fabric.Fabric`.
    swatches: linear RGB and roughness of frame, temples, lenses, metal, gem and necklace, `[6, 4]`.
    speckle: weight of dark spots in the frame's color, as in tortoiseshell.
    frame_metal: 1: the frame is of metal.
  """

  main: garments.Garment
  collar: garments.Collar
  inner: garments.Garment
  inner_collar: garments.Collar
  tie: garments.Tie
  glasses: eyewear.Glasses
  jewelry: jewelry.Jewelry
  hat: headwear.Hat
  main_fabric: fabric.Fabric
  collar_fabric: fabric.Fabric
  inner_fabric: fabric.Fabric
  tie_fabric: fabric.Fabric
  hat_fabric: fabric.Fabric
  swatches: jax.Array
  speckle: jax.Array
  frame_metal: jax.Array


class Dressed(NamedTuple):
  """An outfit on a person; triangles are `parts.triangles()`, with `parts.texture_coordinates()`.

  Attributes:
    vertices: in the frame of the neutral person, decimeters, float32 `[m, 3]`.
    turning: share of the head's turn, `[m]`.
    texture: red, green and blue (linear), roughness, relief gradient in space (x, y, z; decimeters per decimeter),
      float32 `[7, 512, 1024]`.
    metal, glass: 1 for vertices of metal and of lenses, else 0, `[m]`; no vertex is of glass without glasses.
  """

  vertices: jax.Array
  turning: jax.Array
  texture: jax.Array
  metal: jax.Array
  glass: jax.Array


def bake(outfit: Outfit, vertices: jax.Array, normals: jax.Array) -> Dressed:
  """The outfit on a person; a pure function for jit and vmap.

  Args:
    outfit: what the person wears.
    vertices: fine neutral vertices of the person, `[v, 3]`, decimeters, moved so that the eyes' middle is at
      x 0 and y 7.28, the neutral mesh's.
    normals: their outward unit normals, `[v, 3]`.

  Returns:
    Arrays of the same shapes for all outfits.
  """
  pieces = _pieces(outfit, vertices, normals)
  points = jnp.concatenate([pieces[name].points.reshape(-1, 3) for name in GRIDS])
  turning = jnp.concatenate([pieces[name].turning.reshape(-1) for name in GRIDS])
  return Dressed(points, turning, _texture(outfit, pieces), *materials(outfit))


def materials(outfit: Outfit) -> tuple[jax.Array, jax.Array]:
  """`Dressed.metal` and `Dressed.glass` of an outfit, float32 `[m]` each."""
  frame, gold, lens = (
    jnp.asarray(
      np.concatenate([np.full(grid.size, grid.label == label, np.float32) for grid in GRIDS.values()])
    )
    for label in (Label.GLASSES, Label.JEWELRY, Label.LENS)
  )
  return frame * outfit.frame_metal + gold, lens * (outfit.glasses.present > 0.5)


# Mesh and texture are compiled apart: together they take longer.
@jax.jit
def _pieces(outfit: Outfit, vertices, normals) -> dict[str, garments.Piece]:
  """The grids of all clothes and accessories, by their names in `parts.GRIDS`."""
  body = surface.body(vertices, normals, rig.topology().turning)
  main, inner = garments.grids_of_garments(outfit.main, outfit.inner, body)
  collars = jax.vmap(garments.grid_of_collar, (0, 0, None))(
    garments.stacked(outfit.collar, outfit.inner_collar), garments.stacked(outfit.main, outfit.inner), body
  )
  collar, inner_collar = (jax.tree.map(lambda values, k=k: values[k], collars) for k in range(2))
  # A tie lies on the garment whose collar it closes.
  under = jax.tree.map(
    lambda inner, main: jnp.where(outfit.inner.present > 0.5, inner, main), outfit.inner, outfit.main
  )
  return {
    'main': main,
    'inner': inner,
    'collar': collar,
    'inner_collar': inner_collar,
    'tie': garments.grid_of_tie(outfit.tie, under, body),
    **eyewear.wear(outfit.glasses, vertices),
    **jewelry.wear(outfit.jewelry, vertices, body),
    **headwear.wear(outfit.hat, surface.head(vertices)),
  }


@jax.jit
def _texture(outfit: Outfit, pieces) -> jax.Array:
  """The texture, field by field."""
  none = jnp.zeros(())
  fabrics = {
    'main': outfit.main_fabric,
    'inner': outfit.inner_fabric._replace(seams=none),
    'collar': outfit.collar_fabric,
    'inner_collar': outfit.inner_fabric,
    'tie': outfit.tie_fabric,
    'hat': outfit.hat_fabric,
    'brim': outfit.hat_fabric,
  }
  texture = fabric.weave(fabrics, pieces)
  # Frames and temples may be speckled.
  speckle = jnp.stack([outfit.speckle, outfit.speckle, *[none] * 4])
  swatches = jax.vmap(fabric.swatch)(outfit.swatches[:, :3], outfit.swatches[:, 3], speckle)
  for field, values in zip(parts.SWATCHES, swatches, strict=True):
    left, top, width, height = field
    texture = texture.at[:, top : top + height, left : left + width].set(values)
  return texture


def covered(outfit: Outfit, points: jax.Array) -> jax.Array:
  """Whether points of hair lie under the hat or scarf: see `headwear.covered`.

  Args:
    outfit: what the person wears.
    points: in the frame of the neutral person, `[n, 3]`, decimeters.

  Returns:
    bool `[n]`.
  """
  return headwear.covered(outfit.hat, points)
