"""Rig: vertices of a person's head from ARKit blendshape coefficients and head pose."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax import blendshapes, constants
from seetalk_jax.media import landmark_indices
from seetalk_jax.synthetic.human import landmark_file, subdivision, units
from seetalk_jax.synthetic.human import mesh as meshes
from seetalk_jax.synthetic.human.vectors import smoothstep, unit

# The head turns about this point inside the neck, decimeters.
PIVOT = (0.0, 6.6, 0.3)
# The neck takes part of a turn: none below the first height of the neutral mesh, all above the second.
_NECK_FROM, _NECK_TO = 5.5, 6.75
# Closed upper lids reach this far below the lower lids' margins, decimeters: the lashes' line.
_LID_OVERLAP = 0.02
_BLINKS = tuple(blendshapes.INDEX[name] for name in ('eyeBlinkRight', 'eyeBlinkLeft'))
_OPEN, _CLOSE = blendshapes.INDEX['jawOpen'], blendshapes.INDEX['mouthClose']


class Pose(NamedTuple):
  """Pose of a head.

  Attributes:
    angles: yaw, pitch and roll in radians, `[3]`: positive yaw turns the face to the person's left (+x), positive
      pitch upwards, positive roll tilts the head to the person's left shoulder.
    shift: translation of the whole person in decimeters, `[3]`.
  """

  angles: jax.Array
  shift: jax.Array


def pose_of(motion: jax.Array, height: jax.Array | float) -> Pose:
  """Pose of a motion vector `[58]` (`constants.MOTION_FIELDS`) in a picture of a height in decimeters at the head."""
  return Pose(motion[constants.POSE], height / 2 * motion[constants.POSE_AND_SHIFT][3:])


class Topology(NamedTuple):
  """What all people share, as arrays on the device.

  Attributes:
    triangles: of the fine mesh, int32 `[t, 3]`.
    sources: coarse vertices that a fine vertex is made of, int32 `[k, v]`, padded with 0.
    weights: their weights, float32 `[k, v]`, padded with 0.
    units: displacements of the coarse vertices by the 52 blendshapes, float32 `[52, u, 3]`.
    turning: share of a turn of the head that a fine vertex takes part in, float32 `[v]`.
    lids: coarse vertices of the upper and lower lid margins of the right and the left eye, int32 `[2, 2, k]`.
  """

  triangles: jax.Array
  sources: jax.Array
  weights: jax.Array
  units: jax.Array
  turning: jax.Array
  lids: jax.Array


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
  turning = share_of_turn(fine.mesh.vertices).astype(np.float32)
  turning[fine.mesh.parts != meshes.MeshPart.SKIN] = 1
  arrays = fine.mesh.triangles, sources, weights, units.units(head), turning, _lid_margins(head, fine.mesh)
  with jax.ensure_compile_time_eval():  # the first call may come while a function is traced
    return Topology(*map(jnp.asarray, arrays))


def _lid_margins(head, fine):
  """Coarse vertices next to the middle three points of each lid, int32 `[2, 2, 3]`."""
  found = landmark_file.points()
  contours = np.array([landmark_indices.RIGHT_EYE_CONTOUR, landmark_indices.LEFT_EYE_CONTOUR])
  chosen = np.stack(
    [contours[:, 3:6], contours[:, 13:10:-1]], axis=1
  )  # upper and lower points face each other
  corners = fine.vertices[fine.triangles[found.triangles[chosen]]]
  places = np.einsum('...c,...cx->...x', found.weights[chosen], corners)
  return np.linalg.norm(places[..., None, :] - head.vertices, axis=-1).argmin(-1).astype(np.int32)


def share_of_turn(points: np.ndarray | jax.Array) -> np.ndarray | jax.Array:
  """Share of a turn of the head that points of skin and hair take part in: `[..., 3]` at rest -> `[...]` in [0, 1]."""
  # A tilted border: the nape bends lower than the throat.
  height = points[..., 1] + 0.25 * (points[..., 2] - 0.3).clip(-1, 1)
  return smoothstep(height, _NECK_FROM, _NECK_TO)


def expressed(shape: jax.Array, coefficients: jax.Array, shared: Topology) -> jax.Array:
  """Vertices of the fine mesh with an expression, before the head turns.

  Args:
    shape: coarse vertices of a person, float32 `[u, 3]`, from `HeadMesh.shaped`.
    coefficients: of the 52 blendshapes in the order of `blendshapes.NAMES`, `[52]`.
    shared: `topology()`.

  Returns:
    float32 `[v, 3]`, decimeters.
  """
  coarse = expressed_coarse(shape, coefficients, shared)
  return jnp.stack([_refined(axis, shared) for axis in coarse.T], axis=-1)


def expressed_coarse(shape: jax.Array, coefficients: jax.Array, shared: Topology) -> jax.Array:
  """Coarse vertices with an expression, `[u, 3]`; arguments as in `expressed`.

  The units add up, with two exceptions: `eyeBlink` of 1 closes the lids of every person, also with other
  coefficients of the eyes; `mouthClose` counts up to the value of `jawOpen`, beyond it lips would pass through each
  other.
  """
  coefficients = coefficients.at[_CLOSE].min(coefficients[_OPEN])
  coarse = shape + jnp.tensordot(coefficients.at[jnp.asarray(_BLINKS)].set(0), shared.units, 1)
  for blink, (upper, lower) in zip(_BLINKS, shared.lids, strict=True):
    unit = shared.units[blink]
    gap = (coarse[upper, 1] - coarse[lower, 1]).mean() + _LID_OVERLAP
    closing = (unit[lower, 1] - unit[upper, 1]).mean()
    coarse = coarse + coefficients[blink] * jnp.clip(gap / closing, 0, 2) * unit
  return coarse


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
  pivot = jnp.asarray(PIVOT, jnp.float32)
  moved = rotated(jnp.moveaxis(points - pivot, -1, 0), pose, share)
  return jnp.moveaxis(moved, 0, -1) + pivot + pose.shift


def rotated(vectors: jax.Array, pose: Pose, share: jax.Array | float = 1.0) -> jax.Array:
  """Vectors `[3, ...]` of the head after its turn, with the share of the turn `[...]`."""
  yaw, down, right = (sign * angle * share for sign, angle in zip((1, -1, -1), pose.angles, strict=True))
  x, y, z = vectors
  x, y = x * jnp.cos(right) - y * jnp.sin(right), x * jnp.sin(right) + y * jnp.cos(right)
  y, z = y * jnp.cos(down) - z * jnp.sin(down), y * jnp.sin(down) + z * jnp.cos(down)
  x, z = x * jnp.cos(yaw) + z * jnp.sin(yaw), z * jnp.cos(yaw) - x * jnp.sin(yaw)
  return jnp.stack([x, y, z])


def vertex_normals(vertices: jax.Array, triangles: jax.Array) -> jax.Array:
  """Outward unit normals, the mean of the triangles weighted by area: `[v, 3]`; 0 where all triangles have no area."""
  a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
  normal = jnp.cross(b - a, c - a)
  sums = jnp.zeros_like(vertices).at[triangles].add(normal[:, None])
  return unit(sums)
