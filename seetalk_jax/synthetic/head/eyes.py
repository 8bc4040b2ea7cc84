"""Eyes: ball, lids and their opening, iris, lashes, brows and spectacles."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from seetalk_jax.synthetic.head.camera import CAMERA_DISTANCE
from seetalk_jax.synthetic.head.rig import to_head
from seetalk_jax.synthetic.head.sdf import length2, mix, noise1, smax, smoothstep


def opening(rig, x, y, is_left):
  """Depth inside the opening between the lids, seen from the front: positive where the ball shows.

  Args:
    x: distance from the middle plane; y: posed-head height; is_left: the subject's left eye.

  Returns:
    `(inside, upper, u)`: distance inside the opening, height below the upper lid's edge, place along it.
  """
  dx = x - rig.eye_x
  u = dx / rig.eye_w
  base = rig.eye_tilt * dx - 0.006
  side = 1.0 - u * u
  blink = jnp.where(is_left, rig.blink[0], rig.blink[1])
  high = base + rig.eye_up * side * (1.28 - 0.28 * side) + 0.006 * u
  low = base - rig.eye_low * side
  # Lids meet a little above the lower edge.
  low = low + blink * 0.10 * rig.eye_up * side
  high = mix(high, low - 0.03 * jnp.maximum(side, 0.0), blink)
  upper = high - y
  return jnp.minimum(upper, y - low), upper, u


def eye_distances(rig, x, y, z, is_left):
  """Distances to the eyeball and to the lids' shell (x at least 0)."""
  dx, dz = x - rig.eye_x, z - rig.eye_z
  ball = jnp.sqrt(dx * dx + y * y + dz * dz) - rig.eye_r
  inside, _, _ = opening(rig, x, y, is_left)
  return ball, smax(ball - 0.016, inside * 0.9, 0.014)


def gaze_directions(rig):
  """Unit gaze of the subject's left and right eye in posed-head coordinates.

  Gaze 0 looks into the camera whatever the head does (as far as an eye turns).
  """

  cx, cy, cz = to_head(rig, 0.0, rig.camera.eye_y, rig.camera.eye_z + CAMERA_DISTANCE)
  eyes = []
  for sign in (1.0, -1.0):
    vx, vy, vz = cx - sign * rig.eye_x, cy, cz - rig.eye_z
    yaw = jnp.arctan2(vx, vz)
    pitch = jnp.arctan2(vy, jnp.sqrt(vx * vx + vz * vz))
    yaw = jnp.clip(yaw, -0.5, 0.5) + rig.motion.gaze_yaw
    pitch = jnp.clip(pitch, -0.35, 0.35) + rig.motion.gaze_pitch
    eyes.append((jnp.sin(yaw) * jnp.cos(pitch), jnp.sin(pitch), jnp.cos(yaw) * jnp.cos(pitch)))
  return eyes


_IRIS = (  # linear light at hue 0, 1/4, 1/2, 3/4, 1: dark brown, amber, green, grey, blue
  (
    (0.075, 0.030, 0.012),
    (0.225, 0.10, 0.028),
    (0.125, 0.18, 0.055),
    (0.17, 0.22, 0.24),
    (0.085, 0.22, 0.42),
  ),
)[0]


def iris_colour(hue):
  """Piecewise-linear colour of the iris for `eye_hue` in 0..1; three scalars."""
  place = jnp.clip(hue, 0.0, 1.0) * 4.0
  return [sum(_IRIS[k][c] * jnp.maximum(0.0, 1.0 - jnp.abs(place - k)) for k in range(5)) for c in range(3)]


