"""Light: an environment as spherical harmonics, and key lights with soft shadows."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seetalk_jax.synthetic.human import raster
from seetalk_jax.synthetic.human.vectors import unit

# Cosine-convolved spherical harmonics of degree 0 to 2 (Ramamoorthi and Hanrahan, 2001), over pi.
_COSINE = (1.0, 2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 0.25, 0.25, 0.25, 0.25, 0.25)
_DEGREE_1 = 0.488603  # factor of the harmonics of degree 1
SHADOW_SIDE = 256
_SHADOW_EXTENT = 4.6  # decimeters
_SHADOW_CENTER = (0.0, 7.1, 0.3)
_SHADOW_DEPTH = 6.0  # decimeters from the nearest to the farthest depth of a shadow map


class Lights(NamedTuple):
  """All light on a person.

  Attributes:
    environment: radiance as spherical harmonics of degree 0 to 2, linear RGB, `[9, 3]`.
    directions: unit vectors towards the key lights, `[k, 3]`.
    colors: their irradiance on a facing surface over pi, linear RGB, `[k, 3]`.
  """

  environment: jax.Array
  directions: jax.Array
  colors: jax.Array


def harmonics(directions: jax.Array) -> jax.Array:
  """The nine real spherical harmonics of degree 0 to 2 at unit vectors `[..., 3]`: `[..., 9]`."""
  x, y, z = jnp.moveaxis(directions, -1, 0)
  constant, *others = _harmonics(x, y, z)
  return jnp.stack([constant * jnp.ones_like(x), *others], axis=-1)


def _harmonics(x, y, z):
  """The nine harmonics of planes of numbers; the first is a number."""
  return (
    0.282095,
    *(_DEGREE_1 * y, _DEGREE_1 * z, _DEGREE_1 * x),
    *(1.092548 * x * y, 1.092548 * y * z, 0.315392 * (3 * z * z - 1), 1.092548 * x * z),
    0.546274 * (x * x - y * y),
  )


def irradiance(environment: jax.Array, normals: jax.Array) -> jax.Array:
  """Irradiance over pi of surfaces with unit normals `[..., 3]` in an environment `[9, 3]`: `[..., 3]`."""
  basis = harmonics(normals) * jnp.asarray(_COSINE)
  return jnp.maximum(basis @ environment, 0)


def irradiance_planes(environment: jax.Array, directions: jax.Array) -> jax.Array:
  """`irradiance` of directions `[3, h, w]`: `[3, h, w]`. Planes of single numbers are faster on CPU."""
  terms = _harmonics(*directions)
  weights = environment * jnp.asarray(_COSINE)[:, None]
  return jnp.stack(
    [jnp.maximum(sum(term * w for term, w in zip(terms, channel, strict=True)), 0) for channel in weights.T]
  )


def irradiance_slope(environment: jax.Array) -> jax.Array:
  """Change of `irradiance` with the x, y and z of a normal by the terms of degree 1: `[9, 3]` -> `[3, 3]`."""
  y, z, x = _DEGREE_1 * _COSINE[1] * environment[1:4]
  return jnp.stack([x, y, z])


def lobe(direction: jax.Array, color: jax.Array, width: jax.Array | float = 1.0) -> jax.Array:
  """A broad source such as a window, as harmonics `[9, 3]`.

  Args:
    direction: unit vector towards its middle, `[3]`.
    color: linear RGB, `[3]`: its irradiance over pi on a facing surface is about this.
    width: 0: as narrow as degree 2 allows; 1: half of the sphere.
  """
  # Zonal coefficients of a point and of a clamped cosine.
  zonal = jnp.asarray([1.0, 1.0, 1.0]) * (1 - width) + jnp.asarray([1.0, 2 / 3, 0.25]) * width
  per_basis = jnp.repeat(zonal, jnp.asarray([1, 3, 5]), total_repeat_length=9)
  return jnp.pi * 0.9 * (harmonics(direction) * per_basis)[:, None] * color


class ShadowMap(NamedTuple):
  """Depths as a light sees them.

  Attributes:
    axes: right, up and towards the light, `[3, 3]`.
    depth: of the nearest triangle, `[SHADOW_SIDE, SHADOW_SIDE]`; 2 where there is none.
    hair: of the nearest strand.
  """

  axes: jax.Array
  depth: jax.Array
  hair: jax.Array


def shadow_maps(
  lights: Lights, vertices: jax.Array, triangles: jax.Array, strands: jax.Array | None
) -> ShadowMap:
  """Maps of all key lights, along a leading axis; arguments as of `shadow_map`.

  Maps of absent lights are empty and cost nothing.
  """

  def empty():
    plane = jnp.full((SHADOW_SIDE, SHADOW_SIDE), 2.0)
    return ShadowMap(jnp.eye(3), plane, plane)

  def one(key):
    direction, color = key
    return jax.lax.cond(
      is_lit(color), functools.partial(shadow_map, direction, vertices, triangles, strands), empty
    )

  # A loop compiles in a third of the time of its steps one after the other.
  return jax.lax.map(one, (lights.directions, lights.colors))


def shadow_map(
  direction: jax.Array, vertices: jax.Array, triangles: jax.Array, strands: jax.Array | None
) -> ShadowMap:
  """Renders depths from a distant light.

  Args:
    direction: unit vector towards the light, `[3]`.
    vertices: `[v, 3]`.
    triangles: int32 `[t, 3]`.
    strands: `[n, k, 3]` of hair, or None.
  """
  own = axes(direction)
  depth = raster.triangles(*_seen(vertices, own), triangles, SHADOW_SIDE).depth
  if strands is None:
    return ShadowMap(own, depth, jnp.full_like(depth, 2.0))
  return ShadowMap(own, depth, raster.strands(*_seen(strands, own), SHADOW_SIDE).depth)


def axes(direction: jax.Array) -> jax.Array:
  """Right, up and towards the light `[3, 3]`: unit vectors of a map that is seen from a direction `[3]`."""
  up = jnp.where(jnp.abs(direction[1]) < 0.95, jnp.asarray([0.0, 1.0, 0.0]), jnp.asarray([0.0, 0.0, 1.0]))
  right = unit(jnp.cross(up, direction))
  return jnp.stack([right, jnp.cross(direction, right), direction])


def is_lit(color: jax.Array) -> jax.Array:
  """Whether a key light of this color `[3]` shines; absent ones are black."""
  return (color > 0).any()


def _seen(points, axes):
  """Positions and depths of points in a shadow map."""
  x, y, z = jnp.moveaxis((points - jnp.asarray(_SHADOW_CENTER)) @ axes.T, -1, 0)
  scale = SHADOW_SIDE / _SHADOW_EXTENT
  return jnp.stack([SHADOW_SIDE / 2 + scale * x, SHADOW_SIDE / 2 - scale * y], -1), 0.5 - z / _SHADOW_DEPTH


def visibility(
  shadow: ShadowMap, points: jax.Array, softness: jax.Array | float = 1.5, hair_density: float = 50.0
) -> jax.Array:
  """Share of a light that reaches points `[..., 3]`: `[...]` in [0, 1].

  Nine samples of the map blur the border. Hair attenuates by the depth below its surface.

  Args:
    shadow: of the light.
    points: in decimeters.
    softness: distance of the samples, in texels of 0.018 decimeters.
    hair_density: attenuation per 6 decimeters.
  """
  positions, depth = _seen(points, shadow.axes)
  total = jnp.zeros(depth.shape)
  for dx in (-1, 0, 1):
    for dy in (-1, 0, 1):
      column = jnp.clip(positions[..., 0] + dx * softness, 0, SHADOW_SIDE - 1).astype(jnp.int32)
      row = jnp.clip(positions[..., 1] + dy * softness, 0, SHADOW_SIDE - 1).astype(jnp.int32)
      at = row * SHADOW_SIDE + column
      lit = jnp.clip((shadow.depth.reshape(-1)[at] - depth + 0.004) * 180 + 0.5, 0, 1)
      below = jnp.maximum(depth - shadow.hair.reshape(-1)[at] - 0.004, 0)
      total += lit * jnp.exp(-hair_density * below)
  return total / 9
