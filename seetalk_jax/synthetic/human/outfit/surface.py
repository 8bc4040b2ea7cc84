"""Surfaces of a person that clothes follow: the body below the neck and the head, over two coordinates.

A table, made once from the neutral mesh, states the triangle and the weights of its corners for every texel of the
two coordinates; a person's surface is then one lookup per texel. The tables are smoothed, as cloth spans hollows.
Coordinates of the body: `theta`, the angle about a vertical axis (0 in front, positive to the person's left), and
`q`, decimeters from the upper neck along the surface: the distance from the axis minus the height, on the neutral
mesh. Coordinates of the head: directions from its middle.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.ndimage

from seetalk_jax.synthetic.human import bilinear, raster, rig
from seetalk_jax.synthetic.human.mesh import MeshPart
from seetalk_jax.synthetic.human.vectors import unit

SIDE = 192
AXIS_Z = 0.3  # of the vertical axis, decimeters
_TOP = 6.3  # height where `q` would be 0 on the axis
_Q_LOW, _Q_HIGH = 0.0, 5.0  # range of `q` in the table
# Middle of the head, decimeters.
MIDDLE = (0.0, 7.45, 0.4)


class Table(NamedTuple):
  """Corners of the triangle at every texel and their weights: int32 and float32 `[3, SIDE, SIDE]`."""

  corners: np.ndarray
  weights: np.ndarray


class Body(NamedTuple):
  """Smoothed surface of a person's body, row = `q`, column = `theta`.

  Attributes:
    planes: place (3), outward unit normal (3), share of the head's turn, height of the skin above the smoothed
      surface; float32 `[8, SIDE, SIDE]`.
  """

  planes: jax.Array


class Head(NamedTuple):
  """Smoothed distance of a person's head from `MIDDLE`, row = elevation, column = azimuth: `[SIDE, SIDE]`."""

  radius: jax.Array


@functools.cache
def body_table() -> Table:
  """The table of the body below the jaw."""
  fine = rig.fine_head().mesh
  x, y, z = fine.vertices.T
  radius = np.hypot(x, z - AXIS_Z)
  below_jaw = y + 0.9 * (z - 0.3) < 6.62
  usable = (
    (fine.parts == MeshPart.SKIN)
    & below_jaw
    & (fine.masks['mouth_inside'] < 0.1)
    & (fine.masks['ears'] < 0.1)
  )
  rows = (radius - y + _TOP - _Q_LOW) / (_Q_HIGH - _Q_LOW) * SIDE
  return _table(np.arctan2(x, z - AXIS_Z), rows, (radius + y - 3) / 7, usable)


@functools.cache
def head_table() -> Table:
  """The table of the head without ears."""
  fine = rig.fine_head().mesh
  x, y, z = (fine.vertices - MIDDLE).T
  radius = np.sqrt(x * x + y * y + z * z)
  usable = (fine.parts == MeshPart.SKIN) & (fine.masks['ears'] < 0.02) & (fine.masks['mouth_inside'] < 0.1)
  rows = (np.arcsin(y / radius) / np.pi + 0.5) * SIDE
  return _table(np.arctan2(x, z), rows, radius / 3, usable & (y > -1.4))


def _table(angle, rows, outwards, usable) -> Table:
  """The outermost usable triangle at every texel; texels without one take the nearest that have one."""
  fine = rig.fine_head().mesh
  corners = fine.triangles[usable[fine.triangles].all(1)]
  turns = angle[corners]
  turns = turns[:, :1] + (turns - turns[:, :1] + np.pi) % (2 * np.pi) - np.pi
  columns = (turns / (2 * np.pi) + 0.5) * SIDE
  # Triangles at the back are drawn on both ends; both windings count.
  columns = np.concatenate([columns + shift * SIDE for shift in (-1, 0, 1)])
  corners = np.tile(corners, (3, 1))
  places = np.stack([columns, rows[corners]], -1).reshape(-1, 2).astype(np.float32)
  depths = (1 - outwards[corners]).reshape(-1).astype(np.float32)
  own = np.arange(len(places), dtype=np.int32).reshape(-1, 3)
  own, corners = np.concatenate([own, own[:, ::-1]]), np.concatenate([corners, corners[:, ::-1]])
  with jax.ensure_compile_time_eval():
    found = raster.triangles(places, depths, own, SIDE)
    weights = np.asarray(raster.barycentric(found, places, own))
    covered, index = np.asarray(found.covered), np.asarray(found.index)
  tiled = np.tile(covered, (1, 3))
  near = scipy.ndimage.distance_transform_edt(~tiled, return_distances=False, return_indices=True)
  row, column = near[:, :, SIDE : 2 * SIDE] % SIDE
  return Table(corners[index[row, column]].transpose(2, 0, 1), weights[:, row, column])


