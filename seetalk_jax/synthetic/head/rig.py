"""Identity and motion turned into the few dozen lengths that the field and the paint read."""

from __future__ import annotations

import types

import jax.numpy as jnp

from seetalk_jax.synthetic.head import camera as camera_lib
from seetalk_jax.synthetic.head.identity import Identity
from seetalk_jax.synthetic.head.sdf import mix
from seetalk_jax.synthetic.parameters import Motion

# The head turns about the top of the neck.
PIVOT = (0.0, -0.72, -0.22)


def build_rig(identity: Identity, motion: Motion) -> types.SimpleNamespace:
  """Scalars for one frame; head units, x to the subject's left, y up, z out of the face, eyes at y = 0.

  Works on scalars (`[]` fields) inside jit and vmap, and on numpy arrays of any common shape.
  """
  i, m = identity, motion
  r = types.SimpleNamespace(identity=i, motion=m)
  masc = i.masculinity
  old = jnp.maximum(i.age - 0.25, 0.0) / 0.75
  width = 1.0 + 0.045 * i.face_width + 0.02 * i.head_size + 0.012 * masc
  r.width = width
  r.masculinity, r.old = masc, old

  # Skull, middle of the face, jaw.
  r.skull = (0.650 * width, 0.745 + 0.02 * i.forehead, 0.80)
  r.skull_y = 0.22 + 0.02 * i.forehead
  r.middle = ((0.545 + 0.01 * masc) * width, 0.66, 0.60)
  r.jaw_corner = (
    0.352 * width + 0.03 * i.jaw_width + 0.034 * masc,
    -0.50 - 0.04 * i.jaw_square - 0.02 * masc,
    0.02,
  )
  r.jaw_corner_r = 0.165 + 0.01 * i.jaw_square + 0.01 * masc
  r.chin_y = -0.84 - 0.025 * i.chin - 0.02 * masc
  r.chin_r = 0.145 + 0.012 * i.chin + 0.012 * masc
  r.chin_half = 0.03 + 0.02 * i.jaw_square + 0.03 * jnp.maximum(masc, -0.3)
  r.chin_z = 0.455 + 0.015 * i.chin + 0.01 * masc
  r.chin_bottom = r.chin_y - r.chin_r
  r.cheekbone = 0.035 + 0.02 * i.cheekbones - 0.006 * masc
  r.cheek = 0.035 + 0.022 * i.cheek_fat - 0.015 * old + 0.035 * jnp.maximum(m.smile, 0.0) + 0.01 * m.squint
  r.cheek_y = -0.38 + 0.05 * jnp.maximum(m.smile, 0.0) - 0.05 * old
  r.jowl = 0.020 * old + 0.01 * jnp.maximum(i.cheek_fat, 0.0)
  r.brow_ridge = 0.022 + 0.026 * i.brow_ridge
  r.temple = 0.02 + 0.02 * old

  # Nose.
  r.nose_y = -0.365 - 0.025 * i.nose_length
  r.nose_z = 0.755 + 0.02 * i.nose_length + 0.014 * i.nose_tip
  r.nose_r = 0.075 + 0.009 * i.nose_width + 0.006 * masc
  r.root_z = 0.595 + 0.022 * i.nose_bridge
  r.root_r = 0.050 + 0.007 * masc
  r.ala_x = 0.092 + 0.018 * i.nose_width + 0.006 * masc
  r.ala_r = 0.058 + 0.006 * i.nose_width

  # Eyes, lids.
  r.eye_x = 0.278 + 0.014 * i.eye_spacing
  r.eye_r = 0.176 * (1.0 + 0.06 * i.eye_size - 0.03 * masc)
  r.eye_z = 0.472
  r.eye_w = r.eye_r * (0.98 + 0.02 * i.eye_size)
  lift = jnp.maximum(m.brow_raise, 0.0)
  r.eye_up = r.eye_r * (0.415 + 0.07 * i.eye_open - 0.05 * masc + 0.08 * lift - 0.10 * m.squint)
  r.eye_low = r.eye_r * (0.34 - 0.17 * m.squint - 0.10 * jnp.maximum(m.smile, 0.0))
  r.eye_tilt = 0.10 + 0.10 * i.eye_tilt
  r.blink = (jnp.clip(m.blink_left, 0.0, 1.0), jnp.clip(m.blink_right, 0.0, 1.0))
  r.iris_r = 0.082
  r.brow_y = 0.225 + 0.01 * i.brow_arch - 0.016 * masc + 0.055 * m.brow_raise - 0.02 * m.brow_furrow

  # Mouth at rest.
  r.mouth_y = -0.665 - 0.008 * i.nose_length
  r.mouth_x = 0.205 + 0.022 * i.mouth_width + 0.008 * masc
  r.mouth_z = 0.575
  full = i.lip_fullness
  press = jnp.clip(m.closure, 0.0, 1.0)
  tuck = jnp.clip(m.tuck, 0.0, 1.0)
  rounding = jnp.clip(m.rounding, 0.0, 1.0)
  r.lip_up = (0.055 + 0.014 * full - 0.004 * masc) * (1.0 - 0.3 * press) * (1.0 + 0.1 * rounding)
  r.lip_low = (0.070 + 0.016 * full - 0.005 * masc) * (1.0 - 0.3 * press) * (1.0 - 0.35 * tuck)
  r.lip_out = (0.036 + 0.010 * full) * (1.0 - 0.35 * press)
  r.lip_low_out = (0.042 + 0.010 * full) * (1.0 - 0.35 * press) * (1.0 - 0.6 * tuck)
  r.tuck = tuck
  r.seam_curve = 0.020 + 0.014 * i.mouth_curve
  # Mouth in motion.
  jaw = jnp.maximum(m.jaw, 0.0)
  r.mouth_scale = jnp.clip(1.0 + 0.24 * m.spread + 0.10 * m.smile - 0.42 * rounding - 0.10 * jaw, 0.45, 1.5)
  r.protrude = 0.085 * rounding + 0.012 * press
  open_ = 1.0 - press
  r.raise_ = (0.050 * jnp.clip(m.upper_lip, 0.0, 1.0) + 0.028 * jaw + 0.008 * tuck) * open_
  r.drop = 0.255 * jaw * (1.0 - 0.5 * press) * (1.0 - 0.35 * tuck) * (1.0 - 0.15 * rounding)
  # The corners fall with the jaw, not so far as its middle.
  r.corner_lift = 0.062 * m.smile + 0.012 * jnp.maximum(m.spread, 0.0) - 0.30 * r.drop
  r.gap = (r.drop * (1.0 - 0.45 * tuck)) * open_ + r.raise_
  r.gap_round = 0.30 + 0.45 * rounding + 0.15 * jaw - 0.5 * tuck
  r.jaw_drop = 0.255 * jaw * (1.0 - 0.5 * press) * (1.0 - 0.35 * tuck)
  r.tongue = jnp.clip(m.tongue, 0.0, 1.0)
  r.rounding = rounding

  # Facial hair, ears, neck, body.
  r.beard = 0.075 * i.beard
  r.moustache = 0.040 * i.moustache
  r.ear = 1.0 + 0.1 * i.ears + 0.08 * old
  r.neck_r = 0.285 + 0.035 * i.neck + 0.022 * masc - 0.012 * i.head_size
  r.shoulder = 1.28 + 0.10 * i.shoulders + 0.05 * masc
  r.shoulder_y = -1.74 + 0.03 * i.shoulders
  r.head_half = 0.66 * width

  # Hair.
  r.hair_thick = 0.050 + 0.100 * i.hair_volume + 0.10 * i.hair_volume * jnp.clip(2 * i.hair_curl - 1, 0, 1)
  r.hair_thick = mix(r.hair_thick, -0.2, jnp.clip(i.hair_bald, 0.0, 1.0))
  r.hair_long = jnp.clip(4.0 * i.hair_length - 0.6, 0.0, 1.0)
  r.hair_bottom = mix(-0.45, -1.62, jnp.clip((i.hair_length - 0.2) / 0.8, 0.0, 1.0))
  r.hairline = 0.70 - 0.36 * i.hair_fringe + 0.14 * jnp.maximum(i.hair_line, 0.0) + 0.04 * i.hair_line
  r.quiff = (
    0.13 * i.hair_volume * (1.0 - i.hair_fringe) * (1.0 - jnp.clip(i.hair_bald + i.hair_bun, 0.0, 1.0))
  )
  r.curl = 0.030 * jnp.clip(i.hair_curl * 2.4 - 1.4, 0.0, 1.0)
  r.wave = 0.006 + 0.016 * jnp.clip(1.6 * i.hair_curl, 0.0, 1.0) * jnp.clip(3.0 - 3.0 * i.hair_curl, 0.0, 1.0)

  # Head pose: world = pivot + shift + R (head - pivot), R = yaw pitch roll.
  cy, sy = jnp.cos(m.yaw), jnp.sin(m.yaw)
  cp, sp = jnp.cos(m.pitch), jnp.sin(m.pitch)
  cr, sr = jnp.cos(m.roll), jnp.sin(m.roll)
  # Columns: images of the head's x, y and z axes.
  r.rotation = (
    (cy * cr + sy * sp * sr, cy * sr - sy * sp * cr, sy * cp),
    (-cp * sr, cp * cr, sp),
    (-sy * cr + cy * sp * sr, -sy * sr - cy * sp * cr, cy * cp),
  )
  r.shift = (m.shift_x * r.head_half, m.shift_y * r.head_half)
  r.camera = camera_lib.place_camera(
    jnp.zeros_like(r.chin_y), r.eye_z + r.eye_r, r.chin_bottom, r.chin_z + 0.04
  )
  return r


