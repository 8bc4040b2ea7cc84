"""Texture atlas: where every triangle lies in the texture, and for every texel the place on the head that it colors.

The source's own texture coordinates give the face a tenth of the texture. Here the skin is laid out around a
vertical axis, with three quarters of the width for the front, about 290 texels a decimeter. Eyes, teeth, tongue and
the inside of the mouth have fields of their own below.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic.human import raster, rig
from seetalk_jax.synthetic.human.mesh import MeshPart
from seetalk_jax.synthetic.human.vectors import unit

SIDE = 1024
_AXIS_Z = 0.3  # of the vertical axis, decimeters
# Height on the neutral head in decimeters -> row of the texture, for the skin.
_HEIGHTS, _ROWS = (4.4, 6.0, 8.3, 9.6), (884.0, 716.0, 56.0, 4.0)
_EYE_FRONT = 1.25  # angle up to which an eye has texels, radians
_CROWN = 7.4  # above this height, the angle of elevation counts instead of the height
# Fields of the other parts: left, top, width, height in texels.
_FIELDS = {
  MeshPart.LEFT_EYE: (4, 900, 116, 116),
  MeshPart.RIGHT_EYE: (132, 900, 116, 116),
  MeshPart.UPPER_TEETH: (260, 900, 240, 54),
  MeshPart.LOWER_TEETH: (260, 962, 240, 54),
  MeshPart.TONGUE: (512, 900, 116, 116),
  'mouth_inside': (640, 900, 240, 116),
  MeshPart.LOWER_LASHES: (892, 900, 116, 54),
  MeshPart.UPPER_LASHES: (892, 962, 116, 54),
}


class Gap(NamedTuple):
  """Unused texels next to known ones.

  Attributes:
    texels: offsets in a plane of the texture, int32 `[n]`.
    neighbors: offsets of the four neighbors, int32 `[4, n]`.
    weights: their shares, float32 `[4, n]`; 0 where a neighbor is not known.
  """

  texels: jax.Array
  neighbors: jax.Array
  weights: jax.Array


class Atlas(NamedTuple):
  """The surface of the neutral head over the texels of the texture, and its place in the texture.

  Attributes:
    corners: (x, y) in texels of the corners of every triangle of the fine mesh, float32 `[2, 3, t]`.
    used: bool `[side, side]`: texels that a triangle covers.
    place: position on the neutral fine mesh, decimeters, float32 `[3, side, side]`; 0 where not used, like the others.
    normal: outward unit normal there, float32 `[3, side, side]`.
    part: `MeshPart`, int32 `[side, side]`.
    masks: name -> float32 `[side, side]`, see `mesh.Mesh.masks`.
    slopes: gradient in space of a height whose `central_difference` is 1 to the right (first) or downwards (second),
      tangential to the surface, per decimeter, float32 `[2, 3, side, side]`; 0 at the seams of the texture.
    gaps: texels near used ones, for `fill_gaps`.
  """

  corners: jax.Array
  used: jax.Array
  place: jax.Array
  normal: jax.Array
  part: jax.Array
  masks: dict[str, jax.Array]
  slopes: jax.Array
  gaps: tuple[Gap, ...]


@functools.cache
def atlas() -> Atlas:
  """The atlas of the fine head."""
  fine = rig.fine_head().mesh
  layout = _layout(fine)
  names = list(fine.masks)
  masks = np.stack([fine.masks[name] for name in names], -1)
  with jax.ensure_compile_time_eval():  # the first call may come while a function is traced
    used, planes, part = _spread(
      layout.reshape(-1, 2), fine.vertices, masks, fine.parts.astype(np.int32), fine.triangles
    )
    masks = dict(zip(names, planes[6:], strict=True))
    return Atlas(
      corners=jnp.asarray(layout.transpose(2, 1, 0)),
      used=used,
      place=planes[:3],
      normal=planes[3:6],
      part=part,
      masks=masks,
      slopes=_slopes(planes[:3], planes[3:6], used),
      gaps=jax.tree.map(jnp.asarray, gaps(used)),
    )


@jax.jit
def _spread(texels, vertices, masks, parts, triangles):
  """(used, planes, part) of the texels: places, normals and masks from values per vertex."""
  own = jnp.arange(len(texels)).reshape(-1, 3)
  # Both windings count: some parts lie mirrored.
  own, corners = jnp.concatenate([own, own[:, ::-1]]), jnp.concatenate([triangles, triangles[:, ::-1]])
  # Where surfaces lie over each other, as lids over the eye sockets, the outer one is textured.
  radius = jnp.hypot(vertices[:, 0], vertices[:, 2] - _AXIS_Z)
  found = raster.triangles(texels, 0.9 - 0.25 * radius[triangles.reshape(-1)], own, SIDE)
  weights = raster.barycentric(found, texels, own)
  values = jnp.concatenate([vertices, rig.vertex_normals(vertices, triangles), masks], -1)
  planes = raster.interpolate(values, found, weights, corners)
  part = jnp.where(found.covered, parts[corners[:, 0]][found.index], int(MeshPart.SKIN))
  planes = jnp.where(found.covered, planes.at[3:6].set(unit(planes[3:6], 0)), 0)
  return found.covered, planes, part


def _layout(fine) -> np.ndarray:
  """Texels of the corners of every triangle, float32 `[t, 3, 2]`."""
  place = fine.vertices[fine.triangles]
  layout = _around_the_axis(place)
  parts = fine.triangle_parts
  inside = (parts == MeshPart.SKIN) & (fine.masks['mouth_inside'][fine.triangles].mean(1) > 0.5)
  for part, (left, top, width, height) in _FIELDS.items():
    chosen = inside if part == 'mouth_inside' else parts == part
    x, y, z = np.moveaxis(place[chosen], -1, 0)
    if part in (MeshPart.LEFT_EYE, MeshPart.RIGHT_EYE):
      flat = _unrolled_ball(x, y, z)
    elif part == MeshPart.TONGUE:
      flat = np.stack([x, z - y], -1)
    elif part == 'mouth_inside' or part in (MeshPart.UPPER_TEETH, MeshPart.LOWER_TEETH):
      flat = np.stack([np.arctan2(x, z - z.min() + 0.05), -y], -1)
    else:
      flat = np.stack([x, -y], -1)
    low, high = flat.min((0, 1)), flat.max((0, 1))
    layout[chosen] = (left, top) + (flat - low) / (high - low) * (width, height)
  return layout


def _around_the_axis(place):
  """Texels of the skin: the angle about the axis and the height."""
  x, y, z = np.moveaxis(place, -1, 0)
  z = z - _AXIS_Z
  angle = np.arctan2(x, z)
  # Triangles across the back continue beyond the edge of the texture, at the side of their middle.
  middle = np.arctan2(x.mean(1), z.mean(1))[:, None]
  angle = middle + (angle - middle + np.pi) % (2 * np.pi) - np.pi
  turn = np.abs(angle) / np.pi
  column = SIDE / 2 * (1 + np.sign(angle) * np.where(turn < 0.5, 1.5 * turn, 0.75 + 0.5 * (turn - 0.5)))
  elevation = _CROWN + 0.95 * np.arctan2(y - _CROWN, np.hypot(x, z))
  row = np.interp(np.where(y > _CROWN, elevation, y), _HEIGHTS, _ROWS)
  return np.stack([column, row], -1).astype(np.float32)


def _unrolled_ball(x, y, z):
  """An eye from the front: the direction, with its angle to the front as the radius; the back lies on the rim."""
  center = [(axis.min() + axis.max()) / 2 for axis in (x, y, z)]
  x, y, z = x - center[0], y - center[1], z - center[2]
  side = np.hypot(x, y)
  angle = np.minimum(np.arctan2(side, z), _EYE_FRONT) / np.maximum(side, 1e-6)
  return np.stack([x * angle, -y * angle], -1)


def field(part: MeshPart) -> tuple[slice, slice]:
  """Rows and columns of the texture that hold a part other than the skin, with a border of one texel."""
  left, top, width, height = _FIELDS[part]
  return slice(top - 1, top + height + 1), slice(left - 1, left + width + 1)


def gaps(used: np.ndarray, steps: int = 4) -> tuple[Gap, ...]:
  """The texels within `steps` of used ones, bool `[height, width]`, in the order in which `fill_gaps` fills them."""
  found, used = [], np.asarray(used)
  width = used.shape[1]
  for _ in range(steps):
    around = [np.roll(used, shift, axis) for axis, shift in ((1, 1), (1, -1), (0, 1), (0, -1))]
    row, column = np.nonzero(~used & np.any(around, 0))
    known = np.stack([plane[row, column] for plane in around])
    rows, columns = row - np.array([[0], [0], [1], [-1]]), column - np.array([[1], [-1], [0], [0]])
    neighbors = rows % used.shape[0] * width + columns % width
    weights = known / known.sum(0)
    found.append(Gap(np.int32(row * width + column), np.int32(neighbors), np.float32(weights)))
    used = used | np.any(around, 0)
  return tuple(found)


def fill_gaps(texture: jax.Array, found: tuple[Gap, ...]) -> jax.Array:
  """Spreads a texture `[c, height, width]` beyond the used texels, so that lookups near seams find no black."""
  flat = texture.reshape(len(texture), -1)
  for gap in found:
    around = sum(flat[:, there] * weight for there, weight in zip(gap.neighbors, gap.weights, strict=True))
    flat = flat.at[:, gap.texels].set(around, unique_indices=True)
  return flat.reshape(texture.shape)


@jax.jit
def _slopes(place, normal, used):
  """`Atlas.slopes`."""
  across, down = (central_difference(place, axis) for axis in (-1, -2))
  aa, ad, dd = (across * across).sum(0), (across * down).sum(0), (down * down).sum(0)
  determinant = aa * dd - ad * ad
  # Next to a seam, neighboring texels lie far from each other on the head.
  whole = used
  for axis in (-1, -2):
    whole &= jnp.roll(used, 1, axis) & jnp.roll(used, -1, axis)
  regular = whole & (aa < 0.03**2) & (dd < 0.03**2) & (determinant > 0.05 * aa * dd)
  slopes = jnp.stack([across * dd - down * ad, down * aa - across * ad])
  slopes /= jnp.where(regular, determinant, 1.0)
  # Texels are not quite as flat as the surface, so that a part of the gradient points along the normal.
  slopes -= (slopes * normal).sum(1, keepdims=True) * normal
  return jnp.where(regular, slopes, 0)


def central_difference(values: jax.Array, axis: int) -> jax.Array:
  """Differences of the next and the previous texel along an axis, of the shape of `values`."""
  return jnp.roll(values, -1, axis) - jnp.roll(values, 1, axis)


def nearest_texel(texture: jax.Array, x: jax.Array, y: jax.Array) -> jax.Array:
  """Offsets of the texels nearest to places `[...]` in the planes of a texture `[c, height, width]`, int32 `[...]`.

  Nothing is interpolated: a picture has several samples a pixel, and texels are about as wide as samples.
  """
  height, width = texture.shape[-2:]
  column, row = jnp.clip(x, 0, width - 1).astype(jnp.int32), jnp.clip(y, 0, height - 1).astype(jnp.int32)
  return row * width + column
