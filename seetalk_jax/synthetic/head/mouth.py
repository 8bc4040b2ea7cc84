"""The mouth: how lips and jaw move the skin, the lips' relief, and what one sees inside."""

from __future__ import annotations

import jax.numpy as jnp

from seetalk_jax.synthetic.head.sdf import bump, bump2, mix, noise1, smin, smoothstep


def rest_point(rig, x, y, z):
  """Posed-head coordinates taken back to the resting head.

  Args:
    x: distance from the middle plane, at least 0.
    y, z: posed-head coordinates.

  Returns:
    `(x, y, z)` at rest; points inside the opening all land on the line between the lips. And `hole`: depth
    inside the mouth opening seen from the front, positive inside.
  """
  # Corners move by a fixed way that fades over the cheek, never so fast that the skin folds.
  dy = y - rig.mouth_y
  dy = jnp.where(dy > 0.0, dy * (1.0 / 0.23), dy * (1.0 / 0.42))
  front = jnp.clip((z - 0.1) * 4.0, 0.0, 1.0)
  high = jnp.maximum(1.0 - dy * dy, 0.0)
  high = high * high * (3.0 - 2.0 * high) * front
  corner = rig.mouth_x * rig.mouth_scale
  pull = jnp.maximum(smin(x / corner, (0.66 - x) / (0.66 - corner), 0.35), 0.0)
  far = x * (1.0 / 0.42)
  near = high * jnp.maximum(1.0 - far * far, 0.0)
  x = x + rig.mouth_x * (1.0 - rig.mouth_scale) * 1.06 * pull * high
  z = z - rig.protrude * near
  y = y - rig.corner_lift * bump2(x - rig.mouth_x * 1.05, y - rig.mouth_y, 0.26, 0.26)
  y = y - rig.raise_ * bump2(x, y - rig.mouth_y - 0.02, 0.26, 0.22)
  u = x / rig.mouth_x
  # 1 in the middle, easing to 0 at the corner: a kink there would crease the skin down to the chin.
  side = 1.0 - 1.15 * u * u
  side = jnp.where(side > 0.3, side, jnp.maximum(side + 0.3, 0.0) ** 2 * (1.0 / 1.2))
  front = jnp.clip((z + 0.05) * 4.0, 0.0, 1.0)
  gap = rig.gap * side * (1.0 + rig.gap_round * (1.0 - side)) * front
  line = seam(rig, u)
  below = line - y
  hole = jnp.minimum(below, gap - below) - 0.25 * jnp.maximum(u * u - 1.0, 0.0)
  hole = hole - 0.008 * jnp.clip(1.0 - rig.gap * 40.0, 0.0, 1.0)
  hinge = jnp.clip((z + 0.15) * (1.0 / 0.6), 0.0, 1.0)
  # Under the lips the chin's fall begins at the lower lip, beside them above the corner.
  beside = jnp.maximum(1.0 - 2.5 * side, 0.0) ** 2
  fall = jnp.clip((below - gap + 0.14 * beside) * (1.0 / 0.46), 0.0, 1.0)
  fall = fall * fall * (3.0 - 2.0 * fall) * hinge
  # Toward the corners the cheek stretches to the falling chin over a long way; lips never stretch.
  y = y + jnp.clip(below, 0.0, gap) + jnp.maximum(rig.jaw_drop - gap, -0.1) * fall
  z = z + 0.22 * rig.jaw_drop * fall
  return x, y, z, hole


def seam(rig, u):
  """Height of the closed line between the lips at `u` (0 middle, 1 corner)."""
  return rig.mouth_y + rig.seam_curve * (u * u - 0.35) - 0.010 * jnp.maximum(0.0, 1.0 - 9.0 * u * u) ** 2


def lip_coordinates(rig, x, y):
  """At rest: `u` along the mouth, `upper` and `lower` running 0 at the seam to 1 at the red line's border."""
  u = x / rig.mouth_x
  side = jnp.maximum(1.0 - u * u, 0.0)
  height = y - seam(rig, u)
  full = side * (1.6 - 0.6 * side) + 0.02
  up = rig.lip_up * full * (0.86 + 0.9 * u * (1.0 - u))
  low = rig.lip_low * full * (1.08 - 0.08 * side)
  return u, side, height, height / up, -height / low


