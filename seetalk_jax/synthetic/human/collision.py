"""Collision of hair with head, neck and shoulders: how far the skin reaches in every direction."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seetalk_jax.synthetic.human import bilinear, raster
from seetalk_jax.synthetic.human import mesh as meshes
from seetalk_jax.synthetic.human.vectors import unit

SIDE = 128  # rows and columns of the maps
# The axis of head and neck: upright at this z up to the height `_TOP`, where it ends in the middle of the skull.
_AXIS_Z, _TOP = 0.3, 7.4
# Heights of the first and last row. Above `_TOP`, the elevation counts as a height: the crown has 8.892.
_LOW, _HIGH = 4.3, 8.9
_REACH = 3.2  # no skin is farther from the axis
_ELEVATION = 0.95  # height per radian
_SHOULDERS = 6.1  # the shoulders lie below
_WIDTH = 3.0  # the map of shoulders goes from -_WIDTH to _WIDTH in x and z
_FLOOR = 3.5  # height where there are no shoulders


class Body(NamedTuple):
  """How far the skin of a person reaches.

  Attributes:
    skull: distance of the skin from the axis, by height and angle, without ears, `[SIDE, SIDE]`.
    head: the same with ears, smoothed: what long hair lies on.
    shoulders: height of chest, shoulders and back by z and x, `[SIDE, SIDE]`.
  """

  skull: jax.Array
  head: jax.Array
  shoulders: jax.Array


@functools.cache
def _triangles():
  """Coarse triangles of the skin: without ears, ears, shoulders. The fine mesh begins with the coarse vertices."""
  head = meshes.load()
  outside = (head.triangle_parts == meshes.MeshPart.SKIN) & (
    head.masks['mouth_inside'][head.triangles].mean(1) < 0.3
  )
  ears = head.masks['ears'][head.triangles].max(1) > 0.02
  low = head.vertices[head.triangles][..., 1].max(1) < _SHOULDERS
  return tuple(head.triangles[outside & chosen] for chosen in (~ears, ears, low))


def body(vertices: jax.Array) -> Body:
  """Maps of a person's skin.

  Args:
    vertices: fine vertices of the neutral person, `[v, 3]`, decimeters.

  Returns:
    Float32 maps `[SIDE, SIDE]`.
  """
  smooth, ears, shoulders = _triangles()
  skull, ears, shoulders = _drawn(
    [_around(vertices, smooth), _around(vertices, ears), _from_above(vertices, shoulders)]
  )
  skull, ears = (jnp.where(own.covered, (1 - own.depth) * _REACH, jnp.nan)[::-1] for own in (skull, ears))
  skull = _filled(skull, 24)
  head = jnp.fmax(skull, ears)
  # Hair bridges the hollows around the ears.
  bump = head - skull
  for axis, width in ((0, 13), (1, 9), (0, 13), (1, 9)):
    bump = _blurred(bump, axis, width)
  head = skull + jnp.minimum(1.6 * bump, 0.17)
  return Body(skull, head, jnp.where(shoulders.covered, (1 - shoulders.depth) * 4 + _FLOOR, _FLOOR))


def _around(vertices, triangles):
  """Places `[n, 2]` of triangles over height and angle, in cells from the top left, and depths `[n]`."""
  radius, height, angle = polar(vertices[jnp.asarray(triangles)])
  # Triangles across the back continue beyond the edge of the map: each is drawn at both ends.
  angle = angle[:, :1] + (angle - angle[:, :1] + jnp.pi) % (2 * jnp.pi) - jnp.pi
  angle = jnp.concatenate([angle, angle - 2 * jnp.pi * jnp.sign(angle.mean(1, keepdims=True))])
  radius, height = (jnp.concatenate([values, values]) for values in (radius, height))
  rows, columns = (height - _LOW) / (_HIGH - _LOW) * SIDE, (angle / (2 * jnp.pi) + 0.5) * SIDE
  place = jnp.stack([columns, SIDE - rows], -1).reshape(-1, 2)
  return place, 1 - radius.reshape(-1) / _REACH


def _from_above(vertices, triangles):
  """Places and depths of triangles over x and z, see `_around`."""
  x, y, z = vertices[jnp.asarray(triangles)].reshape(-1, 3).T
  return (jnp.stack([x, z], -1) / _WIDTH + 1) * SIDE / 2, 1 - (y - _FLOOR) / 4


def _drawn(maps):
  """The outermost triangles of several maps (places `[n, 2]`, depths `[n]`), as a list of `raster.Nearest`.

  All maps are one program, which compiles in a third of the time. Triangles of size 0 fill up the shorter lists.
  """
  count = max(len(depths) for _, depths in maps)
  places, depths = (
    jnp.stack([jnp.pad(own[k], [(0, count - len(own[k]))] + [(0, 0)] * (own[k].ndim - 1)) for own in maps])
    for k in (0, 1)
  )
  corners = jnp.arange(count).reshape(-1, 3)
  found = jax.vmap(lambda place, depth: raster.triangles(place, depth, corners, SIDE))(places, depths)
  return [jax.tree.map(lambda values, k=k: values[k], found) for k in range(len(maps))]


def _blurred(values, axis, width):
  """Means of an odd number of neighbors along an axis, which is periodic."""
  half, side = width // 2, values.shape[axis]
  padding = [(half, half) if k == axis else (0, 0) for k in range(values.ndim)]
  padded = jnp.pad(values, padding, mode='wrap')

  # A loop compiles in a fraction of the time of its steps one after the other.
  def add(k, total):
    return total + jax.lax.dynamic_slice_in_dim(padded, 2 * half - k, side, axis)

  return jax.lax.fori_loop(0, width, add, jnp.zeros_like(values)) / width


def _filled(radii, steps):
  """Spreads values into cells with nan."""

  def spread(_, radii):
    rolled = jnp.stack([jnp.roll(radii, 1, 1), jnp.roll(radii, -1, 1)])
    padded = jnp.pad(radii, ((1, 1), (0, 0)), mode='edge')
    around = jnp.concatenate([rolled, padded[:-2][None], padded[2:][None]])
    known = ~jnp.isnan(around)
    mean = jnp.where(known, around, 0).sum(0) / jnp.maximum(known.sum(0), 1)
    return jnp.where(jnp.isnan(radii) & known.any(0), mean, radii)

  return jnp.nan_to_num(jax.lax.fori_loop(0, steps, spread, radii), nan=0.5)


def polar(points: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
  """(distance from the axis, height, angle about the axis) of points `[..., 3]`, each `[...]`."""
  x, y, z = points[..., 0], points[..., 1], points[..., 2] - _AXIS_Z
  flat, up = jnp.hypot(x, z), jnp.maximum(y - _TOP, 0)
  height = jnp.where(y > _TOP, _TOP + _ELEVATION * jnp.arctan2(up, flat), y)
  return jnp.hypot(flat, up), height, jnp.arctan2(x, z)


def outward(points: jax.Array) -> jax.Array:
  """Unit vectors away from the axis at points `[..., 3]`."""
  return unit(_from_axis(points))


def _from_axis(points):
  return jnp.stack([points[..., 0], jnp.maximum(points[..., 1] - _TOP, 0), points[..., 2] - _AXIS_Z], -1)


def cells(points: jax.Array) -> tuple[jax.Array, jax.Array]:
  """(index into a flat map, distance from the axis) of points `[..., 3]`."""
  radius, height, angle = polar(points)
  row = jnp.clip((height - _LOW) / (_HIGH - _LOW) * SIDE, 0, SIDE - 1).astype(jnp.int32)
  return row * SIDE + ((angle / (2 * jnp.pi) + 0.5) * SIDE).astype(jnp.int32) % SIDE, radius


def pushed_out(
  points: jax.Array,
  body: Body,
  distance: jax.Array,
  ears: jax.Array,
  cling: jax.Array,
  at_most: jax.Array | float = _REACH,
) -> jax.Array:
  """Points moved out of the skin.

  Args:
    points: `[n, 3]`.
    body: of the person.
    distance: that they keep from the skin, decimeters, `[n]`.
    ears: how much of the ears they keep out of, 0 to 1, `[n]`.
    cling: share of the way by which points beyond `distance` of the head come closer, 0 to 1, `[n]`.
    at_most: the skin reaches no farther from the axis here, `[n]`: near the root of a strand, that is known better.
  """
  radius, height, angle = polar(points)
  rows, columns = (height - _LOW) / (_HIGH - _LOW) * SIDE, (angle / (2 * jnp.pi) + 0.5) * SIDE
  skull, head = (bilinear.lookup(own, rows, columns, periodic=True) for own in (body.skull, body.head))
  surface = jnp.minimum(skull + ears * (head - skull), at_most) + distance
  x, y, z = points[..., 0], points[..., 1], points[..., 2]
  place = [(axis / _WIDTH + 1) * SIDE / 2 for axis in (z, x)]
  top = bilinear.lookup(body.shoulders, *place, periodic=False)
  sideways, upwards = surface - radius, top + distance - y
  # Shoulders are left by the shorter way: up, or away from the axis.
  low = y < _SHOULDERS
  up = low & (upwards > 0) & (upwards < sideways)
  beyond = jnp.where(y > 6.5, cling, 0) * jnp.minimum(sideways, 0)
  move = jnp.where(up, 0, jnp.maximum(sideways, 0) + beyond)
  offset = _from_axis(points) * (move / jnp.maximum(radius, 0.1))[..., None]
  rise = jnp.where(up, upwards, 0)
  return points + offset + rise[..., None] * jnp.asarray([0.0, 1.0, 0.0])
