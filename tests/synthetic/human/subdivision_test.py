"""Loop subdivision: planes stay flat, affine functions stay exact, borders, parts, and closed partial subdivision."""

import numpy as np
import pytest

from seetalk_jax.synthetic.human import mesh, subdivision

HEAD = mesh.load()
FACE = HEAD.masks['face'][HEAD.triangles].max(1) > 0.5
FINE = subdivision.subdivide(HEAD)


def toy(vertices, triangles, **fields) -> mesh.Mesh:
  """A mesh without masks; its texture coordinates are its vertices' x and y."""
  vertices, triangles = np.array(vertices, np.float32), np.array(triangles, np.int32)
  defaults = {
    'parts': np.zeros(len(vertices), np.uint8),
    'masks': {},
    'uv': vertices[:, :2].copy(),
    'uv_triangles': triangles,
    'mirror': np.arange(len(vertices)),
  }
  return mesh.Mesh(vertices=vertices, triangles=triangles, **{**defaults, **fields})


def grid(side: int = 5) -> mesh.Mesh:
  """A flat square of side x side vertices at z = 2, with uneven distances between columns."""
  columns = np.array([0, 1, 2.5, 3, 5, 6.1, 7])[:side]
  vertices = [(x, y, 2) for y in range(side) for x in columns]
  corners = [y * side + x for y in range(side - 1) for x in range(side - 1)]
  triangles = [t for k in corners for t in ((k, k + 1, k + side + 1), (k, k + side + 1, k + side))]
  return toy(vertices, triangles)


def tetrahedron() -> mesh.Mesh:
  return toy([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], [(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)])


def edge_counts(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  sides = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1)
  return np.unique(sides, axis=0, return_counts=True)


def test_plane_stays_flat_with_its_orientation_and_border():
  plane = grid()
  fine = subdivision.subdivide(plane).mesh
  assert len(fine.triangles) == 4 * len(plane.triangles)
  np.testing.assert_allclose(fine.vertices[:, 2], 2, atol=1e-6)
  assert (mesh.triangle_normals(fine.vertices, fine.triangles)[:, 2] > 0).all()
  straight = (plane.vertices[:, 1] == 0) & (plane.vertices[:, 0] % 5 > 0)  # below, without the corners
  assert straight.sum() == 3 and not fine.vertices[: len(plane.vertices)][straight, 1].any()


def test_affine_functions_are_exact_where_the_mesh_is_regular():
  # Even columns: every inner vertex is the mean of its six neighbors.
  plane = grid(7)
  plane = toy(plane.vertices * (0, 1, 1) + np.tile(np.arange(7), 7)[:, None] * (1.5, 0, 0), plane.triangles)
  fine = subdivision.subdivide(plane)
  affine = plane.vertices @ (0.3, -1.7, 0.9) + 4
  inner = ((plane.vertices[:, :2] > 0) & (plane.vertices[:, :2] < (9, 6))).all(1)
  np.testing.assert_allclose((fine.matrix @ affine)[: len(affine)][inner], affine[inner], atol=1e-5)
  np.testing.assert_allclose(fine.matrix @ affine, fine.mesh.vertices @ (0.3, -1.7, 0.9) + 4, atol=1e-5)


def test_weights_of_vertices_and_edges_in_and_on_the_border():
  closed = subdivision.subdivide(tetrahedron()).matrix.toarray()
  np.testing.assert_allclose(closed[0], [7 / 16, 3 / 16, 3 / 16, 3 / 16])  # three neighbors
  np.testing.assert_allclose(np.sort(closed[4:], 1), np.tile([1 / 8, 1 / 8, 3 / 8, 3 / 8], (6, 1)))
  opened = subdivision.subdivide(toy(tetrahedron().vertices, tetrahedron().triangles[:1])).matrix.toarray()
  np.testing.assert_allclose(opened[0], [3 / 4, 1 / 8, 1 / 8, 0])
  np.testing.assert_allclose(np.sort(opened[4:], 1), np.tile([0, 0, 1 / 2, 1 / 2], (3, 1)))
  np.testing.assert_array_equal(opened[3], [0, 0, 0, 1])  # a vertex without triangles stays


def test_vertex_where_two_borders_meet_stays():
  two = toy([(0, 0, 0), (1, 0, 0), (1, 1, 0), (-1, 0, 0), (-1, -1, 0)], [(0, 1, 2), (0, 3, 4)])
  np.testing.assert_array_equal(subdivision.subdivide(two).mesh.vertices[0], [0, 0, 0])


def test_head_has_four_times_the_triangles_and_no_new_border():
  assert len(FINE.mesh.triangles) == 4 * len(HEAD.triangles) == pytest.approx(45_000, rel=0.02)
  assert len(FINE.mesh.vertices) == pytest.approx(23_000, rel=0.02)
  np.testing.assert_array_equal(FINE.parents, np.repeat(np.arange(len(HEAD.triangles)), 4))
  coarse, fine = edge_counts(HEAD.triangles)[1], edge_counts(FINE.mesh.triangles)[1]
  assert fine.max() == 2 and (fine == 1).sum() == 2 * (coarse == 1).sum()
  np.testing.assert_allclose(FINE.matrix.sum(1), 1, atol=1e-6)
  assert FINE.matrix.data.min() > 0


