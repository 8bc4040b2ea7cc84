"""Glasses that sit on the nose and the ears of a person."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic.human import rig
from seetalk_jax.synthetic.human.mesh import MeshPart
from seetalk_jax.synthetic.human.outfit import parts, shapes
from seetalk_jax.synthetic.human.outfit.garments import Piece, absent_unless

_HALF_BROW = 0.03  # half the height of usual brows, decimeters


class Glasses(NamedTuple):
  """Glasses; float32 scalars, decimeters unless said.

  Attributes:
    present: 1 or 0.
    width, height: half extents of a lens.
    square: exponent of the outline: 2 is an ellipse, 5 nearly a rectangle.
    flare: how far the upper outer corner is raised, as in cat-eye frames.
    drop: how far lenses reach downwards and outwards, as in aviators.
    rim: half thickness of the rim; small for wire.
    lower_rim: 1: the rim runs all around, 0: no rim below.
    rimless: 1: no rim at all.
    depth: half depth of the rim.
    bridge: height of the bridge above the middle of the lenses.
    double_bridge: 1: a second bridge above.
    temple: half height of the temples.
    lower: how far they sit below the usual place.
  """

  present: jax.Array
  width: jax.Array
  height: jax.Array
  square: jax.Array
  flare: jax.Array
  drop: jax.Array
  rim: jax.Array
  lower_rim: jax.Array
  rimless: jax.Array
  depth: jax.Array
  bridge: jax.Array
  double_bridge: jax.Array
  temple: jax.Array
  lower: jax.Array


class _Places(NamedTuple):
  """Vertices of the fine mesh around places that glasses touch; int `[k]` each."""

  eyes: tuple[np.ndarray, np.ndarray]  # left, right
  behind_lens: np.ndarray  # skin around the eyes
  brows: np.ndarray  # skin under the brows
  nose: np.ndarray  # ridge of the nose
  temples: tuple[np.ndarray, np.ndarray]  # skin of the temples, between eye and ear
  ears: tuple[np.ndarray, np.ndarray]  # upper end of the ears


@functools.cache
def _places() -> _Places:
  fine = rig.fine_head().mesh
  x, y, z = fine.vertices.T
  skin = fine.parts == MeshPart.SKIN
  ears = skin & (fine.masks['ears'] > 0.5)

  def where(mask):
    return np.flatnonzero(mask)

  sides = (x > 0, x < 0)
  around = skin & (np.abs(x) > 0.19) & (np.abs(x) < 0.6) & (y > 7.06) & (y < 7.44) & (z > 1.0)
  temple = skin & ~ears & (np.abs(y - 7.35) < 0.06) & (z > 0.75) & (z < 1.25)
  return _Places(
    tuple(where(fine.parts == part) for part in (MeshPart.LEFT_EYE, MeshPart.RIGHT_EYE)),
    where(around),
    where(skin & (fine.masks['brows'] > 0.45)),
    where(skin & (np.abs(x) < 0.05) & (y > 7.05) & (y < 7.5) & (z > 1.3)),
    tuple(where(temple & side) for side in sides),
    tuple(where(ears & side & (y > 7.28)) for side in sides),
  )


def _curve(x):
  """How far a frame lies behind its middle at `x`."""
  return 0.13 * (x / 0.65) ** 2


def _outline(glasses: Glasses, angle: jax.Array) -> tuple[jax.Array, jax.Array]:
  """(outwards, upwards) of the edge of a lens from its middle, decimeters."""
  cos, sin = jnp.cos(angle), jnp.sin(angle)
  power = glasses.square
  norm = (jnp.abs(cos) + 1e-4) ** power + (jnp.abs(sin) + 1e-4) ** power
  radius = norm ** (-1 / power)
  out, up = glasses.width * radius * cos, glasses.height * radius * sin
  low = jnp.clip(-sin, 0, 1)
  corner = jnp.exp(-(((angle - 0.7) / 0.5) ** 2))
  out += glasses.drop * low * 0.5 * (1 + 0.6 * (cos < 0)) + 0.5 * glasses.flare * corner
  return out, up - glasses.drop * low * 0.8 + glasses.flare * corner


def wear(glasses: Glasses, vertices: jax.Array) -> dict[str, Piece]:
  """The grids of the glasses on a person with fine neutral vertices `[v, 3]`; names as in `parts.GRIDS`."""
  places = _places()
  eyes = [vertices[index].mean(0) for index in places.eyes]
  half = (eyes[0][0] - eyes[1][0]) / 2
  middle_x, eye_y = (eyes[0][0] + eyes[1][0]) / 2, (eyes[0][1] + eyes[1][1]) / 2
  temple_x = [jnp.abs(vertices[index][:, 0]).max() for index in places.temples]
  size = jnp.clip((temple_x[0] + temple_x[1]) / 2 / 0.715, 0.85, 1.2)
  glasses = glasses._replace(width=glasses.width * size)
  center_x = jnp.maximum(half + 0.01, glasses.width + 0.075)
  # The upper rims leave the brows free, unless the lenses are so high that the eyes would lie at their border.
  brow_y = vertices[places.brows][:, 1].mean()
  below_brows = jnp.clip(brow_y - _HALF_BROW - glasses.height - glasses.rim, eye_y - 0.1, eye_y - 0.03)
  center_y = below_brows - glasses.lower
  skin = vertices[places.behind_lens]
  front = (skin[:, 2] + _curve(skin[:, 0])).max() + 0.05
  cornea = jnp.maximum(*(vertices[index][:, 2].max() for index in places.eyes)) + 0.11
  front = jnp.maximum(front, cornea) + 0.6 * glasses.lower

  def plane(x):
    return front - _curve(x)

  grids = {}
  angle = jnp.linspace(0, 2 * jnp.pi, parts.RIM)
  out, up = _outline(glasses, angle)
  for name, sign in (('left', 1.0), ('right', -1.0)):
    # Counterclockwise as seen from the front on both sides.
    o, u = (out, up) if sign > 0 else (out[::-1], up[::-1])
    x, y = middle_x + sign * (center_x + o), center_y + u
    edge = jnp.stack([x, y, plane(x - middle_x)], -1)
    lower = jnp.clip(4 * (u / glasses.height + 0.3), 0, 1)
    shown = (glasses.lower_rim + (1 - glasses.lower_rim) * lower) * (1 - glasses.rimless)
    closed = jnp.concatenate([edge[-2:-1], edge, edge[1:2]])
    rim = shapes.tube(closed, jnp.asarray([0, 0, 1.0]), 1.0, 1.0, parts.TUBE)[1:-1] - edge[:, None]
    forward = rim * jnp.asarray([0, 0, 1.0])
    flat = rim - forward
    shown = shown[:, None, None]
    grids[f'{name}_rim'] = edge[:, None] + shown * (glasses.rim * flat + glasses.depth * forward)
    middle = jnp.stack([middle_x + sign * center_x, center_y, plane(center_x) + 0.01])
    share = jnp.asarray([0.0, 0.4, 0.75, 1.0])[:, None, None]
    lens = middle + share * (edge - middle)
    grids[f'{name}_lens'] = lens.at[..., 2].add(0.025 * (1 - share[..., 0] ** 2))
    grids[f'{name}_temple'] = _temple(
      glasses, sign, middle_x, center_x, center_y, plane, vertices, places, temple_x
    )
  nose = vertices[places.nose]
  inner = center_x - glasses.width

  def bridge(height, half_width, arch):
    at = jnp.linspace(-1, 1, parts.GRIDS['bridge'].rows)
    x, y = at * half_width, center_y + height + arch * (1 - at * at)
    over = jnp.where(jnp.abs(nose[:, 1] - y[len(y) // 2]) < 0.07, nose[:, 2], -9.0).max() + 0.02
    z = jnp.maximum(plane(x), plane(x) + (over - front) * (1 - at**4)) + 0.005
    path = jnp.stack([middle_x + x, y, z], -1)
    thick = jnp.maximum(glasses.rim, 0.012)
    return shapes.tube(path, jnp.asarray([0, 0, 1.0]), jnp.minimum(glasses.depth, 0.03), thick, parts.TUBE)

  grids['bridge'] = bridge(glasses.bridge, inner + 0.02, 0.03)
  upper = bridge(0.75 * glasses.height, inner + 0.07, 0.0)
  pieces = {
    name: absent_unless(glasses.present, Piece(points, jnp.ones(points.shape[:2])))
    for name, points in grids.items()
  }
  pieces['upper_bridge'] = absent_unless(
    glasses.present * glasses.double_bridge, Piece(upper, jnp.ones(upper.shape[:2]))
  )
  return pieces


def _temple(glasses, sign, middle_x, center_x, center_y, plane, vertices, places, temple_x):
  """A temple from the outer edge of a lens to the ear and down behind it."""
  side = 0 if sign > 0 else 1
  ear = vertices[places.ears[side]]
  top = jnp.stack([jnp.abs(ear[:, 0] - middle_x).mean(), ear[:, 1].max() + 0.012, ear[:, 2].mean()])
  outer = center_x + glasses.width
  hinge_y = center_y + 0.55 * glasses.height + 0.5 * glasses.flare
  corner_x = jnp.maximum(outer + 0.03, temple_x[side] - 0.03)
  corner_z = plane(outer) - 0.05
  ear_x = jnp.maximum(top[0], temple_x[side] + 0.03)
  start = jnp.stack([outer - 0.02, hinge_y, plane(outer)])
  corner = jnp.stack([corner_x, hinge_y, corner_z])
  behind = jnp.stack([ear_x - 0.02, top[1] - 0.28, top[2] - 0.22])
  over_ear = jnp.stack([ear_x, top[1], top[2]])
  past = jnp.stack([ear_x - 0.005, top[1] - 0.06, top[2] - 0.12])
  back = [corner + (over_ear - corner) * share for share in np.linspace(0, 1, 9)]
  path = jnp.stack(
    [start, (start + corner) / 2 + jnp.asarray([0.01, 0, 0.01]), *back, past, (past + behind) / 2, behind]
  )
  path = path * jnp.asarray([sign, 1.0, 1.0]) + middle_x * jnp.asarray([1.0, 0, 0])
  height = glasses.temple * jnp.asarray([1.0] * 5 + [0.85] * 9)
  return shapes.tube(path, jnp.asarray([1.0, 0, 0.3 * sign]), 0.014, jnp.maximum(height, 0.012), parts.TUBE)
