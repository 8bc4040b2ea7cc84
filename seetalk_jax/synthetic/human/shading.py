"""Shading: from surface properties and light to linear color, for skin, eyes, teeth, cloth and metal.

Diffuse light is gathered at vertices, where skin spreads it beyond the border of a shadow. Gloss is computed at
every sample, with microfacets of the distribution of Trowbridge and Reitz (GGX; Walter et al., 2007).
All functions are pure and differentiable.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from seetalk_jax.synthetic.human import light

# Powers of the occlusion: what bounces between folds of skin turns red.
_OCCLUSION_POWERS = (0.8, 1.05, 1.15)
_SKIN_REFLECTANCE = 0.028
_RELIEF = 0.2  # share of the relief that tilts the normals; the rest would lie below the resolution


class Surface(NamedTuple):
  """What a picture shows at every pixel; planes `[h, w]`, vectors `[3, h, w]`.

  Attributes:
    albedo: linear RGB.
    roughness: 0.1 (mirror) to 1.
    relief: gradient of the height in space.
    metal: 0 to 1.
    normal: directions of any length.
    occlusion: unoccluded share of the surroundings.
    diffuse: irradiance over pi.
    visible: share of each key light, `[k, h, w]`.
  """

  albedo: jax.Array
  roughness: jax.Array
  relief: jax.Array
  metal: jax.Array
  normal: jax.Array
  occlusion: jax.Array
  diffuse: jax.Array
  visible: jax.Array


def diffuse(
  normals: jax.Array, occlusion: jax.Array, visible: jax.Array, wrap: jax.Array, lights: light.Lights
) -> jax.Array:
  """Irradiance over pi at vertices.

  Args:
    normals: unit vectors, `[v, 3]`.
    occlusion: unoccluded share of the surroundings, `[v]`.
    visible: share of each key light, `[k, v]`.
    wrap: spread beyond the terminator, `[v, 3]`.
    lights: on the person.

  Returns:
    `[v, 3]`.
  """
  # Roots have no derivative at 0.
  open_share = jnp.maximum(occlusion, 1e-4)[:, None] ** jnp.asarray(_OCCLUSION_POWERS)
  total = light.irradiance(lights.environment, normals) * open_share
  for direction, color, share in zip(lights.directions, lights.colors, visible, strict=True):
    facing = (normals @ direction)[:, None]
    total += color * jnp.clip((facing + wrap) / (1 + wrap), 0, 1) ** 1.15 * share[:, None]
  return total


def shade(surface: Surface, view: jax.Array, lights: light.Lights) -> jax.Array:
  """Linear color towards the camera, `[3, h, w]`.

  Args:
    surface: at every pixel.
    view: unit vectors towards the camera, `[3, h, w]`.
    lights: on the person.
  """
  albedo, rough = surface.albedo, jnp.clip(surface.roughness, 0.1, 1)
  smooth = _unit(surface.normal)
  along = (surface.relief * smooth).sum(0)
  normal = _unit(smooth - _RELIEF * (surface.relief - along * smooth))
  facing = jnp.clip((normal * view).sum(0), 0.05, 1)
  # Without the barrier, the compiler computes the normal again for each of its uses.
  normal, smooth, facing, view = jax.lax.optimization_barrier((normal, smooth, facing, view))
  # Metals reflect in their color and have no diffuse light.
  reflectance = _SKIN_REFLECTANCE * (1 - surface.metal) + albedo * surface.metal
  matte = albedo * (1 - surface.metal)
  color = matte * surface.diffuse
  tilt = normal - smooth
  # Relief turns skin towards and away from the surroundings: the linear term of their harmonics.
  turned = jnp.einsum('ac,ahw->chw', light.irradiance_slope(lights.environment), tilt)
  color += matte * surface.occlusion * jnp.clip(turned, -0.4 * surface.diffuse, 0.4 * surface.diffuse)
  for direction, key, share in zip(lights.directions, lights.colors, surface.visible, strict=True):
    towards = direction[:, None, None]
    half = _unit(view + towards)
    height, incline = (jnp.clip((normal * v).sum(0), 0, 1) for v in (half, towards))
    fresnel = reflectance + (1 - reflectance) * _fifth(1 - jnp.clip((view * half).sum(0), 0, 1))
    gloss = 0.9 * _microfacets(height, incline, facing, rough)
    gloss += 0.1 * _microfacets(height, incline, facing, jnp.clip(0.65 * rough, 0.1, 1))
    arriving = key[:, None, None] * share
    color += arriving * (gloss * fresnel * 3.0 + matte * jnp.clip((tilt * towards).sum(0), -0.3, 0.3))
  mirrored = 2 * facing * normal - view
  surroundings = light.irradiance_planes(lights.environment, mirrored)
  # Rough surfaces shade their own grazing reflections.
  grazing = reflectance + (1 - rough) ** 2 * (1 - reflectance) * _fifth(1 - facing)
  return color + surroundings * grazing * surface.occlusion**3


def _fifth(x):
  return x * x * x * x * x


def _microfacets(height, incline, facing, rough):
  """Distribution times shadowing of the microfacets, without the Fresnel term, over pi."""
  alpha2 = rough**4
  spread = alpha2 / (jnp.pi * (height * height * (alpha2 - 1) + 1) ** 2 + 1e-6)
  k = rough * rough / 2
  return spread * incline / (4 * (incline * (1 - k) + k) * (facing * (1 - k) + k) + 1e-3)


def _unit(vectors):
  return vectors * jax.lax.rsqrt((vectors * vectors).sum(0) + 1e-12)
