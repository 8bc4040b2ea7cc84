"""Tied hair: tails, buns and braids, strands that run along the head to a knot and beyond it."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from seetalk_jax.synthetic.human import collision
from seetalk_jax.synthetic.human.vectors import unit

_CENTER = (0.0, 7.4, 0.3)  # of the skull: knots lie in directions from here


def tied(start, body, style, roots, num_points):
  """Points of strands that run to a knot.

  Args:
    start: places of the roots, `[n, 3]`.
    body: `collision.Body` of the person.
    style: `hair_style.Style`.
    roots: `hair_roots.Roots`.
    num_points: of a strand.

  Returns:
    `[n, num_points, 3]`.
  """
  center = jnp.asarray(_CENTER)
  side = jnp.where(start[:, 0] > 0, 1.0, -1.0)
  around = side * style.tie_side + style.tie_shift
  flat = jnp.cos(style.tie)
  out = jnp.stack([flat * jnp.sin(around), jnp.sin(style.tie) + 0 * around, -flat * jnp.cos(around)], -1)
  zero = jnp.zeros(len(start))
  knot = collision.pushed_out(center + 0.4 * out, body, zero + 0.05, zero, 1.0)
  direction = unit(start - center)
  size, knot_size = (jnp.linalg.norm(p - center, axis=-1) for p in (start, knot))
  angle = jnp.arccos(jnp.clip((direction * unit(knot - center)).sum(-1), -0.99, 0.999))
  way = angle * 0.9 + 0.03
  tail = style.tail * (1 - 0.45 * roots.random[:, 6] ** 2)
  # The bend at the knot is sharp: a point lies there.
  last = num_points - 1
  count = jnp.clip(jnp.round(way * last / (way + tail)), 2, last - 4)
  goal = unit(knot - center)
  across = unit(jnp.cross(out, jnp.asarray([0.0, -1.0, 0.0])) + 1e-4)
  random = roots.random

  # One point of all strands at a time: what belongs to a strand is computed once.
  def at(number):
    share = jnp.minimum(number / count, 1)
    beyond = jnp.maximum(number - count, 0) / (last - count) * tail
    radius = size + share * (knot_size - size)
    on_head = center + radius[:, None] * _along(direction, goal, angle, share)
    lifted = 0.012 + style.volume * (0.2 + 0.8 * random[:, 5]) * jnp.sin(jnp.pi * share)
    in_tail = _tail(knot, out, across, beyond, beyond / jnp.maximum(tail, 1e-3), style, random)
    in_bun = _bun(knot, out, across, beyond, style, random)
    is_tail = beyond > 0
    distance = jnp.where(is_tail, 0.03, lifted * jnp.minimum(1, 5 * share))
    point = jnp.where(is_tail[:, None], in_tail, on_head)
    point = collision.pushed_out(point, body, distance, zero + is_tail, jnp.where(is_tail, 0, zero + 0.9))
    return point + (style.bun * is_tail)[:, None] * (in_bun - point)

  points = jax.lax.map(at, jnp.arange(1, num_points, dtype=jnp.float32))
  return jnp.concatenate([start[:, None], jnp.moveaxis(points, 0, 1)], 1)


def _along(one, other, angle, share):
  """Unit vectors between two, on the shorter arc."""
  first, second = jnp.sin((1 - share) * angle), jnp.sin(share * angle)
  return unit((first[:, None] * one + second[:, None] * other) / jnp.sin(angle)[:, None])


def _tail(knot, out, across, beyond, share, style, random):
  """Points of a tail or a braid at the distance `beyond` the knot, the `share` of the tail's length."""
  down = jnp.asarray([0.0, -1.0, 0.0])
  reach = 0.28
  bent = jnp.exp(-beyond / reach)
  level = reach * (1 - bent)
  along = knot + out * level[:, None] + down * (beyond - level)[:, None]
  depth = jnp.cross(across, unit(out * bent[:, None] + down))
  angle, radius = 2 * jnp.pi * random[:, 1], jnp.sqrt(random[:, 2])
  wide = radius * style.tail_width * (0.3 + 0.7 * jnp.minimum(1, beyond / 0.25)) * (1 - 0.6 * share**3)
  phase = angle + 2 * jnp.pi * style.waves * share
  first = wide * jnp.cos(angle) + style.curl * share * jnp.cos(phase)
  second = wide * jnp.sin(angle) + style.curl * share * jnp.sin(phase)
  # Three bundles that cross.
  turn = 2 * jnp.pi * (beyond / (7 * style.tail_width + 0.01) + jnp.floor(3 * random[:, 3]) / 3)
  width = style.tail_width * (1 - 0.4 * share)
  plait_1 = width * (0.62 * jnp.sin(turn) + 0.42 * radius * jnp.cos(angle))
  plait_2 = width * (0.4 * jnp.sin(2 * turn) + 0.42 * radius * jnp.sin(angle))
  first, second = (a + style.braid * (b - a) for a, b in ((first, plait_1), (second, plait_2)))
  return along + first[:, None] * across + second[:, None] * depth


def _bun(knot, out, across, beyond, style, random):
  """Points of a coil around the axis `out`."""
  size = style.tail_width
  turn = 2 * jnp.pi * random[:, 1] + beyond / jnp.maximum(size, 0.05)
  elevation = jnp.pi * (random[:, 2] - 0.42) + 0.35 * jnp.sin(turn)
  shell = size * (0.8 + 0.2 * random[:, 3])
  ring = (shell * jnp.cos(elevation))[:, None]
  other = jnp.cross(out, across)
  flat = ring * jnp.cos(turn)[:, None] * across + ring * jnp.sin(turn)[:, None] * other
  return knot + out * (0.7 * size) + flat + (0.8 * shell * jnp.sin(elevation))[:, None] * out
