"""From identity, motion and light to a picture, its canonical coordinates, part labels and landmarks."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seetalk_jax.constants import Part
from seetalk_jax.synthetic.head import camera as camera_lib
from seetalk_jax.synthetic.head import shading
from seetalk_jax.synthetic.head.identity import Identity
from seetalk_jax.synthetic.head.rig import build_rig
from seetalk_jax.synthetic.head.settings import RenderSettings
from seetalk_jax.synthetic.head.trace import CELL, FAR, from_tiles, tile_shape, to_tiles, trace
from seetalk_jax.synthetic.parameters import Motion

# Coordinates are divided by this, so that the head spans about -1..1.
CANONICAL_SCALE = 1.1
# The background's own coordinates span this much, far behind the head.
_BACKDROP_WIDTH = 3.2


class RenderedFrame(NamedTuple):
  """One rendered frame.

  Attributes:
    image: float32 `[size, size, 3]`, sRGB in 0..1.
    canonical: float32 `[size // 4, size // 4, 3]`, the resting coordinate of what the centre of each
      4-pixel cell shows.
    parts: uint8 `[size // 4, size // 4]`, a `Part` at the same points.
  """

  image: jax.Array
  canonical: jax.Array
  parts: jax.Array


def _upsample(small, small_t, t):
  """Doubles a half-resolution picture, not across jumps of depth. `[h, h]` to `[2h, 2h]`."""
  rows, columns = jnp.arange(t.shape[0]) % 2, jnp.arange(t.shape[1]) % 2
  total = weight_sum = 0.0

  def grow(a):
    return jnp.repeat(jnp.repeat(a, 2, axis=0), 2, axis=1)

  for step_y in (0, 1):
    for step_x in (0, 1):
      value = jnp.concatenate([small[step_y:], small[-1:]][: 1 + step_y], axis=0)
      depth = jnp.concatenate([small_t[step_y:], small_t[-1:]][: 1 + step_y], axis=0)
      value = jnp.concatenate([value[:, step_x:], value[:, -1:]][: 1 + step_x], axis=1)
      depth = jnp.concatenate([depth[:, step_x:], depth[:, -1:]][: 1 + step_x], axis=1)
      wy = jnp.where(rows == 0, 1.0 - step_y, 0.5)[:, None]
      wx = jnp.where(columns == 0, 1.0 - step_x, 0.5)[None, :]
      gap = grow(depth) - t
      weight = (wy * wx + 0.02) / (1.0 + 900.0 * gap * gap)
      total, weight_sum = total + weight * grow(value), weight_sum + weight
  return total / (weight_sum + 1e-9)


def _smooth_edges(rgb):
  """Blends jagged outlines along their own direction; flat areas and thin paint stay as they are."""
  luma = [0.35, 0.5, 0.15]
  grey = sum(w * c for w, c in zip(luma, rgb, strict=True))
  n = grey.shape[0]

  def pad(a):
    return jnp.pad(a, 1, mode='edge')

  def shift(p, dy, dx):
    return p[1 + dy : 1 + dy + n, 1 + dx : 1 + dx + n]

  g = pad(grey)
  gx = sum(k * (shift(g, dy, 1) - shift(g, dy, -1)) for dy, k in ((-1, 0.25), (0, 0.5), (1, 0.25)))
  gy = sum(k * (shift(g, 1, dx) - shift(g, -1, dx)) for dx, k in ((-1, 0.25), (0, 0.5), (1, 0.25)))
  size2 = gx * gx + gy * gy + 1e-8
  edge = jnp.clip((jnp.sqrt(size2) - 0.035) * 8.0, 0.0, 1.0)
  # Squared cosine between each neighbour's direction and the edge's tangent (-gy, gx).
  out_weight = 0.0
  weights = {}
  for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
    cosine2 = (dx * -gy + dy * gx) ** 2 / (size2 * (dx * dx + dy * dy))
    weights[dy, dx] = edge * jnp.maximum(cosine2 - 0.5, 0.0) * (1.0 if dx * dy == 0 else 0.7)
    out_weight = out_weight + 2.0 * weights[dy, dx]
  result = []
  for channel in rgb:
    p = pad(channel)
    total = channel
    for (dy, dx), w in weights.items():
      total = total + w * (shift(p, dy, dx) + shift(p, -dy, -dx))
    result.append(total / (1.0 + out_weight))
  return result


def render(identity: Identity, motion: Motion, settings: RenderSettings, *, size: int) -> RenderedFrame:
  """Renders one frame; scalar fields (`[]`) in, jit with static `size`, vmap for batches.

  Args:
    identity, motion, settings: trees of scalars.
    size: side of the picture in pixels, a multiple of 8.

  Raises:
    ValueError: `size` is not a multiple of 8.
  """
  if size % 8:
    raise ValueError(f'the picture side must be a multiple of 8, got {size}')
  trees = (identity, motion, settings)
  identity, motion, settings = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), trees)
  rig = build_rig(identity, motion)
  key, _ = shading.lights(settings)
  pixel = rig.camera.side / size
  met = trace(rig, key, size)
  t = met.t
  place = (jnp.arange(size, dtype=jnp.float32) + 0.5) / size
  u, v = jnp.broadcast_arrays(place[None, :], place[:, None])
  origin, rays = camera_lib.rays_at(rig.camera, u, v)
  tile = tile_shape(size)
  near_t = jnp.minimum(t, 2.0 * FAR)
  soft = [_upsample(a, near_t[::2, ::2], near_t) for a in (met.ambient, met.shadow)]

  def colour(inputs):
    t, dx, dy, dz, nx, ny, nz, ambient, shadow = inputs

    def surface(_):
      position = tuple(o + t * d for o, d in zip(origin, (dx, dy, dz), strict=True))
      return shading.paint(
        rig, settings, origin, (dx, dy, dz), position, (nx, ny, nz), ambient, shadow, t < FAR, pixel
      )

    return jax.lax.cond(jnp.any(t < FAR), surface, lambda _: (jnp.zeros_like(t),) * 7, None)

  inputs = (t, *rays, met.nx, met.ny, met.nz, *soft)
  painted = jax.lax.map(colour, tuple(to_tiles(a, tile) for a in inputs))
  red, green, blue, part, cx, cy, cz = (from_tiles(a, (size, size), tile) for a in painted)

  behind = shading.backdrop(identity, settings, u, v)
  solid = t < FAR
  exposure = jnp.exp2(0.45 * settings.exposure)
  rgb = [
    shading.tone(jnp.where(solid, front, back), exposure)
    for front, back in zip((red, green, blue), behind, strict=True)
  ]
  rgb = _smooth_edges(_smooth_edges(rgb))
  image = jnp.clip(jnp.stack(rgb, axis=-1), 0.0, 1.0)

  # The cells' centres lie between four pixels: mean of two across when they show one surface.
  far_place = ((u - 0.5) * _BACKDROP_WIDTH, (0.5 - v) * _BACKDROP_WIDTH, jnp.full_like(u, -3.0))
  canonical = jnp.stack(
    [jnp.where(solid, a, b) / CANONICAL_SCALE for a, b in zip((cx, cy, cz), far_place, strict=True)], axis=-1
  )
  part = jnp.where(solid, part, float(Part.BACKGROUND))
  a, b = canonical[1::CELL, 1::CELL], canonical[2::CELL, 2::CELL]
  part_a, part_b = part[1::CELL, 1::CELL], part[2::CELL, 2::CELL]
  joined = (part_a == part_b) & (jnp.sum((a - b) ** 2, axis=-1) < (8.0 * pixel) ** 2)
  # Elsewhere one pixel alone, moved back by the half pixel that it is off.
  step = jnp.where(part_b == Part.BACKGROUND, _BACKDROP_WIDTH / size, pixel) * 0.5 / CANONICAL_SCALE
  alone = b + step[..., None] * jnp.array([-1.0, 1.0, 0.0])
  cells = jnp.where(joined[..., None], 0.5 * (a + b), alone)
  return RenderedFrame(image, cells, part_b.astype(jnp.uint8))


@functools.partial(jax.jit, static_argnames=('size',))
def render_batch(
  identities: Identity, motions: Motion, settings: RenderSettings, *, size: int
) -> RenderedFrame:
  """Renders `[b]` frames one after the other; memory stays that of one frame, results are `[b, ...]`."""
  return jax.lax.map(lambda trees: render(*trees, size=size), (identities, motions, settings))
