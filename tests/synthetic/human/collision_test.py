"""Collision maps of head and shoulders: blurred and filled as loops over all cells do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.synthetic.human import collision, mesh

SIDE = 16


def values():
  return np.random.default_rng(0).uniform(0.5, 1.5, (SIDE, SIDE)).astype(np.float32)


@pytest.mark.parametrize('axis, width', [(0, 5), (1, 3)])
def test_blurring_takes_the_mean_of_neighbors_around_the_axis(axis, width):
  found = jax.jit(collision._blurred, static_argnums=(1, 2))(jnp.asarray(values()), axis, width)
  wanted = np.mean([np.roll(values(), shift, axis) for shift in range(-(width // 2), width // 2 + 1)], 0)
  np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_cells_without_skin_take_the_mean_of_their_neighbors_also_over_the_back():
  radii = values()
  radii[4:8, 1:4] = np.nan  # a gap of 4 x 3 cells
  radii[10, 0] = np.nan  # at the edge of the map, whose columns are periodic
  filled = np.asarray(jax.jit(collision._filled, static_argnums=1)(jnp.asarray(radii), 3))
  known = ~np.isnan(radii)
  np.testing.assert_array_equal(filled[known], radii[known])
  assert np.isfinite(filled).all()
  np.testing.assert_allclose(filled[4, 1], np.mean([radii[3, 1], radii[4, 0]]), rtol=1e-6)
  around = radii[10, 1], radii[10, -1], radii[9, 0], radii[11, 0]
  np.testing.assert_allclose(filled[10, 0], np.mean(around), rtol=1e-6)


def test_cells_that_nothing_reaches_have_half_a_decimeter():
  filled = collision._filled(jnp.full((SIDE, SIDE), jnp.nan), 2)
  np.testing.assert_array_equal(filled, 0.5)


def test_the_map_of_the_skin_has_no_gap_at_the_back():
  smooth, _, _ = collision._triangles()
  vertices = jnp.asarray(mesh.load().vertices)
  (skin,) = collision._drawn([collision._around(vertices, smooth)])
  found = np.where(skin.covered, (1 - skin.depth) * collision._REACH, -1)[::-1]
  rows = slice(int((5.6 - collision._LOW) / (collision._HIGH - collision._LOW) * collision.SIDE), None)
  first, last = found[rows, :3], found[rows, -3:][:, ::-1]
  assert (first > 0).mean() > 0.95 and (last > 0).mean() > 0.95
  # The neutral head is the same on both sides.
  both = (first > 0) & (last > 0)
  np.testing.assert_allclose(first[both], last[both], atol=0.05)