def to_head(rig, x, y, z):
  """World points to posed-head coordinates."""
  a = rig.rotation
  x, y, z = x - PIVOT[0] - rig.shift[0], y - PIVOT[1] - rig.shift[1], z - PIVOT[2]
  return (
    a[0][0] * x + a[1][0] * y + a[2][0] * z + PIVOT[0],
    a[0][1] * x + a[1][1] * y + a[2][1] * z + PIVOT[1],
    a[0][2] * x + a[1][2] * y + a[2][2] * z + PIVOT[2],
  )


def turn_to_head(rig, x, y, z):
  """World directions to posed-head directions."""
  a = rig.rotation
  return (
    a[0][0] * x + a[1][0] * y + a[2][0] * z,
    a[0][1] * x + a[1][1] * y + a[2][1] * z,
    a[0][2] * x + a[1][2] * y + a[2][2] * z,
  )


def to_world(rig, x, y, z):
  """Posed-head points to world coordinates; the inverse of `to_head`."""
  a = rig.rotation
  x, y, z = x - PIVOT[0], y - PIVOT[1], z - PIVOT[2]
  return (
    a[0][0] * x + a[0][1] * y + a[0][2] * z + PIVOT[0] + rig.shift[0],
    a[1][0] * x + a[1][1] * y + a[1][2] * z + PIVOT[1] + rig.shift[1],
    a[2][0] * x + a[2][1] * y + a[2][2] * z + PIVOT[2],
  )
