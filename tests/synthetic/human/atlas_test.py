"""Texture atlas: places of triangles and texels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.synthetic.human import atlas, rig
from seetalk_jax.synthetic.human.mesh import MeshPart


@pytest.fixture(scope='module')
def found():
  # The first call may come while a function is traced.
  jax.make_jaxpr(lambda: atlas.atlas().used.sum())()
  return atlas.atlas()


def test_texels_lead_back_to_the_places_of_their_triangles(found):
  """The middle of a triangle of the front, and the place in its texel."""
  fine = rig.fine_head().mesh
  middle = fine.vertices[fine.triangles].mean(1)
  inside = fine.masks['mouth_inside'][fine.triangles].mean(1) > 0.2
  chosen = (fine.triangle_parts == MeshPart.SKIN) & (middle[:, 2] > 0.9) & (middle[:, 1] > 6.3) & ~inside
  chosen &= fine.masks['ears'][fine.triangles].max(1) == 0
  chosen &= (fine.masks['face'][fine.triangles].min(1) > 0.5) | (middle[:, 1] > 7.6)  # not the eye sockets
  x, y = np.asarray(found.corners).mean(1)[:, chosen]
  texel = atlas.nearest_texel(found.place, jnp.asarray(x), jnp.asarray(y))
  places = found.place.reshape(3, -1)[:, texel].T
  distance = np.linalg.norm(places - middle[chosen], axis=1)
  assert chosen.sum() > 5000 and np.quantile(distance, 0.85) < 0.01


def test_the_face_has_a_quarter_of_a_millimeter_per_texel(found):
  fine = rig.fine_head().mesh
  face = (fine.masks['face'][fine.triangles].min(1) > 0.5) & (
    fine.vertices[fine.triangles].mean(1)[:, 2] > 1.0
  )
  x, y = np.asarray(found.corners)[:, :, face]
  area = np.abs((x[1] - x[0]) * (y[2] - y[0]) - (y[1] - y[0]) * (x[2] - x[0])) / 2
  a, b, c = np.moveaxis(fine.vertices[fine.triangles[face]], 1, 0)
  space = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
  assert 180 < np.sqrt(np.median(area / space)) < 500  # texels per decimeter


@pytest.mark.parametrize('part', [part for part in MeshPart if part != MeshPart.SKIN])
def test_parts_lie_in_their_own_fields(found, part):
  rows, columns = atlas.field(part)
  parts = np.asarray(found.part)
  assert (parts == part).sum() > 500
  outside = parts.copy()
  outside[rows, columns] = MeshPart.SKIN
  assert not (outside == part).any()


def test_gaps_are_filled_from_their_neighbors():
  texture = jnp.zeros((1, 8, 8)).at[0, 3, 3].set(5.0)
  used = np.zeros((8, 8), bool)
  used[3, 3] = True
  filled = np.asarray(atlas.fill_gaps(texture, atlas.gaps(used, steps=2)))[0]
  assert (filled[3, 1:6] == 5).all() and filled[2, 2] == 5 and filled[0, 0] == 0


def test_a_gap_takes_the_mean_of_its_known_neighbors_also_over_the_edge():
  rng = np.random.default_rng(0)
  texture, used = rng.random((2, 6, 7)).astype(np.float32), rng.random((6, 7)) < 0.4
  filled = np.asarray(atlas.fill_gaps(jnp.asarray(texture), atlas.gaps(used, steps=1)))
  np.testing.assert_array_equal(filled[:, used], texture[:, used])
  for row, column in np.argwhere(~used):
    around = [((row + i) % 6, (column + j) % 7) for i, j in ((0, 1), (0, -1), (1, 0), (-1, 0))]
    known = [texture[:, i, j] for i, j in around if used[i, j]]
    wanted = np.mean(known, 0) if known else texture[:, row, column]
    np.testing.assert_allclose(filled[:, row, column], wanted, rtol=1e-5)


def test_slopes_give_the_gradient_of_a_height_in_space(found):
  height = 0.3 * found.place[0] - 0.2 * found.place[1] + 0.5 * found.place[2]
  across, down = (atlas.central_difference(height, axis) for axis in (-1, -2))
  gradient = np.asarray(across * found.slopes[0] + down * found.slopes[1])
  normal = np.asarray(found.normal)
  direction = np.float32([0.3, -0.2, 0.5])[:, None, None]
  wanted = direction - (direction * normal).sum(0) * normal
  regular = np.asarray(found.slopes).any((0, 1)) & (np.asarray(found.masks['face']) > 0.9)
  assert regular.mean() > 0.05
  assert np.quantile(np.abs(gradient - wanted).max(0)[regular], 0.95) < 0.05


def test_the_nearest_texel_of_a_place():
  texture = jnp.arange(16.0).reshape(1, 4, 4)
  x, y = jnp.asarray([0.5, 1.0, 2.25]), jnp.asarray([0.5, 2.0, 3.0])
  np.testing.assert_array_equal(atlas.nearest_texel(texture, x, y), [0, 4 * 2 + 1, 4 * 3 + 2])
