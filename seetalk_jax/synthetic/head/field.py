"""The whole scene as one signed distance field: head, hair, spectacles, neck and clothes."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from seetalk_jax.synthetic.head import eyes, hair, mouth
from seetalk_jax.synthetic.head.cond import stage
from seetalk_jax.synthetic.head.rig import to_head, to_world
from seetalk_jax.synthetic.head.sdf import bump, ellipsoid, length3, round_cone, smax, smin


def face_relief(rig, x, y, z):
  """Resting face without eyes: distance at resting-head coordinates, `x` at least 0."""
  d = ellipsoid(x, y - rig.skull_y, z + 0.10, *rig.skull)
  d = smin(d, ellipsoid(x, y + 0.36, z - 0.02, *rig.middle), 0.16)
  # A rounded fold, or the two halves of the chin would meet in a crease.
  jaw = round_cone(
    jnp.sqrt(x * x + 0.004),
    y,
    z,
    rig.jaw_corner,
    (rig.chin_half, rig.chin_y, rig.chin_z),
    rig.jaw_corner_r,
    rig.chin_r,
  )
  d = smin(d, jaw, 0.13)
  relief = rig.cheekbone * bump(x - 0.40, y + 0.19, z - 0.44, 0.24, 0.20, 0.34)
  relief += rig.cheek * bump(x - 0.31, y - rig.cheek_y, z - 0.52, 0.26, 0.27, 0.34)
  relief += rig.brow_ridge * bump(x - 0.22, y - 0.19, z - 0.60, 0.27, 0.13, 0.3)
  relief -= 0.07 * bump(x - rig.eye_x, y - 0.01, z - 0.60, 0.23, 0.19, 0.32)
  relief -= rig.temple * bump(x - 0.56, y - 0.16, z - 0.30, 0.2, 0.26, 0.3)
  relief += rig.jowl * bump(x - 0.34, y + 0.80, z - 0.32, 0.22, 0.2, 0.3)
  d = d - relief
  nose = round_cone(x, y, z, (0.0, 0.02, rig.root_z), (0.0, rig.nose_y, rig.nose_z), rig.root_r, rig.nose_r)
  d = smin(d, nose, 0.10)
  ala = length3(x - rig.ala_x, y - rig.nose_y + 0.04, z - rig.nose_z + 0.10) - rig.ala_r
  d = smin(d, ala, 0.07)
  d = d + 0.030 * bump(x - 0.052, y - rig.nose_y + 0.095, z - rig.nose_z - 0.005, 0.040, 0.040, 0.09)
  return d - mouth.lip_relief(rig, x, y, z)


def place(rig, x, y, z):
  """World points on the head: posed-head and resting coordinates (x signed), and the mouth's `hole`."""
  hx, hy, hz = to_head(rig, x, y, z)
  rx, ry, rz, hole = mouth.rest_point(rig, jnp.abs(hx), hy, hz)
  return (hx, hy, hz), (jnp.where(hx > 0.0, rx, -rx), ry, rz), hole


def solid_face(rig, head, rest):
  """Distance to the skin of the head, lids and ears included, as if the mouth were not open."""
  hx, hy, hz = head
  ax, rx, ry, rz = jnp.abs(hx), jnp.abs(rest[0]), rest[1], rest[2]
  solid = face_relief(rig, rx, ry, rz)

  def growth():
    beard, moustache = mouth.beard_cover(rig, rx, ry, rz)
    return rig.beard * beard + rig.moustache * moustache

  solid = solid - stage(rig.beard + rig.moustache > 0.0, growth)
  _, lid = eyes.eye_distances(rig, ax, hy, hz, hx > 0.0)
  solid = smin(solid, lid, 0.07)
  ear = ellipsoid(
    ax - 0.655 * rig.width - 0.12 * (hy + 0.1) - 0.15 * (hz + 0.1), hy + 0.13, hz + 0.08 + 0.2 * (hy + 0.1),
    0.055, 0.205 * rig.ear, 0.125 * rig.ear,
  )  # fmt: skip
  ear = ear + 0.05 * bump(ax - 0.72 * rig.width, hy + 0.10, hz + 0.05, 0.12, 0.13, 0.09)
  return smin(solid, ear, 0.03)


def open_face(solid, hole, rest):
  """`solid_face` with the mouth's opening cut out."""
  return smax(solid, jnp.minimum(hole * 0.8, rest[2] - 0.20), 0.016)


def body(rig, x, y, z):
  """Distance to bare neck and chest."""
  top = to_world(rig, 0.0, -0.52, -0.17)
  neck = round_cone(x, y, z, (0.0, -1.50, -0.36), top, rig.neck_r * 1.08, rig.neck_r * 0.94)
  torso = round_cone(
    jnp.abs(x), y, z, (0.10, -1.46, -0.36), (rig.shoulder, rig.shoulder_y, -0.34), 0.26, 0.25
  )
  torso = smin(torso, ellipsoid(x, y + 2.02, z + 0.16, rig.shoulder * 0.98, 0.76, 0.46), 0.16)
  return smin(neck, torso, 0.20)


def cloth(rig, x, y, z, skin):
  """Distance to the clothes, from the distance `skin` to what they cover."""
  style = rig.identity.neckline
  deep = jnp.maximum(style, 0.0)
  cut = ellipsoid(jnp.abs(x) + 0.25 * deep, y + 1.02, z + 0.06, 0.42 + 0.22 * deep, 0.28 + 0.26 * deep, 0.55)
  edge = jnp.where(style < -0.5, y + 1.06, -cut)
  return smax(skin - 0.028 - 0.012 * jnp.maximum(-style, 0.0), edge, 0.025)


def distance(rig, x, y, z):
  """Distance to the nearest part at world points; slightly underestimated where features are steep."""

  def far():
    return jnp.full_like(x, 10.0)

  def dressed():
    skin = body(rig, x, y, z)
    return skin, cloth(rig, x, y, z, skin)

  head, rest, hole = place(rig, x, y, z)
  face = open_face(solid_face(rig, head, rest), hole, rest)
  hx, hy, hz = head
  ball, _ = eyes.eye_distances(rig, jnp.abs(hx), hy, hz, hx > 0.0)
  # High tiles hold nothing of the body.
  low = jnp.min(y) < -0.62
  skin, clothes = jax.lax.cond(low, dressed, lambda: (far(), far()))
  head_things = jnp.minimum(ball, hair.hair_distance(rig, hx, hy, hz))

  # Most heads wear no spectacles: a branch, not a sum.
  def spectacles():
    return eyes.glasses_distance(rig, jnp.abs(hx), hy, hz)

  head_things = jnp.minimum(head_things, jax.lax.cond(rig.identity.glasses > 0.5, spectacles, far))
  return jnp.minimum(jnp.minimum(smin(face, skin, 0.10), head_things), clothes)
