"""Roots of hair: places on the scalp, with random numbers and neighbors, the same for everybody."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.spatial

from seetalk_jax.synthetic.human import mesh as meshes
from seetalk_jax.synthetic.human import rig
from seetalk_jax.synthetic.human.vectors import smoothstep

NUM_STRANDS = 8_500
_CLUMPS, _LOCKS = 1200, 170
_EDGE = (0.35, 0.8)  # of the mask `scalp`: strands are sparse at the first, all there at the second


class Roots(NamedTuple):
  """Where strands grow, the same for everybody.

  Attributes:
    corners: fine vertices of the triangle, int32 `[n, 3]`.
    weights: barycentric, float32 `[n, 3]`.
    place: on the neutral mesh, float32 `[n, 3]`.
    edge: 0 at the border of the scalp, 1 from 0.1 dm inside, float32 `[n]`.
    random: uniform numbers, float32 `[n, 10]`.
    clump: strand whose course this one joins, int32 `[n]`.
    lock: the same for thick locks, int32 `[n]`.
  """

  corners: jax.Array
  weights: jax.Array
  place: jax.Array
  edge: jax.Array
  random: jax.Array
  clump: jax.Array
  lock: jax.Array


@functools.cache
def roots() -> Roots:
  """Roots on the scalp, evenly spread, sparser at its border."""
  fine = rig.fine_head().mesh
  rng = np.random.default_rng(7)
  mask = fine.masks['scalp'] * (fine.masks['ears'] < 0.05)
  on_scalp = mask[fine.triangles].mean(1)
  inside = (fine.triangle_parts == meshes.MeshPart.SKIN) & (on_scalp > _EDGE[0])
  # More strands where the hairline is seen against the forehead.
  z = fine.vertices[fine.triangles][..., 2].mean(1)
  weight = smoothstep(on_scalp, _EDGE[0], 0.6) * (1 + 0.6 * smoothstep(z, 0.4, 1.1))
  area = meshes.triangle_areas(fine.vertices, fine.triangles) * inside * weight
  many = 12 * NUM_STRANDS
  triangle = rng.choice(len(area), many, p=area / area.sum())
  weights = rng.dirichlet([1, 1, 1], many).astype(np.float32)
  place = (fine.vertices[fine.triangles[triangle]] * weights[..., None]).sum(1)
  kept = _spread(place, rng.choice(many, NUM_STRANDS, replace=False))
  corners, weights, place = fine.triangles[triangle[kept]], weights[kept], place[kept].astype(np.float32)
  edge = np.clip(((mask[corners] * weights).sum(1) - _EDGE[0]) / (_EDGE[1] - _EDGE[0]), 0, 1)
  groups = []
  for count in (_CLUMPS, _LOCKS):
    leaders = _spread(place, rng.choice(NUM_STRANDS, count, replace=False))
    groups.append(leaders[scipy.spatial.cKDTree(place[leaders]).query(place)[1]].astype(np.int32))
  random = rng.random((NUM_STRANDS, 10)).astype(np.float32)
  with jax.ensure_compile_time_eval():  # the first call may come while a function is traced
    return Roots(*map(jnp.asarray, (corners, weights, place, edge.astype(np.float32), random, *groups)))


def _spread(place, chosen):
  """Members of `place` that are spread more evenly than the `chosen` ones, int64 `[len(chosen)]`."""
  tree = scipy.spatial.cKDTree(place)
  for _ in range(2):
    nearest = scipy.spatial.cKDTree(place[chosen]).query(place)[1]
    sums, counts = place[chosen].astype(np.float64), np.ones((len(chosen), 1))
    np.add.at(sums, nearest, place)
    np.add.at(counts, nearest, 1)
    chosen = tree.query(sums / counts)[1]
  return chosen
