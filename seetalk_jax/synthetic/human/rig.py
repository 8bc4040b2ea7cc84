"""Rig: vertices of a person's head from ARKit blendshape coefficients and head pose."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic.human import mesh as meshes
from seetalk_jax.synthetic.human import subdivision

# The head turns about this point inside the neck, decimeters.
PIVOT = (0.0, 6.6, 0.3)
# The neck takes part of a turn: none below the first height of the neutral mesh, all above the second.
_NECK_FROM, _NECK_TO = 5.5, 6.75


class Pose(NamedTuple):
  """Pose of a head.

  Attributes:
    angles: yaw, pitch and roll in radians, `[3]`: positive yaw turns the face to the person's left (+x), positive
      pitch downwards, positive roll tilts the head to the person's right shoulder.
    shift: translation of the whole person in decimeters, `[3]`.
  """

  angles: jax.Array
  shift: jax.Array


class Topology(NamedTuple):
  """What all people share, as arrays on the device.

  Attributes:
    triangles: of the fine mesh, int32 `[t, 3]`.
    sources: coarse vertices that a fine vertex is made of, int32 `[k, v]`, padded with 0.
    weights: their weights, float32 `[k, v]`, padded with 0.
    units: displacements of the coarse vertices by the 52 blendshapes, float32 `[52, u, 3]`.
    turning: share of a turn of the head that a fine vertex takes part in, float32 `[v]`.
  """

  triangles: jax.Array
  sources: jax.Array
  weights: jax.Array
  units: jax.Array
  turning: jax.Array


@functools.cache
def fine_head() -> subdivision.Subdivision:
  """The head mesh after one subdivision."""
  return subdivision.subdivide(meshes.load())


@functools.cache
def topology() -> Topology:
  """The shared arrays of the fine head."""
  head, fine = meshes.load(), fine_head()
  matrix = fine.matrix
  counts = np.diff(matrix.indptr)
  slot = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], counts)
  row = np.repeat(np.arange(len(counts)), counts)
  sources = np.zeros((counts.max(), len(counts)), np.int32)
  weights = np.zeros(sources.shape, np.float32)
  sources[slot, row], weights[slot, row] = matrix.indices, matrix.data
  # A tilted border: the nape bends lower than the throat.
  height = fine.mesh.vertices[:, 1] + 0.25 * np.clip(fine.mesh.vertices[:, 2] - 0.3, -1, 1)
  at = np.clip((height - _NECK_FROM) / (_NECK_TO - _NECK_FROM), 0, 1)
  turning = (at * at * (3 - 2 * at)).astype(np.float32)
  turning[fine.mesh.parts != meshes.MeshPart.SKIN] = 1
  return Topology(*map(jnp.asarray, (fine.mesh.triangles, sources, weights, head.units, turning)))


def expressed(shape: jax.Array, coefficients: jax.Array, shared: Topology) -> jax.Array:
  """Vertices of the fine mesh with an expression, before the head turns.

  Args:
    shape: coarse vertices of a person, float32 `[u, 3]`, from `HeadMesh.shaped`.
    coefficients: of the 52 blendshapes in the order of `blendshapes.NAMES`, `[52]`.
    shared: `topology()`.

  Returns:
    float32 `[v, 3]`, decimeters.
  """
  coarse = shape + jnp.tensordot(coefficients, shared.units, 1)
  return jnp.stack([_refined(axis, shared) for axis in coarse.T], axis=-1)


def _refined(values, shared):
  return sum(
    values[sources] * weights for sources, weights in zip(shared.sources, shared.weights, strict=True)
  )


def turned(points: jax.Array, pose: Pose, share: jax.Array | float = 1.0) -> jax.Array:
  """Points after the head has turned about the neck and the person has moved.

  Args:
    points: `[..., 3]`.
    pose: of the head.
    share: share of the turn, `[...]`: see `Topology.turning`.
  """
  yaw, pitch, roll = (angle * share for angle in pose.angles)
  pivot = jnp.asarray(PIVOT, jnp.float32)
  x, y, z = jnp.moveaxis(points - pivot, -1, 0)
  x, y = x * jnp.cos(roll) - y * jnp.sin(roll), x * jnp.sin(roll) + y * jnp.cos(roll)
  y, z = y * jnp.cos(pitch) - z * jnp.sin(pitch), y * jnp.sin(pitch) + z * jnp.cos(pitch)
  x, z = x * jnp.cos(yaw) + z * jnp.sin(yaw), z * jnp.cos(yaw) - x * jnp.sin(yaw)
  return jnp.stack([x, y, z], axis=-1) + pivot + pose.shift


def vertex_normals(vertices: jax.Array, triangles: jax.Array) -> jax.Array:
  """Outward unit normals, the mean of the triangles weighted by area: `[v, 3]`."""
  a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
  normal = jnp.cross(b - a, c - a)
  sums = jnp.zeros_like(vertices).at[triangles].add(normal[:, None])
  return sums / jnp.maximum(jnp.linalg.norm(sums, axis=-1, keepdims=True), 1e-12)
