"""Layout of the outfit's mesh and texture."""

import numpy as np

from seetalk_jax.synthetic.human.outfit import parts


def test_triangles_stay_in_budget_and_use_every_vertex():
  triangles, count = parts.triangles(), sum(grid.size for grid in parts.GRIDS.values())
  assert len(triangles) <= 12_000
  np.testing.assert_array_equal(np.unique(triangles), np.arange(count))
  assert len(parts.labels()) == len(triangles)
  assert parts.texture_coordinates().shape == (count, 2)


def test_labels_follow_the_grids():
  lens = np.zeros(sum(grid.size for grid in parts.GRIDS.values()), bool)
  lens[parts.place_of('left_lens')] = lens[parts.place_of('right_lens')] = True
  np.testing.assert_array_equal(lens[parts.triangles()].all(1), parts.labels() == parts.Label.LENS)


def test_fields_lie_in_the_texture_without_overlap():
  used = np.zeros((parts.TEXTURE_HEIGHT, parts.TEXTURE_WIDTH), int)
  for left, top, width, height in {grid.field for grid in parts.GRIDS.values()}:
    assert (
      left >= 0 and top >= 0 and left + width <= parts.TEXTURE_WIDTH and top + height <= parts.TEXTURE_HEIGHT
    )
    used[top : top + height, left : left + width] += 1
  assert used.max() == 1


def test_spreading_returns_the_values_of_the_vertices_at_their_texels():
  grid = parts.GRIDS['collar']
  left, top, _, _ = grid.field
  for axis, matrix in enumerate(parts.spreading(grid)):
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-5)
    texels = parts.texture_coordinates()[parts.place_of('collar')].reshape(grid.rows, grid.columns, 2)
    along = texels[:, 0, 1] - top if axis == 0 else texels[0, :, 0] - left
    np.testing.assert_allclose(
      matrix @ along, np.clip(np.arange(len(matrix)) + 0.5, 1, len(matrix) - 1), atol=1e-3
    )
