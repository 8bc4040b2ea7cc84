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
_END_PIECE = 0.06  # widest piece between lens and hinge, decimeters
_BEND = 1.7  # power: 1 for straight temples


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
  seat = _Seat(middle_x, center_x, center_y, front)
  tops = jnp.stack([_top_of_ear(vertices[index], middle_x) for index in places.ears])
  # Both sides at once compile faster than one after the other.
  sides = jax.vmap(_side, (None, None, 0, 0, 0))(
    glasses, seat, jnp.asarray([1.0, -1.0]), tops, jnp.stack(temple_x)
  )
  grids = {
    f'{side}_{name}': points[k] for k, side in enumerate(('left', 'right')) for name, points in sides.items()
  }
  nose = vertices[places.nose]
  inner = center_x - glasses.width

  def bridge(height, half_width, arch):
    at = jnp.linspace(-1, 1, parts.GRIDS['bridge'].rows)
    x, y = at * half_width, center_y + height + arch * (1 - at * at)
    over = jnp.where(jnp.abs(nose[:, 1] - y[len(y) // 2]) < 0.07, nose[:, 2], -9.0).max() + 0.02
    plane = front - _curve(x)
    z = jnp.maximum(plane, plane + (over - front) * (1 - at**4)) + 0.005
    path = jnp.stack([middle_x + x, y, z], -1)
    thick = jnp.maximum(glasses.rim, 0.012)
    return shapes.tube(path, jnp.asarray([0, 0, 1.0]), jnp.minimum(glasses.depth, 0.03), thick, parts.TUBE)

  lower, upper = jax.vmap(bridge)(
    jnp.stack([glasses.bridge, 0.75 * glasses.height]),
    inner + jnp.asarray([0.02, 0.07]),
    jnp.asarray([0.03, 0.0]),
  )
  grids['bridge'] = lower
  pieces = {
    name: absent_unless(glasses.present, Piece(points, jnp.ones(points.shape[:2])))
    for name, points in grids.items()
  }
  pieces['upper_bridge'] = absent_unless(
    glasses.present * glasses.double_bridge, Piece(upper, jnp.ones(upper.shape[:2]))
  )
  return pieces


class _Seat(NamedTuple):
  """Where glasses sit, decimeters."""

  middle_x: jax.Array  # of the face
  center_x: jax.Array  # distance of the middles of the lenses from it
  center_y: jax.Array  # their height
  front: jax.Array  # z of the frame's middle


def _top_of_ear(ear, middle_x):
  """Where a temple lies on an ear: distance from the middle of the face, y and z, `[3]`."""
  return jnp.stack([jnp.abs(ear[:, 0] - middle_x).mean(), ear[:, 1].max() + 0.012, ear[:, 2].mean()])


def _side(glasses, seat, sign, top, temple_x) -> dict[str, jax.Array]:
  """Rim, lens and temple of one side; `sign` is 1 for the person's left, -1 for the right."""
  out, up = _outline(glasses, jnp.linspace(0, 2 * jnp.pi, parts.RIM))
  # Counterclockwise as seen from the front on both sides.
  out, up = (jnp.where(sign > 0, values, values[::-1]) for values in (out, up))
  x, y = seat.middle_x + sign * (seat.center_x + out), seat.center_y + up
  edge = jnp.stack([x, y, seat.front - _curve(x - seat.middle_x)], -1)
  lower = jnp.clip(4 * (up / glasses.height + 0.3), 0, 1)
  shown = (glasses.lower_rim + (1 - glasses.lower_rim) * lower) * (1 - glasses.rimless)
  closed = jnp.concatenate([edge[-2:-1], edge, edge[1:2]])
  rim = shapes.tube(closed, jnp.asarray([0, 0, 1.0]), 1.0, 1.0, parts.TUBE)[1:-1] - edge[:, None]
  forward = rim * jnp.asarray([0, 0, 1.0])
  rim = glasses.rim * (rim - forward) + glasses.depth * forward
  middle_z = seat.front - _curve(seat.center_x) + 0.01
  middle = jnp.stack([seat.middle_x + sign * seat.center_x, seat.center_y, middle_z])
  share = jnp.asarray([0.0, 0.4, 0.75, 1.0])[:, None, None]
  lens = middle + share * (edge - middle)
  return {
    'rim': edge[:, None] + shown[:, None, None] * rim,
    'lens': lens.at[..., 2].add(0.025 * (1 - share[..., 0] ** 2)),
    'temple': _temple(glasses, seat, sign, top, temple_x),
  }


def _temple(glasses, seat, sign, top, temple_x):
  """A temple from the outer edge of a lens to the ear and down behind it."""
  outer = seat.center_x + glasses.width
  plane = seat.front - _curve(outer)
  hinge_y = seat.center_y + 0.55 * glasses.height + 0.5 * glasses.flare
  corner_x = jnp.clip(temple_x - 0.03, outer + 0.03, outer + _END_PIECE)
  ear_x = jnp.maximum(top[0], temple_x + 0.03)
  start = jnp.stack([outer - 0.02, hinge_y, plane])
  corner = jnp.stack([corner_x, hinge_y, plane - 0.05])
  behind = jnp.stack([ear_x - 0.02, top[1] - 0.28, top[2] - 0.22])
  over_ear = jnp.stack([ear_x, top[1], top[2]])
  past = jnp.stack([ear_x - 0.005, top[1] - 0.06, top[2] - 0.12])
  # Temples of narrow glasses are bent around the head: wide soon behind the hinge.
  share = jnp.linspace(0, 1, 9)
  wide = 1 - (1 - share) ** _BEND
  back = corner + (over_ear - corner) * jnp.stack([wide, share, share], -1)
  ends = jnp.stack([past, (past + behind) / 2, behind])
  hinge = jnp.stack([start, (start + corner) / 2 + jnp.asarray([0.01, 0, 0.01])])
  path = jnp.concatenate([hinge, back, ends])
  path = path.at[:, 0].set(sign * path[:, 0] + seat.middle_x)
  height = glasses.temple * jnp.asarray([1.0] * 5 + [0.85] * 9)
  side = jnp.stack([jnp.ones(()), jnp.zeros(()), 0.3 * sign])
  return shapes.tube(path, side, 0.014, jnp.maximum(height, 0.012), parts.TUBE)
