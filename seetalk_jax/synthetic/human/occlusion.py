"""Ambient occlusion: the share of the surroundings that every vertex sees, from shadow maps of many directions."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from seetalk_jax.synthetic.human import light, raster
from seetalk_jax.synthetic.human.vectors import fibonacci_sphere

NUM_DIRECTIONS = 40
_LOWEST = -0.8  # height of the lowest direction: nothing shines from straight below
_SIDE = 96  # samples of a map
_EXTENT = 5.2  # decimeters
_CENTER = (0.0, 7.0, 0.3)
_HAIR_DENSITY = 14.0  # attenuation per decimeter below the surface of the hair
_BIAS = 0.035  # decimeters
_DEPTH = 8.0  # decimeters from the nearest to the farthest depth of a map


def occlusion(
  points: jax.Array,
  normals: jax.Array,
  vertices: jax.Array,
  triangles: jax.Array,
  strands: jax.Array | None = None,
) -> jax.Array:
  """Unoccluded share of the hemisphere over points of a surface, weighted by the cosine.

  Args:
    points: `[n, 3]`, decimeters.
    normals: outward unit normals, `[n, 3]`.
    vertices: of the mesh that occludes, `[v, 3]`.
    triangles: of that mesh, int32 `[t, 3]`.
    strands: of hair, `[s, k, 3]`, or None. Hair lets through less light the deeper a point lies below it.

  Returns:
    float32 `[n]` in [0, 1]: 1 sees everything.
  """

  def add(carry, direction):
    seen, total = carry
    cosine = jnp.maximum(normals @ direction, 0)
    return (seen + cosine * _lit(direction, points, vertices, triangles, strands), total + cosine), None

  start = (jnp.zeros(len(points)), jnp.full(len(points), 1e-3))
  (seen, total), _ = jax.lax.scan(add, start, jnp.asarray(fibonacci_sphere(NUM_DIRECTIONS, _LOWEST)))
  return seen / total


def _lit(direction, points, vertices, triangles, strands):
  """Share of the light from a direction that reaches points `[n, 3]`: `[n]`."""
  axes = light.axes(direction)

  def seen(places):
    x, y, z = jnp.moveaxis((places - jnp.asarray(_CENTER)) @ axes.T, -1, 0)
    scale = _SIDE / _EXTENT
    return jnp.stack([_SIDE / 2 + scale * x, _SIDE / 2 - scale * y], -1), 0.5 - z / _DEPTH

  positions, depths = seen(points)
  column, row = (jnp.clip(p, 0, _SIDE - 1).astype(jnp.int32) for p in jnp.moveaxis(positions, -1, 0))
  at = row * _SIDE + column
  surface = raster.triangles(*seen(vertices), triangles, _SIDE).depth.reshape(-1)
  lit = jnp.clip((surface[at] - depths) * _DEPTH / _BIAS + 2.0, 0, 1)
  if strands is not None:
    hair = raster.strands(*seen(strands), _SIDE).depth.reshape(-1)
    lit *= jnp.exp(-_HAIR_DENSITY * jnp.maximum((depths - hair[at]) * _DEPTH - _BIAS, 0))
  return lit