def lip_relief(rig, x, y, z):
  """How far lips, furrow under the nose and the fold under the lip stand out of the face at rest."""
  u, side, _, upper, lower = lip_coordinates(rig, x, y)
  taper = jnp.sqrt(side + 1e-6)
  out = rig.lip_out * taper * jnp.maximum(upper * (1.0 - upper), 0.0) * 4.0
  out = out + rig.lip_low_out * taper * jnp.maximum(lower * (1.0 - lower), 0.0) * 4.0
  dy = y - rig.mouth_y
  out = out + 0.050 * bump2(x, dy, 0.30, 0.24)
  out = out - 0.016 * bump2(x, dy - 0.12, 0.055, 0.09)
  out = out - 0.026 * bump2(x, dy + 0.135, 0.20, 0.08)
  out = out - 0.014 * bump2(x - 1.10 * rig.mouth_x, dy, 0.07, 0.07)
  out = out - 0.05 * rig.tuck * bump2(x, dy + 0.05, 0.2, 0.1)
  return out * jnp.clip(z * 5.0, 0.0, 1.0)


def lip_paint(rig, x, y):
  """Amount of lip red at rest coordinates, 0..1, with the width of a soft border."""
  u, side, height, upper, lower = lip_coordinates(rig, x, y)
  inside = jnp.minimum(1.0 - upper, 1.0 - lower) * jnp.where(height > 0.0, rig.lip_up, rig.lip_low)
  return smoothstep(-0.004, 0.012, inside * (side + 0.15)) * smoothstep(0.0, 0.04, side)


def inside_masks(rig, origin, direction, u, depth):
  """What posed-head rays meet behind the opening.

  Args:
    origin, direction: posed-head ray, three arrays or scalars each.
    u, depth: place in the opening: along it, and distance to its nearer lip.

  Returns:
    amounts of upper teeth, lower teeth, gum, tongue, and the light on each of upper, lower, tongue, throat.
  """
  ox, oy, oz = origin
  dx, dy, dz = direction
  # Teeth: an upright elliptic cylinder behind the lips.
  a, b = 0.205, 0.20
  middle = rig.mouth_z + 0.5 * rig.protrude - 0.215
  qx, qz, ex, ez = ox / a, (oz - middle) / b, dx / a, dz / b
  aa, bb, cc = ex * ex + ez * ez, qx * ex + qz * ez, qx * qx + qz * qz - 1.0
  t = (-bb - jnp.sqrt(jnp.maximum(bb * bb - aa * cc, 0.0))) / aa
  tx, ty = ox + t * dx, oy + t * dy
  tz = oz + t * dz - middle
  facing = jnp.clip(tz / b, 0.0, 1.0)
  angle = jnp.abs(tx) / a * (1.0 + 0.18 * tx * tx / (a * a))
  cells = angle * 4.4
  notch = jnp.abs(cells - jnp.floor(cells + 0.5))  # 0 between two teeth
  gum_notch = smoothstep(0.0, 0.14, notch)
  scallop = 0.006 * smoothstep(0.16, 0.0, notch) + 0.012 * jnp.abs(tx) / a
  edge_up = rig.mouth_y - 0.026 + 0.05 * rig.rounding + scallop
  edge_low = rig.mouth_y - 0.93 * rig.drop - 0.020 - scallop
  upper = smoothstep(-0.004, 0.008, ty - edge_up) * smoothstep(0.10, 0.25, facing)
  lower = smoothstep(-0.004, 0.008, edge_low - ty) * smoothstep(0.10, 0.25, facing)
  gum = smoothstep(0.115, 0.13, ty - rig.mouth_y)
  # Tongue: an ellipsoid on the floor, its tip raised by the control.
  ca = (0.16, 0.085 + 0.02 * rig.tongue, 0.22)
  center_y = rig.mouth_y - 0.93 * rig.drop - 0.085 + rig.tongue * (0.05 + 0.75 * rig.drop)
  center_z = middle - 0.06 + 0.03 * rig.tongue
  px, py, pz = ox / ca[0], (oy - center_y) / ca[1], (oz - center_z) / ca[2]
  vx, vy, vz = dx / ca[0], dy / ca[1], dz / ca[2]
  aa = vx * vx + vy * vy + vz * vz
  bb = px * vx + py * vy + pz * vz
  cc = px * px + py * py + pz * pz - 1.0
  clear = bb * bb - aa * cc
  tongue = smoothstep(0.0, 0.02, clear)
  t2 = (-bb - jnp.sqrt(jnp.maximum(clear, 0.0))) / aa
  ny = py + t2 * vy
  lit = 0.30 + 0.55 * jnp.clip(ny, 0.0, 1.0) + 0.3 * jnp.clip(pz + t2 * vz, 0.0, 1.0)
  groove = 1.0 - 0.25 * smoothstep(0.03, 0.0, jnp.abs(ox + t2 * dx))
  # Dim toward the corners and right under the upper lip.
  open_ = smoothstep(0.0, 0.09, rig.gap)
  light = (0.45 + 0.55 * smoothstep(0.0, 0.5, 1.0 - u * u)) * (0.5 + 0.5 * smoothstep(0.0, 0.03, depth))
  light = light * (0.6 + 0.4 * open_) * (1.0 - 0.45 * rig.rounding)
  tooth_light = light * (0.35 + 0.65 * facing) * (0.82 + 0.18 * gum_notch)
  low_light = light * (0.30 + 0.5 * facing) * (0.8 + 0.2 * gum_notch) * 0.85
  return upper, lower, gum, tongue, tooth_light, low_light, lit * groove * light * 0.9, 0.35 + 0.65 * light


