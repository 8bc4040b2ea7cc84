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
  lobes = [vertices[index] for index in _lobes()]
  lowest = jnp.stack(
    [jnp.stack([jnp.abs(lobe[:, 0]).max(), lobe[:, 1].min(), lobe[:, 2].mean()]) for lobe in lobes]
  )
  # Both sides at once compile faster than one after the other.
  sides = jax.vmap(_earring, (None, 0, 0))(jewelry, jnp.asarray([1.0, -1.0]), lowest)
  pieces = {
    f'{side}_{name}': jax.tree.map(lambda values, k=k: values[k], piece)
    for k, side in enumerate(('left', 'right'))
    for name, piece in sides.items()
  }
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


def _earring(jewelry: Jewelry, sign: jax.Array, lobe: jax.Array) -> dict[str, Piece]:
  """Stud and hoop at the ear of one side.

  Args:
    jewelry: what it is like.
    sign: 1 for the person's left, -1 for the right.
    lobe: of the ear lobe the largest distance from the middle of the face, the lowest y and the mean z, `[3]`.
  """
  out, up, front = jnp.eye(3) * jnp.stack([sign, jnp.ones(()), jnp.ones(())])
  hole = lobe * jnp.stack([sign, jnp.ones(()), jnp.ones(())]) - 0.012 * out + 0.05 * up + 0.02 * front
  size = jewelry.stud_size * jnp.stack([jnp.ones(()), jewelry.long, jnp.ones(())])
  stud = shapes.ball(hole + 0.012 * out - jewelry.hang * up, size, *_shape('left_stud'))
  rows, sections = _shape('left_hoop')
  angle = jnp.linspace(-1, rows, rows + 2) * 2 * jnp.pi / (rows - 1)
  middle = hole - (jewelry.hoop_size - 0.01) * up + 0.21 * jewelry.hoop_size * out
  plane = 0.55 * out + 0.83 * front
  path = middle + jewelry.hoop_size * (jnp.cos(angle)[:, None] * plane + jnp.sin(angle)[:, None] * up)
  hoop = shapes.tube(path, 0.83 * out - 0.55 * front, 0.012, 0.012, sections)[1:-1]
  return {
    'stud': absent_unless(jewelry.stud, Piece(stud, jnp.ones(stud.shape[:2]))),
    'hoop': absent_unless(jewelry.hoop, Piece(hoop, jnp.ones(hoop.shape[:2]))),
  }


def _shape(name: str) -> tuple[int, int]:
  return parts.GRIDS[name].rows, parts.GRIDS[name].columns
