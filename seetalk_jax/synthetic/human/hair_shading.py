"""Shading of hair: light that pieces of strands send to the camera, after Marschner and others (2003), simplified."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic.human import camera as cameras
from seetalk_jax.synthetic.human import light
from seetalk_jax.synthetic.human.vectors import unit

# Tilt of the scales of a hair shifts the white highlight to the root and the colored one to the tip, radians.
_WHITE_SHIFT, _COLORED_SHIFT = 0.08, -0.12
_WHITE_POWER, _COLORED_POWER = 50.0, 14.0
# Light hair scatters light on from strand to strand: highlights and shadows are softer than those of dark hair.
_SCATTERING = 2.2  # share of the softest at a reflectance of 1, up to 1
# Light is halved by this depth of hair, decimeters: from the environment.
_AMBIENT_DEPTH = 0.10
_MEAN_ACROSS = 0.8  # of the sine between strands of all directions and the light
# Neighboring pieces of a strand that share one color.
_SHARED_BY = 2


def shade(
  points: jax.Array,
  normals: jax.Array,
  depth: jax.Array,
  color: jax.Array,
  lights: light.Lights,
  shadows: light.ShadowMap,
  camera: cameras.Camera,
) -> jax.Array:
  """Colors of the pieces of strands; a pure function for jit and vmap.

  Args:
    points: in the scene, after the head's turn, `[n, k, 3]`.
    normals: away from the head, turned likewise, `[n, k, 3]`.
    depth: below the outer hair, decimeters, `[n, k]`.
    color: of strands, linear RGB, `[n, k, 3]`.
    lights: of the scene.
    shadows: `light.shadow_maps` of the lights.
    camera: of the picture.

  Returns:
    Linear RGB `[3, n * (k - 1)]` in the order of the pieces in `raster.strands`.
  """
  nodes = list(range(0, points.shape[1] - 1, _SHARED_BY)) + [points.shape[1] - 1]
  points, normals, depth, color = (
    values[:, jnp.asarray(nodes)] for values in (points, normals, depth, color)
  )
  # Planes of single numbers are faster on CPU than rows of three.
  points, normals, color = (jnp.moveaxis(values, -1, 0) for values in (points, normals, color))
  tangent = unit(points[..., 1:] - points[..., :-1], 0)
  middle, normal, color = ((v[..., 1:] + v[..., :-1]) / 2 for v in (points, normals, color))
  tangent, middle, normal, color = (v.reshape(3, -1) for v in (tangent, middle, normal, color))
  depth = ((depth[:, 1:] + depth[:, :-1]) / 2).reshape(-1)
  view = unit(camera.position[:, None] - middle, 0)
  along_view = (tangent * view).sum(0)
  across_view = _across(along_view)
  # The side of the hair that is turned outward.
  normal = unit(normal - 0.7 * (normal * tangent).sum(0) * tangent, 0)
  tangent, normal, view, along_view, across_view = jax.lax.optimization_barrier(
    (tangent, normal, view, along_view, across_view)
  )
  scattering = jnp.clip(_SCATTERING * color.mean(0), 0, 1)
  open_to_sky = 0.12 + 0.88 * jnp.exp(-0.7 * depth / (_AMBIENT_DEPTH * (1 + 0.7 * scattering)))
  result = color * light.irradiance_planes(lights.environment, normal) * (0.85 * open_to_sky)
  pieces = _Pieces(middle, tangent, normal, color, scattering, along_view, across_view)

  def add(result, key):
    direction, color, shadow = key
    lit = light.is_lit(color)
    return result + jax.lax.cond(lit, _from_key, _dark, pieces, direction, color, shadow), None

  result, _ = jax.lax.scan(add, result, (lights.directions, lights.colors, shadows))
  repeats = np.diff(nodes)
  result = jnp.repeat(result.reshape(3, -1, len(repeats)), repeats, axis=2, total_repeat_length=repeats.sum())
  return result.reshape(3, -1)


class _Pieces(NamedTuple):
  """Pieces of strands: vectors `[3, p]`, scattering, and the cosine and sine between tangent and view `[p]`."""

  middle: jax.Array
  tangent: jax.Array
  normal: jax.Array
  color: jax.Array
  scattering: jax.Array
  along_view: jax.Array
  across_view: jax.Array


def _from_key(pieces, direction, key, shadow):
  """Linear RGB `[3, p]` from one key light."""
  soft = pieces.scattering
  reaches = light.visibility(shadow, pieces.middle.T, hair_density=30.0 * (1 - 0.6 * soft))
  along = (pieces.tangent * direction[:, None]).sum(0)
  facing = jnp.clip(0.5 + 0.5 * (pieces.normal * direction[:, None]).sum(0), 0, 1)
  across = _across(along)
  diffuse = 0.55 * (across + 0.7 * soft * (_MEAN_ACROSS - across)) * (0.35 + 0.65 * facing)
  view = pieces.along_view, pieces.across_view
  white = 0.05 * (1 - 0.7 * soft) * _lobe(along, *view, _WHITE_SHIFT, _WHITE_POWER) * facing
  colored = 0.7 * (1 - 0.7 * soft) * _lobe(along, *view, _COLORED_SHIFT, _COLORED_POWER)
  return key[:, None] * reaches * (pieces.color * (diffuse + colored) + white)


def _dark(pieces, *_):
  return jnp.zeros_like(pieces.color)


def _across(along):
  # The root of 0 has no derivative.
  return jnp.sqrt(jnp.clip(1 - along * along, 1e-8, 1))


def _lobe(along, along_view, across_view, shift, power):
  """Kajiya and Kay's highlight with a shifted tangent."""
  moved = jnp.clip(along + shift, -1, 1)
  cosine = _across(moved) * across_view - moved * along_view
  return jnp.exp(power * jnp.log(jnp.clip(cosine, 1e-4, 1)))