def inside_colour(masks):
  """Linear colour of teeth, tongue and throat from `inside_masks`; three arrays."""
  upper, lower, gum, tongue, tooth_light, low_light, tongue_light, throat_light = masks
  throat = (0.085, 0.012, 0.014)
  tongue_rgb = (0.50, 0.125, 0.115)
  tooth_rgb = (1.02, 0.96, 0.84)
  gum_rgb = (0.48, 0.16, 0.15)
  colour = []
  for c in range(3):
    value = mix(throat[c] * throat_light, tongue_rgb[c] * tongue_light, tongue)
    value = mix(value, tooth_rgb[c] * low_light, lower)
    colour.append(mix(value, mix(tooth_rgb[c], gum_rgb[c], gum) * tooth_light, upper))
  return colour


def beard_cover(rig, x, y, z):
  """How much of the beard's and of the moustache's full growth stands at resting skin points, 0..1 each."""
  dy = y - rig.mouth_y
  # The beard's upper border falls from the sideburn to the corner of the mouth and runs under the lower lip.
  border = (
    -0.36
    - 0.26 * smoothstep(0.62, 0.30, x)
    - 0.11 * smoothstep(0.30, 0.16, x)
    - 0.09 * smoothstep(0.17, 0.05, x)
  )
  low = smoothstep(0.03, -0.05, y - border) * smoothstep(-1.20, -1.0, y) * smoothstep(-0.12, 0.02, z)
  goatee = bump(x, dy + 0.20, z - 0.6, 0.12, 0.16, 0.6)
  beard = jnp.maximum(low, jnp.minimum(2.0 * goatee, 1.0))
  arc = dy - 0.095 + 0.9 * x * x
  moustache = smoothstep(0.052, 0.022, jnp.abs(arc)) * smoothstep(0.27, 0.20, x) * smoothstep(0.2, 0.3, z)
  side = (
    smoothstep(0.05, 0.02, jnp.abs(x - rig.mouth_x - 0.045))
    * smoothstep(0.0, -0.06, dy - 0.06)
    * smoothstep(0.2, 0.3, z)
  )
  return jnp.maximum(beard, side * smoothstep(-0.2, -0.1, dy)), moustache


def bristle(x, y, z, texture):
  """Fine short-hair noise over the chin, 0..1."""
  return noise1(x * 95.0 + 6.0 * noise1(y * 34.0 + texture * 9.0) + z * 31.0)
