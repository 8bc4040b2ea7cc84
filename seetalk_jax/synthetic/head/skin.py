"""What is painted on the skin: tone, flush, freckles, lines of age, lips, lashes, brows and facial hair."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from seetalk_jax.synthetic.head import eyes, hair, mouth
from seetalk_jax.synthetic.head.sdf import bump2, mix, noise1, noise2, ripple, smoothstep

_SKIN = (  # linear albedo at melanin 0, 1/4, 1/2, 3/4, 1
  (0.660, 0.400, 0.290),
  (0.580, 0.320, 0.205),
  (0.430, 0.205, 0.112),
  (0.250, 0.104, 0.052),
  (0.120, 0.048, 0.026),
)


def skin_colour(identity):
  """Linear albedo of the skin before its spots; three scalars."""
  place = jnp.clip(identity.melanin, 0.0, 1.0) * 4.0
  tint = (0.04 * identity.undertone, 0.0, -0.10 * identity.undertone)
  return [
    sum(_SKIN[k][c] * jnp.maximum(0.0, 1.0 - jnp.abs(place - k)) for k in range(5)) * (1.0 + tint[c])
    for c in range(3)
  ]


def age_lines(rig, x, y):
  """Darkness of wrinkles at resting coordinates (`x` at least 0), 0..1."""
  age = rig.old
  smile = jnp.maximum(rig.motion.smile, 0.0)
  forehead = smoothstep(0.62, 1.0, ripple((y + 0.06 * x * x) * 11.0)) * bump2(x, y - 0.45, 0.44, 0.16)
  fx, fy = x - rig.eye_x - 0.13, y - 0.005
  crow = smoothstep(0.4, 1.0, ripple(fy / (jnp.abs(fx) + 0.05) * 1.6)) * bump2(fx - 0.10, fy, 0.09, 0.10)
  fold_x = 0.130 + 0.50 * jnp.clip(-0.42 - y, 0.0, 0.4) - 0.25 * jnp.clip(-0.58 - y, 0.0, 1.0)
  fold = smoothstep(0.030, 0.0, jnp.abs(x - fold_x)) * bump2(y + 0.545, 0.0, 0.15, 1.0)
  dx = x - rig.eye_x + 0.02
  bag = smoothstep(0.024, 0.0, jnp.abs(y + 0.135 - 1.4 * dx * dx)) * bump2(dx, y + 0.125, 0.15, 0.08)
  furrow = smoothstep(0.02, 0.0, jnp.abs(x - 0.045)) * bump2(x, y - 0.19, 0.2, 0.10)
  line = age * (0.50 * forehead + 0.42 * crow + 0.40 * bag) + (0.08 + 0.42 * age + 0.22 * smile) * fold
  return line + furrow * (0.5 * jnp.clip(rig.motion.brow_furrow, 0.0, 1.0) + 0.15 * age)


class SkinMasks(NamedTuple):
  """Amounts of paint on skin points, about 0 to 1 each, `[n]`."""

  flush: jax.Array
  mottle: jax.Array
  freckles: jax.Array
  line: jax.Array  # wrinkles
  stubble: jax.Array
  lip: jax.Array
  lip_lines: jax.Array
  fold: jax.Array  # of the upper lid
  hairy: jax.Array  # beard and moustache
  bristles: jax.Array
  brow: jax.Array
  brow_light: jax.Array
  dark: jax.Array  # between the lips
  bright: jax.Array  # what lashes and nostrils leave
  shine: jax.Array


def skin_masks(rig, head, rest, head_normal_y, on_head, pixel):
  """What is where on the skin.

  Args:
    head, rest: posed-head and resting coordinates, x signed, three arrays each.
    head_normal_y: upward part of the normal in head space.
    on_head: 1 on the head, 0 on the neck.
    pixel: width of a pixel.

  Returns:
    a `SkinMasks`.
  """
  i = rig.identity
  hx, hy, hz = head
  rx, ry, rz = rest
  ax, arx = jnp.abs(hx), jnp.abs(rx)
  is_left = hx > 0.0
  soft = 0.5 * pixel
  front = smoothstep(0.0, 0.1, rz) * on_head
  face = smoothstep(0.2, 0.3, rz) * on_head

  nose_tip = bump2(rx, ry - rig.nose_y, 0.16, 0.14)
  flush = (0.28 + 0.5 * i.blush) * bump2(arx - 0.33, ry + 0.30, 0.26, 0.22) + 0.35 * nose_tip
  flush = (flush + 0.15 * bump2(rx, ry + 0.95, 0.25, 0.2)) * front
  mottle = noise2(rx * 42.0 + i.texture * 9.0, ry * 42.0)
  freckles = smoothstep(0.70, 0.86, mottle) * bump2(arx - 0.20, ry + 0.24, 0.42, 0.30) * i.freckles * front
  line = jnp.clip(age_lines(rig, arx, ry) * front, 0.0, 1.0)
  beard, moustache = mouth.beard_cover(rig, arx, ry, rz)
  brow, brow_along, brow_across = eyes.brow_cover(rig, ax, hy, hz)
  lash, fold = eyes.lash_paint(rig, ax, hy, is_left)
  lash, fold, brow = lash * face, fold * face, brow * on_head
  bristles = mouth.bristle(rx, ry, rz, i.texture)
  brow_strand = noise2(brow_along * 24.0 + brow_across * 60.0, brow_across * 40.0 + i.texture)
  lip = mouth.lip_paint(rig, arx, ry) * face
  u, side, lip_y, _, _ = mouth.lip_coordinates(rig, arx, ry)
  lip_lines = 0.90 + 0.10 * noise1(u * 16.0 + i.texture * 5.0 + 30.0)
  stubble = jnp.maximum(beard, moustache) * (0.35 + 0.8 * bristles) * on_head
  stubble = jnp.clip(i.stubble, 0.0, 1.0) * jnp.clip(stubble, 0.0, 1.0) * 0.5
  hairy = jnp.maximum(beard * smoothstep(0.0, 0.4, i.beard), moustache * smoothstep(0.0, 0.4, i.moustache))
  hairy = jnp.clip(hairy, 0.0, 1.0) * (1.0 - lip) * on_head
  crease = smoothstep(0.010 + soft, 0.0, jnp.abs(lip_y)) * smoothstep(-0.02, 0.12, 1.0 - u * u)
  corner = smoothstep(0.03, 0.0, jnp.abs(lip_y)) * bump2(u - 1.0, 0.0, 0.10, 1.0)
  dark = jnp.clip(0.72 * crease + 0.30 * corner, 0.0, 0.8) * face
  nostril = bump2(arx - 0.050, ry - rig.nose_y + 0.090, 0.036, 0.024) * smoothstep(0.5, 0.6, rz)
  nostril = nostril * smoothstep(0.1, -0.35, head_normal_y)

  return SkinMasks(
    flush, mottle, freckles, line, stubble, lip, lip_lines, fold, hairy, bristles, brow * 0.92,
    0.5 + 0.6 * brow_strand, dark, (1.0 - 0.85 * nostril) * (1.0 - 0.97 * lash),
    (mix(0.11, 0.05, i.age) + 0.06 * nose_tip) * (1.0 - hairy),
  )  # fmt: skip


def skin_colours(rig, m: SkinMasks):
  """Linear albedo from masks; three arrays."""
  i = rig.identity
  base, hair_rgb = skin_colour(i), hair.hair_colour(i)
  lip_base = (
    mix(base[0] * 0.88, 0.44 - 0.08 * i.lip_hue, 0.20 + 0.65 * i.lipstick),
    mix(base[1] * 0.62, 0.060, 0.12 + 0.76 * i.lipstick),
    mix(base[2] * 0.70, 0.075 + 0.05 * i.lip_hue, 0.12 + 0.72 * i.lipstick),
  )
  rgb = []
  for c in range(3):
    value = base[c] * (1.0 + m.flush * (0.12, -0.20, -0.20)[c]) * (0.97 + 0.06 * m.mottle)
    value = value * (1.0 - m.freckles * (0.22, 0.38, 0.45)[c]) * (1.0 - m.line * (0.50, 0.66, 0.72)[c])
    value = mix(value, hair_rgb[c] * 0.5 + base[c] * (0.10, 0.11, 0.13)[c], m.stubble)
    value = mix(value, lip_base[c] * m.lip_lines, m.lip)
    value = value * (1.0 - m.fold * (0.28, 0.38, 0.40)[c])
    value = mix(value, hair_rgb[c] * (0.55 + 0.75 * m.bristles), m.hairy)
    value = mix(value, mix(hair_rgb[c], 0.03, 0.25) * m.brow_light, m.brow)
    rgb.append(value * (1.0 - m.dark * (0.74, 0.86, 0.86)[c]) * m.bright)
  return rgb