def _spread(values: jax.Array, table: Table) -> jax.Array:
  """Values per vertex `[v]` over the texels."""
  return sum(values[table.corners[k]] * table.weights[k] for k in range(3))


def _smooth(plane: jax.Array, sigma_rows: float, sigma_columns: float) -> jax.Array:
  """Gaussian blur of `[..., SIDE, SIDE]`; columns are periodic."""

  def blur(values, matrix, equation):
    return jnp.einsum(equation, jnp.asarray(matrix), values)

  along = np.arange(SIDE)
  apart = along[:, None] - along[None]
  rows = np.exp(-0.5 * (apart / sigma_rows) ** 2)
  columns = np.exp(-0.5 * (((apart + SIDE / 2) % SIDE - SIDE / 2) / sigma_columns) ** 2)
  rows, columns = (matrix / matrix.sum(1, keepdims=True) for matrix in (rows, columns))
  plane = blur(plane, rows.astype(np.float32), 'ij,...jk->...ik')
  return blur(plane, columns.astype(np.float32), 'ij,...kj->...ki')


def body(vertices: jax.Array, normals: jax.Array, turning: jax.Array) -> Body:
  """The body of a person.

  Args:
    vertices: fine neutral vertices of the person, `[v, 3]`.
    normals: outward unit normals, `[v, 3]`.
    turning: `rig.Topology.turning`, `[v]`.
  """
  table = body_table()
  values = [*vertices.T, *normals.T, turning]
  exact = jnp.stack([_spread(value, table) for value in values])
  soft = _smooth(exact, 3.0, 2.0)
  normal = unit(soft[3:6], 0)
  above = ((exact[:3] - soft[:3]) * normal).sum(0)
  return Body(jnp.concatenate([soft[:3], normal, soft[6:], above[None]]))


def head(vertices: jax.Array) -> Head:
  """The head of a person with fine neutral vertices `[v, 3]`."""
  offset = vertices - jnp.asarray(MIDDLE)
  exact = _spread(jnp.linalg.norm(offset, axis=-1), head_table())
  soft = _smooth(exact, 4.0, 4.0)
  # Never below the skin.
  return Head(_smooth(jnp.maximum(exact, soft), 2.0, 2.0))


def _lookup(planes: jax.Array, row: jax.Array, angle: jax.Array) -> jax.Array:
  """Values of planes `[c, SIDE, SIDE]` at rows and angles `[...]`: `[c, ...]`."""
  column = (angle / (2 * np.pi) + 0.5) * SIDE
  return jax.vmap(lambda plane: bilinear.lookup(plane, row, column, periodic=True))(planes)


class Spot(NamedTuple):
  """Places on the body.

  Attributes:
    place: on the smoothed surface, `[..., 3]`.
    normal: outward unit normal, `[..., 3]`.
    turning: share of the head's turn, `[...]`.
    skin: height of the skin above `place`, `[...]`; negative where the cloth spans a hollow.
  """

  place: jax.Array
  normal: jax.Array
  turning: jax.Array
  skin: jax.Array

  def above(self, offset: jax.Array | float) -> jax.Array:
    """Points over the smoothed surface and over the skin by `offset` decimeters, `[..., 3]`."""
    lift = jnp.asarray(offset) + jnp.maximum(self.skin, 0)
    return self.place + self.normal * lift[..., None]


def on_body(own: Body, theta: jax.Array, q: jax.Array) -> Spot:
  """Places at coordinates `theta` in radians and `q`, each `[...]`."""
  row = (q - _Q_LOW) / (_Q_HIGH - _Q_LOW) * SIDE
  found = _lookup(own.planes, row, theta)
  normal = jnp.moveaxis(unit(found[3:6], 0), 0, -1)
  return Spot(jnp.moveaxis(found[:3], 0, -1), normal, found[6], found[7])


def head_radius(own: Head, directions: jax.Array) -> jax.Array:
  """Distance of the head's surface from `MIDDLE` along unit vectors `[..., 3]`: `[...]`."""
  x, y, z = jnp.moveaxis(directions, -1, 0)
  row = (jnp.arcsin(jnp.clip(y, -1, 1)) / np.pi + 0.5) * SIDE
  return _lookup(own.radius[None], row, jnp.arctan2(x, z))[0]
