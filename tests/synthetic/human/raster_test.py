"""Rasterization: the nearest triangle or strand at every sample, against loops over all samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from seetalk_jax.synthetic.human import raster

SIDE = 40
# Compiled once for each shape: outside of jit, every call compiles its loop again.
triangles = jax.jit(raster.triangles, static_argnums=(3, 4))
strands = jax.jit(raster.strands, static_argnums=2)


def scene(seed, num=60, size=9.0):
  """Triangles of both windings, some beyond the picture's edge, some larger than half of it."""
  rng = np.random.default_rng(seed)
  centers = rng.uniform(-5, SIDE + 5, (num, 1, 2))
  sizes = size * rng.choice([0.2, 1.0, 3.0], (num, 1, 1))
  positions = (centers + sizes * rng.standard_normal((num, 3, 2))).reshape(-1, 2)
  depths = rng.uniform(0, 1, 3 * num)
  return (
    positions.astype(np.float32),
    depths.astype(np.float32),
    np.arange(3 * num, dtype=np.int32).reshape(-1, 3),
  )


def brute_force(positions, depths, corners):
  """Index and depth of the nearest front-facing triangle at every sample, in float64; -1 and 2 for none."""
  nearest, depth = np.full((SIDE, SIDE), -1), np.full((SIDE, SIDE), 2.0)
  columns, rows = np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5)
  for i, corner in enumerate(corners):
    (x0, y0), (x1, y1), (x2, y2) = positions[corner].astype(np.float64)
    area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
    if area >= 0:
      continue
    second = ((columns - x0) * (y2 - y0) - (rows - y0) * (x2 - x0)) / area
    third = ((x1 - x0) * (rows - y0) - (y1 - y0) * (columns - x0)) / area
    z = (1 - second - third) * depths[corner[0]] + second * depths[corner[1]] + third * depths[corner[2]]
    nearer = (second >= 0) & (third >= 0) & (second + third <= 1) & (z < depth)
    nearest, depth = np.where(nearer, i, nearest), np.where(nearer, z, depth)
  return nearest, depth


@pytest.mark.parametrize('seed', range(4))
def test_nearest_triangle_equals_brute_force(seed):
  positions, depths, corners = scene(seed)
  found = triangles(positions, depths, corners, SIDE)
  index, depth = brute_force(positions, depths, corners)
  assert 0.3 < (index >= 0).mean() < 1
  # Samples on an edge, and depths that differ by less than a step, may go either way.
  np.testing.assert_array_equal(np.where(found.covered, found.index, -1)[index < 0], -1)
  assert (np.where(found.covered, found.index, -1) == index).mean() > 0.998
  same = np.asarray(found.covered) & (found.index == index)
  np.testing.assert_allclose(np.asarray(found.depth)[same], depth[same], atol=1e-5)


def test_a_mesh_has_no_holes_and_no_double_edges():
  """Two triangles of each cell of a bent sheet cover every sample, whatever their size."""
  n = 24
  y, x = np.mgrid[: n + 1, : n + 1] / n * (SIDE + 4) - 2
  x = x + 0.5 * np.sin(y)
  vertex = np.arange((n + 1) ** 2).reshape(n + 1, n + 1)
  a, b, c, d = vertex[:-1, :-1], vertex[:-1, 1:], vertex[1:, 1:], vertex[1:, :-1]
  corners = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([a, d, c], -1).reshape(-1, 3)])
  positions = np.stack([x, y], -1).reshape(-1, 2).astype(np.float32)
  found = triangles(positions, np.full(len(positions), 0.5, np.float32), corners.astype(np.int32), SIDE)
  assert np.asarray(found.covered).all()
  weights = raster.barycentric(found, positions, corners)
  assert -1e-3 < np.asarray(weights).min() and np.asarray(weights).max() < 1.001
  rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
  place = raster.interpolate(jnp.asarray(positions), found, weights, corners)
  np.testing.assert_allclose(place, np.stack([columns, rows]), atol=1e-3)


def test_the_order_of_triangles_does_not_matter():
  positions, depths, corners = scene(7)
  order = np.random.default_rng(0).permutation(len(corners))
  one = triangles(positions, depths, corners, SIDE)
  other = triangles(positions, depths, corners[order], SIDE)
  np.testing.assert_array_equal(one.depth, other.depth)
  assert (np.asarray(one.index) == order[np.asarray(other.index)])[np.asarray(one.covered)].mean() > 0.999