def test_parts_masks_and_mirror_of_the_finer_head():
  fine = FINE.mesh
  assert (fine.parts[fine.triangles] == fine.parts[fine.triangles][:, :1]).all()
  np.testing.assert_array_equal(fine.triangle_parts, HEAD.triangle_parts[FINE.parents])
  # No vertex takes from another part.
  rows, columns = FINE.matrix.nonzero()
  np.testing.assert_array_equal(fine.parts[rows], HEAD.parts[columns])
  np.testing.assert_allclose(fine.vertices[fine.mirror], fine.vertices * (-1, 1, 1), atol=1e-5)
  for mask in fine.masks.values():
    assert 0 <= mask.min() and mask.max() <= 1


def test_texture_coordinates_are_split_at_the_middle_of_their_edges():
  def areas(it):
    a, b, c = (it.uv[it.uv_triangles[:, k]].astype(np.float64) for k in range(3))
    return ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2

  part = subdivision.subdivide(HEAD, FACE)
  np.testing.assert_allclose(areas(FINE.mesh), np.repeat(areas(HEAD) / 4, 4), atol=1e-7)
  np.testing.assert_allclose(np.bincount(part.parents, areas(part.mesh)), areas(HEAD), atol=1e-7)
  # Corners of the mesh and of the texture are the same corners.
  for fine in (FINE, part):
    ours = fine.mesh.triangles < len(HEAD.vertices)
    np.testing.assert_array_equal(ours, fine.mesh.uv_triangles < len(HEAD.uv))


def test_subdivided_face_joins_the_coarse_rest():
  part = subdivision.subdivide(HEAD, FACE)
  assert len(HEAD.triangles) < len(part.mesh.triangles) < 0.7 * len(FINE.mesh.triangles)
  count = np.bincount(part.parents)
  assert (count[FACE] == 4).all() and set(count[~FACE]) >= {1, 2}
  coarse, fine = edge_counts(HEAD.triangles)[1], edge_counts(part.mesh.triangles)[1]
  assert fine.max() == 2 and (fine == 1).sum() == (coarse == 1).sum()
  far = np.setdiff1d(HEAD.triangles[~FACE], HEAD.triangles[FACE])
  np.testing.assert_allclose(part.mesh.vertices[far], HEAD.vertices[far], atol=1e-6)
  inner = np.setdiff1d(HEAD.triangles[FACE], HEAD.triangles[~FACE])
  np.testing.assert_allclose(part.mesh.vertices[inner], FINE.mesh.vertices[inner], atol=1e-6)
  # Triangles keep their direction: none is turned over by the pieces at the border.
  normals = mesh.triangle_normals(part.mesh.vertices, part.mesh.triangles)
  parents = mesh.triangle_normals(HEAD.vertices, HEAD.triangles)[part.parents]
  unsplit = ~FACE[part.parents]
  assert ((normals * parents).sum(1)[unsplit] > 0).mean() > 0.999


@pytest.mark.parametrize('chosen', [[0], [0, 1], [0, 1, 2]])
def test_flat_mesh_keeps_its_area_when_some_triangles_are_split(chosen):
  plane = grid()
  where = np.zeros(len(plane.triangles), bool)
  where[[9 + 2 * k for k in chosen]] = True
  part = subdivision.subdivide(plane, where)
  areas = mesh.triangle_areas(part.mesh.vertices, part.mesh.triangles)
  assert areas.sum() == pytest.approx(mesh.triangle_areas(plane.vertices, plane.triangles).sum(), rel=1e-6)
  assert (mesh.triangle_normals(part.mesh.vertices, part.mesh.triangles)[:, 2] > 0).all()


def test_one_sided_choice_is_extended_to_its_mirror_image():
  left = FACE & (HEAD.vertices[HEAD.triangles][:, :, 0].min(1) > 0.1)
  part = subdivision.subdivide(HEAD, left).mesh
  np.testing.assert_array_equal(part.mirror[part.mirror], np.arange(len(part.mirror)))
  np.testing.assert_allclose(part.vertices[part.mirror], part.vertices * (-1, 1, 1), atol=1e-5)


def test_values_with_leading_axes():
  fine = FINE.apply(HEAD.units[:3])
  assert fine.shape == (3, len(FINE.mesh.vertices), 3) and fine.dtype == np.float32
  np.testing.assert_allclose(fine[1], FINE.matrix @ HEAD.units[1], atol=1e-6)
  moved = FINE.matrix @ (HEAD.vertices + HEAD.units[1])
  np.testing.assert_allclose(FINE.mesh.vertices + fine[1], moved, atol=1e-5)


def test_bad_arguments():
  with pytest.raises(ValueError, match='where has shape'):
    subdivision.subdivide(HEAD, np.ones(3, bool))
  fan = toy(np.eye(5, 3), [(0, 1, 2), (1, 0, 3), (0, 1, 4)])
  with pytest.raises(ValueError, match='an edge has 3 triangles'):
    subdivision.subdivide(fan)
  with pytest.raises(ValueError, match='no mirror image'):
    subdivision.subdivide(toy(np.eye(4, 3), [(0, 1, 2)], mirror=np.array([0, 1, 3, 2])))
