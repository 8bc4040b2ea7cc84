"""Facial hair: brows, lashes and beards as strands that follow the expressions of the face."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic.human import collision, rig
from seetalk_jax.synthetic.human import mesh as meshes
from seetalk_jax.synthetic.human.vectors import smoothstep, unit

NUM_POINTS = 6
NUM_BROW, NUM_UPPER, NUM_LOWER = 1000, 64, 40  # on each side
NUM_BEARD = 3200
NUM_STRANDS = 2 * (NUM_BROW + NUM_UPPER + NUM_LOWER) + NUM_BEARD
_EYE = (0.308, 7.284, 1.245)  # middle of the left eyeball
# The middle of a brow on the neutral head: x, y.
_BROW_X = (0.105, 0.16, 0.23, 0.30, 0.38, 0.46, 0.53)
_BROW_Y = (7.442, 7.445, 7.456, 7.472, 7.480, 7.475, 7.450)
_INSIDE = (0.0, 7.35, 0.2)
_BROW_BAND = 0.085  # half the height in which brows may grow


class FacialStyle(NamedTuple):
  """Facial hair of a person; scalars, lengths in decimeters.

  Attributes:
    brow_thickness: half the height of a brow, 0.02 (plucked) to 0.07 (bushy).
    brow_arch: how much the outer third rises, -0.5 (straight) to 1 (arched).
    brow_length: where the outer end lies, 0.7 to 1.
    brow_density: share of strands that grow, 0 to 1.
    brow_hair: length of a hair, 0.04 to 0.12.
    lash_length: of the lashes over that of the mesh's strips, 0.5 to 1.2.
    lash_density: share of lashes, 0 to 1.
    moustache: density above the upper lip, 0 to 1.
    chin: density at the chin, 0 to 1.
    patch: density below the lower lip, 0 to 1.
    cheeks: density on cheeks and jaw, 0 to 1.
    sideburns: density before the ears, 0 to 1.
    neck: density on the throat, 0 to 1.
    line: height where the beard of the cheeks begins, 6.5 to 6.95.
    length: of the beard on the cheeks.
    chin_length: of the beard at the chin.
    moustache_length: of the moustache.
    curl: radius of bends of the beard, 0 to 0.05.
  """

  brow_thickness: jax.Array
  brow_arch: jax.Array
  brow_length: jax.Array
  brow_density: jax.Array
  brow_hair: jax.Array
  lash_length: jax.Array
  lash_density: jax.Array
  moustache: jax.Array
  chin: jax.Array
  patch: jax.Array
  cheeks: jax.Array
  sideburns: jax.Array
  neck: jax.Array
  line: jax.Array
  length: jax.Array
  chin_length: jax.Array
  moustache_length: jax.Array
  curl: jax.Array


class FacialRoots(NamedTuple):
  """Where facial hair grows, the same for everybody: brows, lashes and beard, in this order.

  Attributes:
    corners: fine vertices of the triangle below each point, int32 `[n, k, 3]`. All points of a strand share the
      triangle of the root, but for lashes, which lie in the mesh's strips.
    weights: barycentric, float32 `[n, k, 3]`.
    place: of the root on the neutral mesh, float32 `[n, 3]`.
    random: uniform numbers, float32 `[n, 6]`.
  """

  corners: jax.Array
  weights: jax.Array
  place: jax.Array
  random: jax.Array


class FacialHair(NamedTuple):
  """Facial hair of a person, for `placed`.

  Attributes:
    corners: see `FacialRoots`.
    weights: see `FacialRoots`.
    offset: from the place on the mesh, in the frame of the head, decimeters, `[n, k, 3]`.
    depth: below the outer hair, decimeters, `[n, k]`.
    turning: share of a turn of the head that a point takes part in, `[n, k]`.
  """

  corners: jax.Array
  weights: jax.Array
  offset: jax.Array
  depth: jax.Array
  turning: jax.Array


def placed(hair: FacialHair, vertices: jax.Array) -> jax.Array:
  """Points `[n, k, 3]` of facial hair on fine vertices `[v, 3]` with an expression, before the head turns."""
  return _on_mesh(vertices, hair.corners, hair.weights) + hair.offset


def _on_mesh(values, corners, weights):
  planes = [sum(plane[corners[..., k]] * weights[..., k] for k in range(3)) for plane in values.T]
  return jnp.stack(planes, -1)


@functools.cache
def facial_roots() -> FacialRoots:
  """Roots of brows, lashes and beard."""
  fine = rig.fine_head().mesh
  rng = np.random.default_rng(11)
  parts = []
  x, y, z = fine.vertices[fine.triangles].mean(1).T
  skin = fine.triangle_parts == meshes.MeshPart.SKIN
  near_brow = np.abs(y - np.interp(np.abs(x), _BROW_X, _BROW_Y)) < _BROW_BAND
  near_brow &= (np.abs(x) > _BROW_X[0] - 0.03) & (np.abs(x) < _BROW_X[-1] + 0.03) & (z > 0.9)
  parts.append(_on_skin(fine, skin & near_brow, 2 * NUM_BROW, rng))
  for part, count in ((meshes.MeshPart.UPPER_LASHES, NUM_UPPER), (meshes.MeshPart.LOWER_LASHES, NUM_LOWER)):
    parts.extend(_lashes(fine, part, count, side, rng) for side in (1, -1))
  lips = fine.masks['lips'] + fine.masks['mouth_inside']
  beard = (fine.masks['beard'] * (lips < 0.15) * (fine.masks['ears'] < 0.05))[fine.triangles].mean(1)
  # The front of the beard is seen best.
  front = 1 + 0.9 * (z > 1.25)
  parts.append(_on_skin(fine, (skin & (beard > 0.4)) * front, NUM_BEARD, rng))
  corners, weights = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
  place = (fine.vertices[corners[:, 0]] * weights[:, 0, :, None]).sum(1)
  random = rng.random((NUM_STRANDS, 6)).astype(np.float32)
  with jax.ensure_compile_time_eval():  # the first call may come while a function is traced
    return FacialRoots(*map(jnp.asarray, (corners, weights, place.astype(np.float32), random)))


def _on_skin(fine, chosen, count, rng):
  """(corners, weights) of strands that are rooted on triangles of the skin, spread by area."""
  area = meshes.triangle_areas(fine.vertices, fine.triangles) * chosen
  at = (np.arange(count) + rng.random(count)) / count
  triangle = np.searchsorted(np.cumsum(area) / area.sum(), at).clip(0, len(area) - 1)
  weights = rng.dirichlet([1, 1, 1], count).astype(np.float32)
  return tuple(np.repeat(v[:, None], NUM_POINTS, 1) for v in (fine.triangles[triangle], weights))


def _lashes(fine, part, count, side, rng):
  """(corners, weights) of lashes in the strip of one eye: from its inner to its outer border, spread like a fan."""
  triangles = fine.triangles[fine.triangle_parts == part]
  triangles = triangles[(fine.vertices[triangles][..., 0].mean(1) * side) > 0]
  flat = _flattened(fine.vertices[triangles], side)
  low, high = (0.07, 0.93) if part == meshes.MeshPart.UPPER_LASHES else (0.12, 0.88)
  turn = (low + (high - low) * (np.arange(count) + rng.random(count)) / count) * np.pi
  corners, weights = np.zeros((count, NUM_POINTS, 3), np.int32), np.zeros((count, NUM_POINTS, 3), np.float32)
  for i, angle in enumerate(turn):
    # The borders of the strip at this angle, from places on its triangles.
    at = flat[np.abs(flat[..., 0].mean(1) - angle) < 0.12]
    inner, outer = at[..., 1].min(), at[..., 1].max()
    for k in range(NUM_POINTS):
      share = k / (NUM_POINTS - 1)
      fan = 0.10 * share * (np.pi / 2 - angle)
      goal = np.array([angle - fan, inner + (0.15 + 0.85 * share) * (outer - inner)])
      chosen, weights[i, k] = _nearest_triangle(flat, goal)
      corners[i, k] = triangles[chosen]
  return corners, weights


def _flattened(points, side):
  """(angle about the middle of the eye from the outer corner over its top or bottom, distance from it)."""
  x, y, z = np.moveaxis(points - np.asarray(_EYE) * (side, 1, 1), -1, 0)
  return np.stack([np.arctan2(np.abs(y), x * side), np.sqrt(x * x + y * y + z * z)], -1)


def _nearest_triangle(flat, goal):
  """The triangle of `[t, 3, 2]` that holds a point, or is nearest to it, and clipped barycentric weights."""
  a, b, c = flat[:, 0], flat[:, 1], flat[:, 2]
  u, v, w = b - a, c - a, goal - a
  area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
  area = np.where(np.abs(area) < 1e-9, 1e-9, area)
  second = (w[:, 0] * v[:, 1] - w[:, 1] * v[:, 0]) / area
  third = (u[:, 0] * w[:, 1] - u[:, 1] * w[:, 0]) / area
  weights = np.clip(np.stack([1 - second - third, second, third], -1), 0, None)
  weights /= weights.sum(-1, keepdims=True)
  reached = (flat * weights[..., None]).sum(1)
  best = np.linalg.norm((reached - goal) * (0.15, 1), axis=-1).argmin()
  return best, weights[best]


def grow(
  vertices: jax.Array, normals: jax.Array, body: collision.Body, style: FacialStyle, roots: FacialRoots
) -> FacialHair:
  """Facial hair of a person; a pure function for jit and vmap.

  Args:
    vertices: fine vertices of the neutral person, `[v, 3]`.
    normals: of the vertices, `[v, 3]`.
    body: `collision.body` of the vertices.
    style: of the person.
    roots: `facial_roots()`.

  Returns:
    `NUM_STRANDS` strands of `NUM_POINTS` points. Strands that do not grow have all points inside the head.
  """
  brows, beard = slice(0, 2 * NUM_BROW), slice(NUM_STRANDS - NUM_BEARD, NUM_STRANDS)
  start = _on_mesh(vertices, roots.corners[:, 0], roots.weights[:, 0])
  normal = _on_mesh(normals, roots.corners[:, 0], roots.weights[:, 0])
  normal = unit(normal)
  offset = [
    _brows(normal[brows], style, roots.place[brows], roots.random[brows]),
    _lash_offsets(vertices, style, roots),
    _beard(start[beard], normal[beard], body, style, roots.place[beard], roots.random[beard]),
  ]
  offset = jnp.concatenate(offset)
  # Strands that do not grow lie inside the head.
  grows = jnp.abs(offset).max((1, 2)) > 0
  offset = jnp.where(grows[:, None, None], offset, (jnp.asarray(_INSIDE) - start)[:, None])
  turning = jnp.broadcast_to(rig.share_of_turn(start)[:, None], offset.shape[:2])
  thick = jnp.minimum(jnp.linalg.norm(offset[:, -1], axis=-1), 1)
  depth = 0.25 * thick[:, None] * jnp.linspace(1, 0, NUM_POINTS) ** 2
  return FacialHair(roots.corners, roots.weights, offset, depth, turning)


def beard_undercoat(style: FacialStyle, place: jax.Array) -> jax.Array:
  """Share of the skin that a beard covers between its strands, and all that shows of stubble, for `skin.Undercoat`.

  Args:
    style: of the person.
    place: x, y and z on the neutral head, `[3, ...]`.

  Returns:
    `[...]` in [0, 1], to be multiplied with the mask `beard`.
  """
  x, y, z = place
  density, _ = _beard_density(style, jnp.abs(x), y, z, 0.0)
  return 0.72 * jnp.clip(density, 0, 1)


def brow_undercoat(style: FacialStyle, place: jax.Array) -> jax.Array:
  """The same for brows, everywhere on the neutral head."""
  x, y, z = place
  _, across, ends = _in_brow(style, jnp.abs(x), y)
  return 0.5 * style.brow_density * ends * smoothstep(jnp.abs(across), 1.15, 0.35) * (z > 0.9)


def _in_brow(style, x, y):
  """(share of a brow's length, distance from its middle over half its height, density of its ends)."""
  along = (x - _BROW_X[0]) / (_BROW_X[-1] - _BROW_X[0])
  # Sums of ramps are faster than an interpolation that looks up the piece.
  slopes = np.diff(_BROW_Y) / np.diff(_BROW_X)
  bends = np.diff(slopes, prepend=0.0)
  middle = _BROW_Y[0] + sum(
    bend * jnp.maximum(x - at, 0) for bend, at in zip(bends, _BROW_X[:-1], strict=True)
  )
  arch = jnp.exp(-(((along - 0.68) / 0.22) ** 2)) - 0.2 * smoothstep(along, 0.3, 0.0)
  middle += 0.03 * style.brow_arch * arch
  taper = (0.75 + 0.25 * smoothstep(along, 0.0, 0.3)) * (1 - 0.75 * smoothstep(along, 0.45, 1.0))
  across = (y - middle) / (style.brow_thickness * taper)
  # The inner end begins thinly.
  inner = 0.4 * smoothstep(along, -0.03, 0.08) + 0.6 * smoothstep(along, 0.0, 0.3)
  ends = inner * smoothstep(along, style.brow_length + 0.05, style.brow_length - 0.1)
  return along, across, ends


def _brows(normal, style, place, random):
  """Offsets of brows: hairs of the inner end rise, the others lie outward and meet in the middle."""
  x = jnp.abs(place[:, 0])
  along, across, ends = _in_brow(style, x, place[:, 1])
  chance = style.brow_density * ends * smoothstep(jnp.abs(across) + 0.25 * (random[:, 4] - 0.5), 1.15, 0.75)
  grows = random[:, 0] < chance
  outward = jnp.sign(place[:, 0])
  rise = 0.8 * smoothstep(along, 0.3, 0.0) + 0.30 - 0.45 * across - 0.75 * smoothstep(along, 0.55, 1.0)
  rise += 0.5 * (random[:, 1] - 0.5)
  direction = jnp.stack([outward * (0.25 + smoothstep(along, 0.0, 0.25)), rise, jnp.zeros_like(x)], -1)
  direction -= (direction * normal).sum(-1, keepdims=True) * normal
  direction = unit(direction)
  length = jnp.where(
    grows,
    style.brow_hair
    * (0.6 + 0.5 * random[:, 2])
    * (0.65 + 0.35 * smoothstep(along, 0.0, 0.3) - 0.35 * smoothstep(along, 0.5, 1)),
    0,
  )
  share = jnp.linspace(0, 1, NUM_POINTS)[None, :, None]
  lifted = (0.10 * share + 0.18 * share * (1 - share)) * normal[:, None]
  return length[:, None, None] * (share * direction[:, None] + lifted)


def _lash_offsets(vertices, style, roots):
  """Offsets that shorten, lengthen and thin out the lashes of the strips."""
  lashes = slice(2 * NUM_BROW, NUM_STRANDS - NUM_BEARD)
  points = _on_mesh(vertices, roots.corners[lashes], roots.weights[lashes])
  random = roots.random[lashes]
  scale = style.lash_length * (0.75 + 0.35 * random[:, 1])
  scale = jnp.where(random[:, 0] < style.lash_density, scale, 0)
  # Never exactly 0, which marks lashes that do not grow.
  grown = jnp.maximum(jnp.abs(scale - 1), 1e-4) * jnp.sign(scale - 1 + 1e-6)
  offset = grown[:, None, None] * (points - points[:, :1])
  return jnp.where((scale > 0)[:, None, None], offset, 0)


def _beard_density(style, x, y, z, shift):
  """(density of moustache and beard, shares of upper lip, chin, corners of the mouth and sideburns).

  `shift` moves the upper border on the cheeks, -0.5 to 0.5.
  """
  # A moustache narrows towards the nose.
  wide = x + 0.9 * jnp.maximum(y - 6.66, 0)
  lip = smoothstep(y, 6.60, 6.66) * smoothstep(wide, 0.38, 0.27) * smoothstep(z, 1.2, 1.3)
  patch = smoothstep(x, 0.12, 0.04) * smoothstep(y, 6.36, 6.42) * smoothstep(y, 6.60, 6.56) * (z > 1.3)
  chin = smoothstep(x, 0.33, 0.24) * smoothstep(y, 6.50, 6.42) * smoothstep(z, 1.0, 1.2)
  corner = (
    smoothstep(x, 0.22, 0.27) * smoothstep(x, 0.38, 0.32) * smoothstep(y, 6.7, 6.6) * smoothstep(z, 1.1, 1.2)
  )
  burns = smoothstep(y, 6.75, 6.85) * smoothstep(z, 1.0, 0.85)
  neck = smoothstep(y, 6.28, 6.2) * smoothstep(z, 1.36, 1.26)
  rest = (1 - jnp.maximum(jnp.maximum(lip, chin), jnp.maximum(burns, neck))) * (1 - patch)
  line = style.line + 0.25 * smoothstep(z, 1.2, 0.8) + 0.08 * shift
  rest *= smoothstep(y, line + 0.05, line - 0.05)
  areas = (
    *(style.moustache * lip, style.chin * chin, style.patch * patch),
    *(style.sideburns * burns, style.neck * neck),
  )
  density = style.cheeks * rest + functools.reduce(jnp.maximum, areas)
  density = jnp.maximum(density, jnp.minimum(style.moustache, style.chin) * corner)
  return density, (lip, chin, corner, burns)


def _beard(start, normal, body, style, place, random):
  """Offsets of moustache and beard."""
  x, y, z = jnp.abs(place[:, 0]), place[:, 1], place[:, 2]
  density, (lip, chin, corner, burns) = _beard_density(style, x, y, z, random[:, 4] - 0.5)
  length = style.length + (style.chin_length - style.length) * chin
  length = length + (style.moustache_length - length) * lip
  length *= (0.65 + 0.35 * random[:, 1]) * (0.4 + 0.6 * jnp.minimum(1, 1.5 * density)) * (1 - 0.4 * burns)
  length = jnp.where(random[:, 0] < density, length, 0)
  sign = jnp.sign(place[:, 0])
  spread = 0.35 * (random[:, 2:5] - 0.5)
  down = jnp.stack(
    [sign * (0.8 * lip + 0.1 * corner) - 0.25 * sign * chin * x / 0.3, -1 + 0.45 * lip, 0.25 * (1 - lip)], -1
  )
  first = 0.55 * normal + 0.7 * down + spread
  away = jnp.minimum(0.004 + 0.03 * length * random[:, 3], 0.03)
  zero = jnp.zeros(len(x))

  def at(share):
    way = share * first * (1 - 0.5 * share) + 0.5 * share**2 * (1.3 * down + spread)
    angle = 2 * jnp.pi * (random[:, 5] + 2 * share)
    bends = jnp.stack([jnp.cos(angle), zero, jnp.sin(angle)], -1)
    bent = (jnp.minimum(style.curl, 0.2 * length) * share)[:, None] * bends
    point = collision.pushed_out(start + length[:, None] * way + bent, body, away, zero, zero)
    return jnp.where((length > 0)[:, None], point - start, 0)

  offset = jax.lax.map(at, jnp.linspace(0, 1, NUM_POINTS)[1:])
  return jnp.concatenate([jnp.zeros((len(x), 1, 3)), jnp.moveaxis(offset, 0, 1)], 1)
