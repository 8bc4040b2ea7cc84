"""Sphere tracing in one loop: cones, rays, normals and soft light share a single copy of the field.

XLA compiles every inlined copy of the field anew, and a CPU wants small tiles that stay in its cache.
So a frame is a list of equal jobs of a few thousand points each, run by one scan: first the cones (one per
cell), then the rays of the picture (marched, then four samples for the normal), then the few rays that graze
an outline and need many steps (gathered into jobs of their own), then ambient light and shadow at half the
resolution. A tile stops as soon as all its rays have.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic.head import camera as camera_lib
from seetalk_jax.synthetic.head import field
from seetalk_jax.synthetic.head.cond import stage

# Ray lengths between which the scene lies; a miss is longer than FAR.
NEAR, FAR = 5.0, 8.6
# Pixels per side of a cone's cell; also the cells of canonical coordinates and labels.
CELL = 4

_CONE, _RAY, _REST, _SOFT = 0, 1, 2, 3
# Steps of a cone, of a picture's ray, and of those rays that graze an outline and need more.
_STEPS = (18, 8, 40, 0)
_CORNERS = ((1.0, -1.0, -1.0), (-1.0, -1.0, 1.0), (-1.0, 1.0, -1.0), (1.0, 1.0, 1.0))
_AMBIENT = (0.045, 0.12, 0.28)
_SHADOW = (0.06, 0.13, 0.24, 0.42, 0.70)
# Phase 0 marches; 1 to 4 sample the normal; 5 to 7 walk along the normal, 8 to 12 toward the light.
# Columns: steps along the normal, along the light, along x, y, z (in units of the normal's width).
_PHASES = np.array(
  [(0, 0, 0, 0, 0)]
  + [(0, 0, *c) for c in _CORNERS]
  + [(h, 0, 0, 0, 0) for h in _AMBIENT]
  + [(0.03, h, 0, 0, 0) for h in _SHADOW],
  np.float32,
)
_LAST = len(_PHASES)


class Trace(NamedTuple):
  """What rays met: ray length `[size, size]` (above FAR: nothing), unit normal, light at half size.

  Attributes:
    t: ray length; nx, ny, nz: normal; ambient, shadow: `[size // 2, size // 2]`, 0 dark to 1 light.
  """

  t: jax.Array
  nx: jax.Array
  ny: jax.Array
  nz: jax.Array
  ambient: jax.Array
  shadow: jax.Array


def to_tiles(array, tile: tuple[int, int]):
  """`[h, w]` to `[tiles, pixels]` (numpy or jax)."""
  h, w = tile
  a, b = array.shape
  return array.reshape(a // h, h, b // w, w).swapaxes(1, 2).reshape(-1, h * w)


def from_tiles(tiles, shape: tuple[int, int], tile: tuple[int, int]):
  """The inverse of `to_tiles`."""
  h, w = tile
  return tiles.reshape(shape[0] // h, shape[1] // w, h, w).swapaxes(1, 2).reshape(shape)


def tile_shape(size: int) -> tuple[int, int]:
  """Height and width of tiles that divide a picture of `size`, a multiple of 8: at most 32 by 64."""
  h = next(n for n in (32, 16, 8) if size % n == 0)
  w = next(n for n in (64, 32, 16, 8) if size % n == 0)
  return h, w


@functools.cache
def _jobs(size: int):
  """The list of jobs: kinds `[j]`, pixel places `[j, n, 2]` and where each point's start is kept `[j, n]`."""
  tile = tile_shape(size)
  n = tile[0] * tile[1]

  def grid(step: float):
    side = int(size / step)
    place = (np.arange(side) + 0.5) * step / size
    return np.broadcast_to(place[None, :], (side, side)), np.broadcast_to(place[:, None], (side, side))

  def pad(rows):
    """Flat points to whole jobs, the last point repeated."""
    missing = -len(rows) % n
    return np.concatenate([rows, np.repeat(rows[-1:], missing)]).reshape(-1, n)

  coarse = size // CELL
  u0, v0 = (pad(a.reshape(-1)) for a in grid(CELL))
  own = np.arange(u0.size).reshape(u0.shape)
  u1, v1 = (to_tiles(a, tile) for a in grid(1))
  cell = np.arange(coarse * coarse).reshape(coarse, coarse)
  start = to_tiles(np.repeat(np.repeat(cell, CELL, 0), CELL, 1), tile)
  pixel = from_tiles(np.arange(size * size).reshape(-1, n) + u0.size, (size, size), tile)
  # A pixel of every 2 by 2; the even ones, so that upsampling knows where they lie.
  half = pad(pixel[::2, ::2].reshape(-1))
  uu, vv = grid(1)
  u2, v2 = pad(uu[::2, ::2].reshape(-1)), pad(vv[::2, ::2].reshape(-1))
  # Room for the rays along outlines, whose number grows with the side.
  rest = np.zeros((-(-48 * size // n), n))
  kinds = np.repeat(np.array([_CONE, _RAY, _REST, _SOFT]), [len(u0), len(u1), len(rest), len(u2)])
  places = np.stack([np.concatenate([u0, u1, rest, u2]), np.concatenate([v0, v1, rest, v2])], axis=1)
  sources = np.concatenate([own, start, rest, half])
  return kinds.astype(np.int32), places.astype(np.float32), sources.astype(np.int32)


def trace(rig, key, size: int) -> Trace:
  """Finds the surface, its normals and its soft light; `key` is the direction to the light."""
  kinds, places, sources = _jobs(size)
  tile = tile_shape(size)
  n = tile[0] * tile[1]
  pixel = rig.camera.side / size
  slope = pixel / camera_lib.CAMERA_DISTANCE
  width = 0.4 * pixel + 0.0015
  phases = jnp.asarray(_PHASES)
  limits = jnp.asarray(_STEPS)
  first = {kind: int(np.searchsorted(kinds, kind)) for kind in range(5)}
  every_place = jnp.asarray(places.swapaxes(0, 1).reshape(2, -1))

  def grazing(open_rows):
    """Indices of the unfinished rays of the picture, as many as there is room for."""
    indices = jnp.nonzero(
      open_rows[first[_RAY] : first[_REST]].reshape(-1) > 0.5,
      size=(first[_SOFT] - first[_REST]) * n,
      fill_value=0,
    )[0]
    return (indices + first[_RAY] * n).astype(jnp.int32).reshape(-1, n)

  def job(carry, inputs):
    buffer, picked = carry
    index, kind, place, source = inputs
    picked = jax.lax.cond(index == first[_REST], lambda: grazing(buffer[4]), lambda: picked)
    is_rest = kind == _REST
    row = jnp.clip(index - first[_REST], 0, picked.shape[0] - 1)
    source = jnp.where(is_rest, picked[row], source)
    place = jnp.where(is_rest, every_place[:, source], place)
    origin, (dx, dy, dz) = camera_lib.rays_at(rig.camera, place[0], place[1])
    t, nx, ny, nz = (rows.reshape(-1)[source] for rows in buffer[:4])
    soft = kind == _SOFT
    is_cone = kind == _CONE
    # Longer steps than the distance would leap over thin things, such as the rim of spectacles.
    stride = 0.97
    spread = jnp.where(kind == _CONE, 0.72 * CELL * slope, 0.22 * slope)
    tolerance = jnp.where(kind == _CONE, 0.004, 0.0)
    limit = limits[kind]
    alive = jnp.any(t < FAR)
    phase = jnp.where(soft, 5, 0)
    end = jnp.where(soft, _LAST, jnp.where(kind == _CONE, 1, 5))
    one = jnp.ones_like(t)
    zero = jnp.zeros_like(t)

    def more(carry):
      return alive & (carry[1] < end)

    def sample(carry):
      step, phase, t, a, b, c, unfinished = carry
      row = phases[phase]
      along, light, wx, wy, wz = (row[k] for k in range(5))
      wx, wy, wz = width * wx, width * wy, width * wz

      def evaluate():
        return field.distance(
          rig,
          origin[0] + t * dx + along * nx + light * key[0] + wx,
          origin[1] + t * dy + along * ny + light * key[1] + wy,
          origin[2] + t * dz + along * nz + light * key[2] + wz,
        )

      d = stage(phase >= 0, evaluate)
      marching = phase == 0
      # A cone stops short of what it may hold; a ray stops within a part of a pixel.
      gap = d - spread * t
      moving = (gap > tolerance) & (t < FAR) & marching
      t = jnp.where(moving, t + stride * jnp.where(is_cone, gap, d), t)
      # Normal: a, b, c. Soft light: a is ambient light lost, b the key light left.
      lost = jnp.clip((along - d) / (along + 1e-6), 0.0, 1.0) * (0.19 + 0.6 * along)
      left = jnp.clip(0.45 + 0.55 * d / (0.03 + 0.24 * light), 0.0, 1.0)
      is_ambient, is_shadow = (phase >= 5) & (phase < 8), phase >= 8
      a = a + jnp.where(is_ambient, lost, row[2] * d)
      b = jnp.where(is_shadow, jnp.minimum(b, left), b + row[3] * d)
      c = c + row[4] * d
      done = ~jnp.any(moving) | (step + 1 >= limit)
      phase = jnp.where(marching & ~done, 0, phase + 1)
      unfinished = jnp.where(marching, jnp.where(moving, 1.0, 0.0), unfinished)
      return step + 1, phase, t, a, b, c, unfinished

    begin = (0, phase, t, zero, jnp.where(soft, one, zero), zero, zero)
    _, _, t, a, b, c, unfinished = jax.lax.while_loop(more, sample, begin)
    inverse = jax.lax.rsqrt(a * a + b * b + c * c + 1e-14)
    ambient = jnp.clip(1.0 - a, 0.2, 1.0)
    shadow = b * b * (3.0 - 2.0 * b)
    rows = (
      jnp.where(soft, jnp.where(alive, ambient, 1.0), t),
      jnp.where(soft, jnp.where(alive, shadow, 1.0), a * inverse),
      b * inverse,
      c * inverse,
      unfinished,
    )
    buffer = tuple(
      jax.lax.dynamic_update_index_in_dim(old, new, index, 0) for old, new in zip(buffer, rows, strict=True)
    )
    return (buffer, picked), None

  count = len(kinds)
  blank = jnp.zeros((count, n), jnp.float32) + 0.0 * pixel
  buffer = (blank + NEAR, blank, blank, blank, blank)
  picked = jnp.zeros((first[_SOFT] - first[_REST], n), jnp.int32)
  inputs = (jnp.arange(count), jnp.asarray(kinds), jnp.asarray(places), jnp.asarray(sources))
  (buffer, picked), _ = jax.lax.scan(job, (buffer, picked), inputs)
  full = []
  for rows in buffer[:4]:
    rays = rows[first[_RAY] : first[_REST]].reshape(-1)
    rays = rays.at[picked.reshape(-1) - first[_RAY] * n].set(rows[first[_REST] : first[_SOFT]].reshape(-1))
    full.append(from_tiles(rays.reshape(-1, n), (size, size), tile))
  half = size // 2
  soft = [b[first[_SOFT] :].reshape(-1)[: half * half].reshape(half, half) for b in buffer[:2]]
  return Trace(*full, *soft)
