"""Hair: strands grown from the scalp by a style of continuous parameters, kept off head and shoulders."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from seetalk_jax.synthetic.human import collision, hair_coverage, rig
from seetalk_jax.synthetic.human.hair_roots import Roots
from seetalk_jax.synthetic.human.hair_style import Style
from seetalk_jax.synthetic.human.tied_hair import tied
from seetalk_jax.synthetic.human.vectors import smoothstep, unit

NUM_POINTS = 16
_INSIDE = (0.0, 7.35, 0.2)  # all points of strands that do not grow
_WHORL = (0.08, 8.45, 0.1)  # hair falls away from here
_OVAL, _OVAL_Z = (0.75, 1.1), 0.3  # half the width and depth of the head, and its middle
_ZIGZAG = 0.05  # strands of this distance from a parting may fall to its other side, decimeters


class Hair(NamedTuple):
  """Strands of a person on the neutral head.

  Attributes:
    points: `[n, k, 3]`; strands that do not grow have all points in one place inside the head.
    normals: unit vectors away from the head, for light from the environment, `[n, k, 3]`.
    depth: below the outer hair, decimeters, `[n, k]`: hair there gets less light.
    turning: share of a turn of the head that a point takes part in, `[n, k]`, see `rig.Topology.turning`.
  """

  points: jax.Array
  normals: jax.Array
  depth: jax.Array
  turning: jax.Array


def grow(vertices: jax.Array, normals: jax.Array, body: collision.Body, style: Style, roots: Roots) -> Hair:
  """Strands of a person; a pure function for jit and vmap.

  Args:
    vertices: fine vertices of the neutral person, `[v, 3]`.
    normals: of the vertices, `[v, 3]`.
    body: `collision.body` of the vertices.
    style: of the person.
    roots: `hair_roots.roots()`.

  Returns:
    `hair_roots.NUM_STRANDS` strands of `NUM_POINTS` points.
  """
  start = _at_roots(vertices, roots)
  normal = unit(_at_roots(normals, roots))
  # A strand belongs to the fringe or not: 1 or 0.
  front = smoothstep(roots.place[:, 2] - 0.3 * jnp.abs(roots.place[:, 0]), 0.88, 0.96) > roots.random[:, 6]
  fringe = (front & (roots.random[:, 9] < style.fringe)).astype(jnp.float32)
  covered = hair_coverage.coverage(style, roots.place.T)
  length = _lengths(style, roots, fringe) * (0.3 + 0.7 * covered) + 1e-4
  grows = (roots.random[:, 7] < style.density * covered) & (length > 0.012)
  distance = 0.01 + style.volume * (0.1 + 0.9 * _mixed(roots, 5, 0.5))
  loose = _loose(start, normal, body, style, roots, length, fringe, distance)
  curled = _curled(loose, normal, style, roots, length, fringe)
  height = (roots.place[:, 1] - 6.6) / 1.9
  is_tied = (
    (height > 1.1 - 1.2 * style.tied - 0.03 * roots.random[:, 8])
    & (fringe < 0.5)
    & (style.tied > 0.01)
    & ~_before_ears(roots)
  )
  knotted = tied(start, body, style, roots, NUM_POINTS)
  points = jnp.where(is_tied[:, None, None], knotted, curled)
  points = jnp.where(grows[:, None, None], points, jnp.asarray(_INSIDE))
  # Light and sight reach far into hair that stands up, as an afro's.
  depth = _depth(points) * (1 - _at_hairline(roots)) * (1 - 0.6 * style.round)
  return Hair(points, collision.outward(points), depth, rig.share_of_turn(points))


def in_sight(points: jax.Array, normals: jax.Array, depth: jax.Array, eye: jax.Array) -> jax.Array:
  """Pieces of strands that may be seen: not those behind the head or deep in the hair.

  Args:
    points: in the scene, after the head's turn, `[n, k, 3]`.
    normals: turned likewise, `[n, k, 3]`.
    depth: below the outer hair, decimeters, `[n, k]`.
    eye: place of the camera, `[3]`.

  Returns:
    bool `[n, k - 1]`, for `raster.segments`.
  """
  point, normal, depth = points[:, 1:], normals[:, 1:], depth[:, 1:]
  view = eye - point
  facing = (normal * view).sum(-1) > -0.35 * jnp.linalg.norm(view, axis=-1)
  number = jnp.arange(len(points))[:, None]
  chance = (number * 0.618034) % 1
  # Long strands lie over each other: fewer of them cover as much, the more the deeper they lie.
  step = jnp.linalg.norm(points[:, 1:] - points[:, :-1], axis=-1)
  shares = jnp.linspace(0, 1, point.shape[1])
  kept = jnp.exp(-depth / 0.08) * (1 - 0.55 * smoothstep(step, 0.09, 0.16) * smoothstep(shares, 0.1, 0.35))
  # Beside the neck, hair of the back is seen from inside.
  low = smoothstep(point[..., 1], 7.0, 6.8)
  return chance < jnp.where(facing, jnp.maximum(kept, 0.25), 0.25 * low)


def _at_roots(values, roots):
  return sum(values[roots.corners[:, k]] * roots.weights[:, k, None] for k in range(3))


def _mixed(roots, column, own):
  """Random numbers that neighbors share but for the share `own`."""
  values = roots.random[:, column]
  return own * values + (1 - own) * values[roots.clump]


def _lengths(style, roots, fringe):
  """Length of every strand, `[n]`."""
  x, y, z = roots.place.T
  length = hair_coverage.region_length(style, y, z)
  # A level cut: the way down, and around the widest part of the head.
  fall = y - style.level + 0.3 * smoothstep(y, 7.7, 8.4)
  length = jnp.minimum(length, jnp.where(style.level > 0, jnp.maximum(fall, 0.1), 9))
  to_ball = 0.9 + style.length - jnp.linalg.norm(roots.place - jnp.asarray([0, 7.6, 0.3]), axis=-1)
  length = length + style.round * (jnp.maximum(to_ball, 0.08) - length)
  # Strands of a fringe end at one height: those that begin behind the hairline are longer.
  behind = jnp.maximum(1.36 - 0.8 * x * x - z, 0) + 0.1 * jnp.abs(x)
  length = jnp.where(fringe > 0.5, jnp.minimum(length, style.fringe_length + behind), length)
  shorter = style.layers * _mixed(roots, 0, 0.6) + 0.05 * roots.random[:, 6]
  # The hairline is soft: short strands among long ones.
  length *= 1 - shorter
  # Hair before the ears is too short to be tied or tucked.
  length = jnp.where(_before_ears(roots) & (style.tied + style.tuck > 0.3), jnp.minimum(length, 0.05), length)
  short = (1 - roots.edge) * (fringe < 0.5) > 0.3 + 0.9 * roots.random[:, 4]
  return jnp.where(
    short, jnp.minimum(length, 0.06 + 0.3 * roots.edge) * (0.4 + 0.6 * roots.random[:, 6]), length
  )


def _at_hairline(roots):
  """Share of the pieces of strands that lie open between the hairline of the front and the outer hair."""
  near_root = smoothstep(jnp.linspace(0, 1, NUM_POINTS), 0.5, 0.2)
  return (
    0.8
    * (smoothstep(roots.place[:, 2], 0.6, 0.9) * smoothstep(roots.place[:, 1], 7.5, 7.8))[:, None]
    * near_root
  )


def _before_ears(roots):
  return (roots.place[:, 2] > 0.35) & (roots.place[:, 1] < 7.42)


def _combed(style, roots, normal, fringe):
  """Direction in which hair is combed at every root, along the scalp."""
  x, y, z = roots.place.T
  front = smoothstep(z, 0.5, 1.2)
  zero = jnp.zeros_like(x)
  # Strands next to a parting cross it, so that it is a line and not a gap.
  crossing = 2 * _ZIGZAG * (roots.random[:, 8] - 0.5)
  side = jnp.tanh((x - style.parting + crossing) / 0.03) * smoothstep(z, -0.3, 0.3)
  # Long hair behind a fringe falls to the sides, not over the forehead.
  long = smoothstep(style.length * style.side, 0.4, 0.8)
  outward = jnp.maximum(style.outward, 0.35 * style.fringe * long)
  radial = unit(roots.place - jnp.asarray(_WHORL))
  comb = style.whorl * radial + jnp.stack(
    [side * outward + style.sweep * front, zero, style.forward + zero], -1
  )
  ahead = jnp.stack([style.sweep + 0.25 * x, zero - 0.3, zero + 1], -1)
  comb += fringe[:, None] * (ahead - comb)
  # Tucked hair goes back from the temples.
  comb += (
    style.tuck * (smoothstep(z, 0.2, 0.7) * smoothstep(y, 8.2, 7.7))[:, None] * jnp.asarray([0, 0.2, -1.0])
  )
  comb -= (comb * normal).sum(-1, keepdims=True) * normal
  size = jnp.linalg.norm(comb, axis=-1, keepdims=True)
  return comb / jnp.maximum(size, 1)


def _loose(start, normal, body, style, roots, length, fringe, distance):
  """Points `[n, k, 3]` of strands that nothing ties."""
  x, y, z = roots.place.T
  step = length / (NUM_POINTS - 1)
  comb = _combed(style, roots, normal, fringe)
  front = smoothstep(z, 0.6, 1.2) * roots.edge
  spread = 2 * jnp.stack([_mixed(roots, k, 0.5) for k in (1, 2, 3)], -1) - 1
  lift = style.lift * (0.35 + 0.65 * roots.edge) * (1 - 0.6 * fringe) + style.rise * front
  direction = unit(
    lift[:, None] * normal + (1 - 0.6 * style.lift) * comb + style.mess * spread + 0.1 * normal
  )
  bend = 0.08 * jnp.exp(3.2 * style.stiffness)
  pull = 1 - jnp.exp(-step / bend)
  side = jnp.where(x - style.parting > 0, 1.0, -1.0)
  width = style.open * (0.96 + 0.1 * _mixed(roots, 8, 0.3))
  forwards = (_mixed(roots, 9, 0.2) < style.front) & (z > -0.1)
  drape = jnp.where(forwards, 0.9, -0.9)
  ears = smoothstep(length, 0.7, 1.1) * (1 - style.tuck)
  long = smoothstep(style.length * style.side, 0.4, 0.8) * smoothstep(length, 0.1, 0.3)

  root_radius, _, _ = collision.polar(start)

  def aside(x, width, share):
    """Moves hair outward, to between its parting and `width` by a share from 0, where it may lie anywhere, to 1."""
    limit = side * style.parting * (1 - share) + width * share
    return x + side * 0.9 * jnp.minimum(1, 5 * share) * jnp.maximum(limit - side * x, 0)

  def around(x, z, moved):
    """How far to the front hair may be after it moved sideways: it stays as far outside of an oval head."""
    wide, deep = _OVAL
    outside = (x / wide) ** 2 + ((z - _OVAL_Z) / deep) ** 2 - (moved / wide) ** 2
    return jnp.where(jnp.abs(moved) > jnp.abs(x), _OVAL_Z + deep * jnp.sqrt(jnp.maximum(outside, 0.16)), z)

  def advance(carry, number):
    point, direction = carry
    way = number * step
    px, py, pz = point.T
    near = jnp.exp(-way / 0.5)
    beside = smoothstep(py, 7.0, 6.3) * drape
    target = comb * near[:, None] + jnp.stack([jnp.zeros_like(way), -0.55 - 0.6 * (1 - near), beside], -1)
    direction = unit(direction + pull[:, None] * (unit(target) - direction))
    x, y, z = (point + step[:, None] * direction).T
    # Long hair leaves the face free.
    moved = aside(x, width, smoothstep(y, 8.03, 7.6) * smoothstep(z, 0.4, 0.7) * (1 - fringe) * long)
    z = jnp.minimum(z, around(x, z, moved))
    x = moved
    x = aside(x, 0.62, smoothstep(y, 7.0, 6.6) * (drape > 0) * long)
    behind = (
      style.tuck
      * smoothstep(y, 7.75, 7.45)
      * smoothstep(jnp.abs(x), 0.4, 0.55)
      * smoothstep(length, 0.4, 0.7)
    )
    z -= 0.5 * behind * jnp.maximum(z - 0.25, 0)
    away = distance * jnp.minimum(1, way / 0.25) + 0.05 * smoothstep(y, 6.3, 6.0)
    near_ears = ears * jnp.minimum(1, way / 0.3)
    reach = root_radius + 0.01 + 1.3 * way
    new = collision.pushed_out(jnp.stack([x, y, z], -1), body, away, near_ears, style.cling, reach)
    return (new, unit(new - point + 1e-6 * direction)), new

  numbers = jnp.arange(1, NUM_POINTS, dtype=jnp.float32)
  _, points = jax.lax.scan(advance, (start, direction), numbers)
  return jnp.moveaxis(jnp.concatenate([start[None], points]), 0, 1)


def _curled(points, normal, style, roots, length, fringe):
  """Points with curls, small bends and clumps."""
  phase = 2 * jnp.pi * (_mixed(roots, 4, 0.12) + _mixed(roots, 8, 0.5))
  turns = 2 * jnp.pi * style.waves * (0.85 + 0.3 * _mixed(roots, 6, 0.3))
  # Small bends: sums of waves that differ from strand to strand.
  random = 2 * jnp.pi * roots.random
  speed = 2 * jnp.pi * 3 + 4 * random

  def at(values):
    point, after, share = values
    tangent = unit(after - point + 1e-4 * normal)
    across = unit(jnp.cross(tangent, collision.outward(point)) + 1e-4 * normal)
    other = jnp.cross(across, tangent)
    angle = phase + turns * share
    one, two = random[:, 1] + speed[:, 4] * share, random[:, 2] + speed[:, 5] * share
    first = style.curl * jnp.cos(angle) + style.frizz * jnp.sin(one) * jnp.cos(1.7 * two)
    second = style.curl * (0.6 * jnp.sin(angle) + 0.5) + style.frizz * (
      jnp.sin(two) * jnp.cos(1.3 * one) + 0.3
    )
    grown = jnp.minimum(1, 2.5 * share)
    return point + grown * (first[:, None] * across + second[:, None] * other)

  points = jnp.moveaxis(points, 1, 0)
  shares = jnp.linspace(0, 1, NUM_POINTS)
  after = jnp.concatenate([points[1:], 2 * points[-1:] - points[-2:-1]])
  points = jnp.moveaxis(jax.lax.map(at, (points, after, shares)), 0, 1)
  for group, amount in ((roots.clump, style.clumping), (roots.lock, style.locks)):
    # Strands follow only those that are about as long, on the same side of the parting.
    alike = smoothstep(length / length[group], 0.4, 0.7) * smoothstep(length[group] / length, 0.3, 0.6)
    beside = roots.place[:, 0] - style.parting
    same_side = (beside * beside[group] > 0) | (style.outward < 0.3) | (fringe > 0)
    alike *= same_side & (fringe == fringe[group])
    pulled = (alike * amount * (0.6 + 0.4 * roots.random[:, 6]))[:, None] * jnp.minimum(
      1, 1.6 * shares
    ) ** 0.8
    points += pulled[..., None] * (points[group] - points)
  return points


def _depth(points):
  """Depth of points below the outer hair, `[n, k]`."""
  cell, radius = collision.cells(points)
  outer = jnp.zeros(collision.SIDE**2).at[cell.reshape(-1)].max(radius.reshape(-1))
  grid = outer.reshape(collision.SIDE, collision.SIDE)
  for axis in (0, 1):
    grid = (jnp.roll(grid, 1, axis) + grid + jnp.roll(grid, -1, axis)) / 3
  depth = jnp.maximum(grid.reshape(-1)[cell] - radius, 0)
  # Smooth along the strands: otherwise they are seen as dashes.
  padded = jnp.pad(depth, ((0, 0), (2, 2)), mode='edge')
  return sum(padded[:, k : k + depth.shape[1]] for k in range(5)) / 5
