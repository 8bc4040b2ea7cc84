"""Where the face's landmarks fall in the picture, and how far the mouth is open."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from seetalk_jax.synthetic.head import camera as camera_lib
from seetalk_jax.synthetic.head import field, mouth
from seetalk_jax.synthetic.head.rig import build_rig, to_world

# `upper_inner_lip`, `lower_inner_lip`, `chin`, `forehead_top` are MediaPipe's points 13, 14, 152 and 10.
LANDMARKS = (
  'left_eye',
  'right_eye',
  'nose_tip',
  'left_mouth_corner',
  'right_mouth_corner',
  'upper_inner_lip',
  'lower_inner_lip',
  'chin',
  'forehead_top',
)
_FOREHEAD_TOP = 0.62
LIP_BOX_SIDE = 0.34  # of the picture's side
_LIP_BOX_BELOW = 0.035  # of the picture's side: the box's centre under the mouth's


def landmarks(identity, motion, settings=None):
  """Projected landmarks of one frame.

  Args:
    identity, motion: trees of scalars (`[]`); vmap for batches.
    settings: ignored; light moves nothing.

  Returns:
    float32 `[L, 2]`: right and down in relative picture coordinates, in the order of `LANDMARKS`; left is the
    subject's left.
  """
  del settings
  identity, motion = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), (identity, motion))
  rig = build_rig(identity, motion)
  middle = mouth.seam(rig, 0.0)
  corner = mouth.seam(rig, 1.0)
  zero = jnp.zeros(())
  # Resting places in the face's plane, and how far below them the search for the moved place starts.
  x = jnp.stack([rig.mouth_x * 0.98, zero, zero, zero, zero])
  y = jnp.stack([corner, middle + 0.002, middle - 0.002, rig.chin_bottom + 0.03, zero + _FOREHEAD_TOP])
  start = jnp.stack([zero, -0.1, 1.4 * rig.gap, rig.jaw_drop, zero])

  def improve(_, place):
    px, py, pz = place
    head = (px, py, pz)
    rx, ry, rz, _ = mouth.rest_point(rig, px, py, pz)
    d = field.solid_face(rig, head, (rx, ry, rz))
    return px + 0.6 * (x - rx), py + 0.6 * (y - ry), pz - 0.7 * d

  px, py, pz = jax.lax.fori_loop(0, 48, improve, (x, y - start, jnp.full_like(x, 1.2)))
  eye = (rig.eye_x, zero, rig.eye_z + rig.eye_r)
  nose = (zero, rig.nose_y, rig.nose_z + rig.nose_r)
  points = [eye, (-eye[0], *eye[1:]), nose, (px[0], py[0], pz[0]), (-px[0], py[0], pz[0])]
  points += [(zero, py[k], pz[k]) for k in range(1, 5)]
  hx, hy, hz = (jnp.stack([p[c] for p in points]) for c in range(3))
  u, v = camera_lib.project(rig.camera, *to_world(rig, hx, hy, hz))
  return jnp.stack([u, v], axis=-1)


def mouth_opening(identity, motion):
  """Gap between the inner lips over the face's height (forehead top to chin), seen from the front.

  Works on trees of any common shape `[*b]`; 0 when closed.
  """
  rig = build_rig(identity, motion)
  return rig.gap / (_FOREHEAD_TOP - rig.chin_bottom + rig.jaw_drop)


def lip_box(points):
  """The square around mouth and chin, of one size for all pictures.

  Args:
    points: landmarks `[..., L, 2]` in relative coordinates, in the order of `LANDMARKS`.

  Returns:
    `[..., 4]`: left, top, right, bottom in relative coordinates.
  """
  left, right = LANDMARKS.index('left_mouth_corner'), LANDMARKS.index('right_mouth_corner')
  centre = 0.5 * (points[..., left, :] + points[..., right, :])
  centre = centre + jnp.array([0.0, _LIP_BOX_BELOW])
  return jnp.concatenate([centre - 0.5 * LIP_BOX_SIDE, centre + 0.5 * LIP_BOX_SIDE], axis=-1)