def ball_masks(rig, x, y, z, is_left, key_direction, view, pixel):
  """What is where on the eyeball, at posed-head points (`x` signed).

  Returns:
    amounts of iris, of its light, of pupil, of shade, of the pink corners, and of catchlight.
  """
  ax = jnp.abs(x)
  eyes = gaze_directions(rig)
  gx, gy, gz = (jnp.where(is_left, a, b) for a, b in zip(eyes[0], eyes[1], strict=True))
  nx = (x - jnp.where(is_left, 1.0, -1.0) * rig.eye_x) / rig.eye_r
  ny, nz = y / rig.eye_r, (z - rig.eye_z) / rig.eye_r
  along = nx * gx + ny * gy + nz * gz
  px, py, pz = nx - along * gx, ny - along * gy, nz - along * gz
  ring = jnp.sqrt(px * px + py * py + pz * pz + 1e-9) * rig.eye_r
  ring = jnp.where(along > 0.0, ring, 1.0)
  soft = 0.5 * pixel + 0.003
  iris = smoothstep(rig.iris_r + soft, rig.iris_r - soft, ring)
  pupil_r = 0.036
  pupil = smoothstep(pupil_r + soft, pupil_r - soft, ring)
  inner = ring / rig.iris_r
  # A turn round the pupil without trigonometry: -2..2.
  turn = px / (jnp.abs(px) + jnp.abs(py) + 1e-6) + jnp.where(py > 0.0, 2.0, -2.0)
  fibre = noise1(turn * 9.0 + 40.0) * 0.5 + noise1(turn * 19.0 + 90.0) * 0.5
  depth = 0.62 + 0.5 * smoothstep(0.35, 0.95, inner) * (0.55 + 0.9 * fibre)
  depth = depth * (1.0 + 0.55 * jnp.clip(-py * rig.eye_r / rig.iris_r, -0.5, 1.0))
  depth = depth * (1.0 - 0.78 * smoothstep(0.72, 1.0, inner))
  inside, upper, u = opening(rig, ax, y, is_left)
  # The upper lid and its lashes shade the ball; both ends of the opening are pinker.
  shade = mix(0.42, 1.0, smoothstep(-0.01, 0.065, upper)) * mix(0.75, 1.0, smoothstep(0.0, 0.02, inside))
  corner = smoothstep(0.55, 1.0, jnp.abs(u))
  # Catchlights sit where the key light mirrors; fixed to the light, not to the gaze.
  hx, hy, hz = (key_direction[c] - view[c] for c in range(3))
  inverse = jax.lax.rsqrt(hx * hx + hy * hy + hz * hz + 1e-9)
  glint = length3_to(nx, ny, nz, hx * inverse, hy * inverse, hz * inverse)
  spec = smoothstep(0.19, 0.08, glint)
  second = length3_to(nx, ny, nz, -0.6 * hx * inverse, -0.45 * hy * inverse, hz * inverse)
  spec = spec + 0.22 * smoothstep(0.16, 0.04, second)
  return iris, depth, pupil, shade, corner, spec * smoothstep(0.0, 0.02, upper)


def ball_colour(rig, masks):
  """Linear albedo of the eyeball from `ball_masks`; three arrays."""
  iris, depth, pupil, shade, corner, _ = masks
  tint = iris_colour(rig.identity.eye_hue)
  white = (0.80 - 0.05 * corner, 0.775 - 0.22 * corner, 0.76 - 0.24 * corner)
  return [mix(mix(white[c], tint[c] * 1.5 * depth, iris), 0.006, pupil) * shade for c in range(3)]