def test_pictures_of_a_batch_equal_single_ones():
  scenes = [scene(seed) for seed in range(3)]
  positions, depths = (np.stack([s[i] for s in scenes]) for i in range(2))
  together = jax.vmap(lambda p, z: triangles(p, z, scenes[0][2], SIDE))(positions, depths)
  for i, (position, depth, corners) in enumerate(scenes):
    alone = triangles(position, depth, corners, SIDE)
    jax.tree.map(lambda a, b, i=i: np.testing.assert_array_equal(a[i], b), together, alone)


def test_interpolated_values_have_gradients_in_positions_and_values():
  positions, depths, corners = scene(3, num=8)
  found = triangles(positions, depths, corners, SIDE)
  values = np.random.default_rng(0).standard_normal((len(positions), 2)).astype(np.float32)

  def total(positions, values):
    weights = raster.barycentric(found, positions, corners)
    return jnp.where(found.covered, raster.interpolate(values, found, weights, corners), 0).sum()

  check_grads(total, (positions, values), order=1, modes=['rev'], atol=0.1, rtol=0.05, eps=1e-2)


def test_pixels_of_samples_hold_the_same_as_a_picture_of_samples():
  positions, depths, corners = scene(5)
  whole, pixels = triangles(positions, depths, corners, SIDE), triangles(positions, depths, corners, SIDE, 2)
  weights = [np.asarray(raster.barycentric(found, positions, corners)) for found in (whole, pixels)]
  for place in range(4):
    part = slice(place // 2, None, 2), slice(place % 2, None, 2)
    for one, other in zip(whole, pixels, strict=True):
      np.testing.assert_array_equal(np.asarray(one)[part], other[place])
    np.testing.assert_array_equal(weights[0][:, *part], weights[1][:, place])


def test_strands_cover_the_samples_of_their_lines():
  straight = np.array([[[2, 3.5], [20, 3.5]], [[5.5, 30], [5.5, 10]]], np.float32)
  found = strands(straight, np.full((2, 2), 0.5, np.float32), SIDE)
  expected = np.zeros((SIDE, SIDE), bool)
  expected[3, 2:20], expected[10:30, 5] = True, True
  np.testing.assert_array_equal(found.covered, expected)
  assert set(np.asarray(found.index)[np.asarray(found.covered)]) == {0, 1}


def test_pieces_that_are_not_drawn_cover_nothing():
  bent = np.array([[[2, 3.5], [20, 3.5], [20, 30]]], np.float32)
  found = strands(bent, np.full((1, 3), 0.5, np.float32), SIDE, jnp.asarray([[False, True]]))
  assert set(np.asarray(found.index)[np.asarray(found.covered)]) == {1}
  assert not np.asarray(found.covered)[3, 2:20].any()


def test_strands_have_no_gaps_and_the_nearest_lies_in_front():
  rng = np.random.default_rng(1)
  points = np.cumsum(rng.uniform(-4, 4, (30, 12, 2)), axis=1) + SIDE / 2
  depths = np.broadcast_to(rng.permutation(30)[:, None] / 30, (30, 12))
  found = strands(points.astype(np.float32), depths.astype(np.float32), SIDE)
  alone = [
    strands(points[i : i + 1].astype(np.float32), depths[i : i + 1].astype(np.float32), SIDE)
    for i in range(30)
  ]
  stack = np.stack([one.depth for one in alone])
  np.testing.assert_allclose(found.depth, stack.min(0), atol=1e-4)
  strand = np.asarray(found.index) // 11
  np.testing.assert_array_equal(strand[np.asarray(found.covered)], stack.argmin(0)[np.asarray(found.covered)])
  for one in alone:  # neighboring samples of a line touch
    rows, columns = np.nonzero(np.asarray(one.covered))
    for row, column in zip(rows, columns, strict=True):
      near = (np.abs(rows - row) <= 1) & (np.abs(columns - column) <= 1)
      assert near.sum() >= 2 or len(rows) == 1


def test_nothing_in_the_picture():
  outside = np.array([[-9, -9], [-5, -9], [-9, -5]], np.float32)
  found = triangles(outside, np.zeros(3, np.float32), np.array([[0, 1, 2], [0, 2, 1]]), SIDE)
  assert not np.asarray(found.covered).any() and (np.asarray(found.depth) == 2).all()
