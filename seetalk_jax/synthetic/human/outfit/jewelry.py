"""Earrings and necklaces of a person."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic.human import rig
from seetalk_jax.synthetic.human.outfit import parts, shapes, surface
from seetalk_jax.synthetic.human.outfit.garments import Piece, absent_unless


class Jewelry(NamedTuple):
  """Jewelry; float32 scalars, decimeters unless said.

  Attributes:
    stud: 1 or 0: a ball at each ear lobe.
    stud_size: its radius.
    hang: how far the ball hangs below the lobe.
    long: how much longer than wide the ball is.
    hoop: 1 or 0: a ring through each ear lobe.
    hoop_size: its radius.
    necklace: 1 or 0.
    necklace_front: how far the necklace lies below the base of the neck in front.
    pendant: radius of a pendant, 0 for none.
  """

  stud: jax.Array
  stud_size: jax.Array
  hang: jax.Array
  long: jax.Array
  hoop: jax.Array
  hoop_size: jax.Array
  necklace: jax.Array
  necklace_front: jax.Array
  pendant: jax.Array


@functools.cache
def _lobes() -> tuple[np.ndarray, np.ndarray]:
  """Vertices of the left and the right ear lobe."""
  fine = rig.fine_head().mesh
  x, y, _ = fine.vertices.T
  lobe = (fine.masks['ears'] > 0.5) & (y < 6.9)
  return np.flatnonzero(lobe & (x > 0)), np.flatnonzero(lobe & (x < 0))


def wear(jewelry: Jewelry, vertices: jax.Array, own: surface.Body) -> dict[str, Piece]:
  """The grids of the jewelry on a person with fine neutral vertices `[v, 3]`; names as in `parts.GRIDS`."""
  pieces = {}
  for name, sign, index in zip(('left', 'right'), (1.0, -1.0), _lobes(), strict=True):
    lobe = vertices[index]
    outer = jnp.abs(lobe[:, 0]).max()
    hole = jnp.stack([sign * (outer - 0.012), lobe[:, 1].min() + 0.05, lobe[:, 2].mean() + 0.02])
    size = jewelry.stud_size * jnp.stack([jnp.ones(()), jewelry.long, jnp.ones(())])
    at = hole + jnp.stack([sign * 0.012, -jewelry.hang, jnp.zeros(())])
    points = shapes.ball(at, size, *_shape(f'{name}_stud'))
    pieces[f'{name}_stud'] = absent_unless(jewelry.stud, Piece(points, jnp.ones(points.shape[:2])))
    rows, sections = _shape(f'{name}_hoop')
    angle = jnp.linspace(-1, rows, rows + 2) * 2 * jnp.pi / (rows - 1)
    plane = jnp.asarray([0.55 * sign, 0.0, 0.83])
    middle = (
      hole
      - jnp.asarray([0, 1.0, 0]) * (jewelry.hoop_size - 0.01)
      + 0.6 * jewelry.hoop_size * sign * jnp.asarray([0.35, 0, 0])
    )
    path = middle + jewelry.hoop_size * (
      jnp.cos(angle)[:, None] * plane + jnp.sin(angle)[:, None] * jnp.asarray([0.0, 1.0, 0.0])
    )
    ring = shapes.tube(path, jnp.asarray([sign * 0.83, 0.0, -0.55]), 0.012, 0.012, sections)[1:-1]
    pieces[f'{name}_hoop'] = absent_unless(jewelry.hoop, Piece(ring, jnp.ones(ring.shape[:2])))
  rows, sections = _shape('necklace')
  angle = jnp.linspace(-1, rows, rows + 2) * 2 * jnp.pi / (rows - 1) - jnp.pi
  q = 1.1 + 0.15 * jnp.cos(angle) + jewelry.necklace_front * jnp.exp(-((angle / 0.7) ** 2))
  spot = surface.on_body(own, angle, q)
  chain = spot.above(0.012)
  points = shapes.tube(chain, spot.normal, 0.01, 0.013, sections)[1:-1]
  turning = jnp.broadcast_to(spot.turning[1:-1, None], points.shape[:2])
  pieces['necklace'] = absent_unless(jewelry.necklace, Piece(points, turning))
  front = surface.on_body(own, jnp.zeros(()), 1.25 + jewelry.necklace_front + 0.8 * jewelry.pendant)
  drop = shapes.ball(front.above(0.02), jewelry.pendant * jnp.asarray([0.8, 1.0, 0.4]), *_shape('pendant'))
  shown = jewelry.necklace * (jewelry.pendant > 0)
  pieces['pendant'] = absent_unless(shown, Piece(drop, jnp.broadcast_to(front.turning, drop.shape[:2])))
  return pieces


def _shape(name: str) -> tuple[int, int]:
  return parts.GRIDS[name].rows, parts.GRIDS[name].columns