def length3_to(x, y, z, a, b, c):
  return jnp.sqrt((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2 + 1e-9)


def lash_paint(rig, x, y, is_left):
  """Darkness of the lash lines and of the lid's fold on posed-head skin, 0..1 each (x at least 0)."""
  inside, upper, u = opening(rig, x, y, is_left)
  lashes = rig.identity.lashes
  outer = jnp.clip(0.5 + 0.6 * u, 0.0, 1.2)
  thick = 0.010 + 0.014 * lashes * (0.5 + outer)
  along = smoothstep(1.30, 1.0, u) * smoothstep(1.02, 0.80, -u)
  rise = -upper  # height above the lid's edge
  line = smoothstep(thick + 0.008, thick - 0.004, rise) * smoothstep(-0.02, -0.006, rise) * along
  low = smoothstep(0.014, 0.004, -inside) * smoothstep(0.0, 0.02, upper) * (0.25 + 0.2 * lashes) * along
  fold = smoothstep(0.016, 0.0, jnp.abs(rise - 0.052 - 0.01 * lashes)) * smoothstep(1.15, 0.7, jnp.abs(u))
  fold = fold * smoothstep(0.05, 0.15, rig.eye_up)
  return jnp.clip(jnp.maximum(line, low), 0.0, 1.0), fold


def brow_cover(rig, x, y, z):
  """How much of the skin the brow hairs cover, 0..1, and the place along the brow (x at least 0)."""
  thickness = 0.030 + 0.010 * rig.identity.brow_thickness
  v = (x - rig.eye_x - 0.015) / 0.20
  arch = 0.034 + 0.016 * rig.identity.brow_arch
  curve = rig.brow_y + arch * (1.0 - (v - 0.25) ** 2) - 0.02
  curve = curve - rig.motion.brow_furrow * 0.045 * smoothstep(0.2, -1.0, v)
  width = thickness * (1.0 - 0.62 * smoothstep(-0.4, 1.1, v)) * smoothstep(-1.15, -0.7, v)
  cover = smoothstep(width + 0.012, width - 0.010, jnp.abs(y - curve)) * smoothstep(1.08, 0.92, jnp.abs(v))
  return cover * smoothstep(0.1, 0.2, z), v, y - curve


def glasses_distance(rig, x, y, z):
  """Distance to the frame of the spectacles (x at least 0)."""
  i = rig.identity
  half_w, half_h, corner = 0.205, mix(0.145, 0.19, i.glasses_round), mix(0.06, 0.185, i.glasses_round)
  z0 = rig.eye_z + rig.eye_r + 0.11
  dx, dy = jnp.abs(x - rig.eye_x - 0.005) - half_w + corner, jnp.abs(y + 0.02) - half_h + corner
  rim = length2(jnp.maximum(dx, 0.0), jnp.maximum(dy, 0.0)) + jnp.minimum(jnp.maximum(dx, dy), 0.0) - corner
  # The front bends back toward the temples.
  front = z - z0 + 0.16 * x * x
  ring = length2(rim, front) - 0.019
  bridge = length2(jnp.maximum(x - 0.09, 0.0), length2(y - 0.035 + 0.6 * x * x, front)) - 0.014
  side_x = rig.eye_x + half_w + 0.005
  arm_x = side_x + 0.05
  t = jnp.clip((z0 - 0.16 - z) * 1.4, 0.0, 1.0)
  arm = length2(x - mix(side_x, arm_x + 0.10 * rig.width, t), y - 0.03)
  arm = length2(arm, jnp.maximum(z - z0 + 0.05, 0.0) + jnp.maximum(-0.10 - z, 0.0)) - 0.014
  return jnp.minimum(jnp.minimum(ring, bridge), arm) + (1.0 - i.glasses) * 10.0


def lens_glint(rig, origin, direction):
  """Added reflection of the lenses along posed-head rays (x signed), 0..1."""
  ox, oy, oz = origin
  dx, dy, dz = direction
  z0 = rig.eye_z + rig.eye_r + 0.085
  t = (z0 - oz) / dz
  x, y = ox + t * dx, oy + t * dy
  ax = jnp.abs(x) - rig.eye_x - 0.005
  i = rig.identity
  corner, half_h = mix(0.06, 0.185, i.glasses_round), mix(0.145, 0.19, i.glasses_round)
  qx, qy = (
    jnp.maximum(jnp.abs(ax) - 0.205 + corner, 0.0),
    jnp.maximum(jnp.abs(y + 0.02) - half_h + corner, 0.0),
  )
  inside = smoothstep(corner, corner - 0.02, length2(qx, qy))
  # One soft streak per lens, the same way up on both.
  side = jnp.where(x > 0, ax, -ax)
  streak = (
    smoothstep(0.07, 0.03, jnp.abs(side - 0.6 * y + 0.05)) * 0.6
    + smoothstep(0.02, 0.0, jnp.abs(side - 0.6 * y - 0.05)) * 0.4
  )
  return inside * (0.02 + 0.10 * streak * smoothstep(-0.2, 0.2, y)) * i.glasses
