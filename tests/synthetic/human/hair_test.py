"""Hair: strands stay outside of head, neck and shoulders, and styles do what their parameters say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.spatial
from plain_hair import PLAIN

from seetalk_jax.synthetic.human import collision, hair, hair_roots, rig
from seetalk_jax.synthetic.human import mesh as meshes


@pytest.fixture(scope='module')
def grow():
  vertices = jnp.asarray(rig.fine_head().mesh.vertices)
  normals = rig.vertex_normals(vertices, rig.topology().triangles)
  body, grown = jax.jit(collision.body)(vertices), jax.jit(hair.grow)

  def one(**values):
    style = jax.tree.map(jnp.float32, PLAIN._replace(**values))
    return jax.tree.map(np.asarray, grown(vertices, normals, body, style, hair_roots.roots()))

  return one


def growing(points):
  """The strands that are there."""
  return points[np.ptp(points, axis=1).max(-1) > 0]


def depth_in_skin(points):
  """How far points lie below the nearest vertex of the skin, along its normal."""
  fine = rig.fine_head().mesh
  skin = (
    (fine.parts == meshes.MeshPart.SKIN) & (fine.masks['mouth_inside'] < 0.1) & (fine.masks['ears'] < 0.1)
  )
  normals = meshes.vertex_normals(fine.vertices, fine.triangles)[skin]
  _, nearest = scipy.spatial.cKDTree(fine.vertices[skin]).query(points)
  return -((points - fine.vertices[skin][nearest]) * normals[nearest]).sum(-1)


@pytest.mark.parametrize(
  'style',
  [
    dict(length=0.3),
    dict(length=3.0, outward=1.0, stiffness=0.1, front=0.5),
    dict(length=1.0, tied=1.0, tie=0.4, tail=2.0),
  ],
)
def test_hair_stays_out_of_head_neck_and_shoulders(grow, style):
  points = growing(grow(**style).points)
  assert len(points) > 0.9 * hair_roots.NUM_STRANDS
  flat = points[::4].reshape(-1, 3)
  flat = flat[flat[:, 1] > 4.6]  # the mesh ends at 4.4
  depth = depth_in_skin(flat)
  assert (depth > 0.03).mean() < 0.002
  # No strand is thrown aside by the collision.
  step = np.linalg.norm(np.diff(points, axis=1), axis=-1)
  assert np.quantile(step, 0.999) < 3 * step.mean()


def test_long_hair_leaves_the_face_and_throat_free(grow):
  points = growing(grow(length=3.0, outward=1.0, stiffness=0.1, front=0.5, clumping=0.5, open=0.8).points)
  x, y, z = np.moveaxis(points, -1, 0)
  on_face = (np.abs(x) < 0.42) & (z > 0.6) & (y < 7.5) & (y > 5.9)
  assert on_face.any(1).mean() < 0.001
  # It hangs: ends lie far below the roots, close to the body.
  assert np.median(points[:, 0, 1] - points[:, -1, 1]) > 1.5
  assert np.quantile(np.hypot(x, z - 0.3)[y > 6.0], 0.99) < 1.6


def test_short_hair_stays_at_its_roots_and_off_the_ears(grow):
  points = growing(grow(length=0.3).points)
  assert np.linalg.norm(points[:, -1] - points[:, 0], axis=-1).max() < 0.4
  fine = rig.fine_head().mesh
  ears = fine.vertices[fine.masks['ears'] > 0.5]
  distance, _ = scipy.spatial.cKDTree(ears).query(points[:, 0])
  assert distance.min() > 0.01


def test_tied_hair_runs_through_the_knot(grow):
  points = growing(grow(length=1.0, tied=1.0, tie=0.3, tail=1.5).points)
  behind = points[points[:, 0, 1] > 7.5]
  knot = np.asarray([0, 7.7, -0.5])
  nearest = np.linalg.norm(behind - knot, axis=-1).min(1)
  assert np.quantile(nearest, 0.95) < 0.45
  assert np.median(behind[:, -1, 2]) < 0 and np.median(behind[:, -1, 1]) < 7.0


def test_density_zero_is_bald_and_afros_are_round(grow):
  assert len(growing(grow(length=0.3, density=0.0).points)) == 0
  points = growing(grow(length=0.5, round=1.0, lift=1.0, stiffness=1.0, whorl=0.0).points)
  ends = points[points[:, 0, 1] > 7.6][:, -1] - np.asarray([0, 7.6, 0.3])
  radius = np.linalg.norm(ends, axis=-1)
  assert 1.1 < np.median(radius) < 1.5 and radius.std() < 0.12


def test_fewer_pieces_are_in_sight_from_the_front_and_those_face_the_camera(grow):
  grown = grow(length=3.0, outward=1.0, stiffness=0.1)
  drawn = np.asarray(hair.in_sight(grown.points, grown.normals, grown.depth, jnp.asarray([0.0, 7.0, 13.0])))
  assert drawn.shape == (hair_roots.NUM_STRANDS, hair.NUM_POINTS - 1)
  assert 0.05 < drawn.mean() < 0.5
  middle = grown.points[:, 1:][drawn]
  assert (middle[:, 2][middle[:, 1] > 7.1] > -0.1).mean() > 0.99


def test_hair_before_the_ears_stays_short_and_flat_when_the_rest_is_tied(grow):
  """Long loose hair is moved off the face; short hair among it was moved over the ears."""
  grown = grow(length=1.5, side=0.8, tied=1.0, tie=1.0, tail=1.5, open=0.8, volume=0.03).points
  place = np.asarray(hair_roots.roots().place)
  before = (place[:, 2] > 0.4) & (place[:, 1] < 7.4)
  assert before.sum() > 100
  assert np.linalg.norm(grown[before][:, -1] - grown[before][:, 0], axis=-1).max() < 0.12


def test_a_parting_is_a_line_and_not_a_gap(grow):
  """Without strands that cross it, a wedge of bare scalp was seen above the forehead."""
  points = growing(grow(length=1.0, outward=1.2, lift=0.3, volume=0.08, whorl=0.3, open=0.62).points)
  root = points[:, 0]
  near = (np.abs(root[:, 0]) < 0.04) & (root[:, 2] > 0.6)
  crossed = root[near][:, 0] * points[near][:, 3, 0] < 0
  assert near.sum() > 50 and 0.1 < crossed.mean() < 0.5


def test_a_swept_fringe_crosses_the_middle(grow):
  """Hair that crossed the middle was moved back to it: hair on one side of a line, a bare wedge on the other."""
  values = dict(length=0.7, side=0.5, sweep=-0.9, lift=0.3, volume=0.08, fringe=1.0, fringe_length=0.5)
  points = growing(grow(**values).points)
  root = points[:, 0]
  left = (root[:, 0] > 0.03) & (root[:, 0] < 0.2) & (root[:, 2] > 1.0)
  assert left.sum() > 100 and (points[left][:, -1, 0] < -0.03).mean() > 0.5
  assert (np.abs(points[root[:, 2] > 1.0][:, 4:, 0]) < 0.003).mean() < 0.03


def test_hair_beside_a_parting_starts_there(grow):
  """It was moved to the middle of the head at once."""
  points = growing(grow(length=0.7, side=0.5, lift=0.3, volume=0.08, parting=0.3, outward=1.1).points)
  root = points[:, 0]
  beside = (root[:, 0] > 0.15) & (root[:, 0] < 0.28) & (root[:, 2] > 0.8)
  assert beside.sum() > 100 and (points[beside][:, 2, 0] > 0.03).mean() > 0.8


_LONG = dict(length=3.0, outward=1.0, stiffness=0.1, open=0.8, volume=0.12, whorl=0.5)


def test_long_hair_beside_the_face_stays_close_to_the_head(grow):
  """Hair that was moved aside stayed as far to the front: it stood off the temples like wings."""
  x, y, z = growing(grow(**_LONG).points).reshape(-1, 3).T
  beside = (y > 7.2) & (y < 7.8) & (z > 0.4)
  assert np.quantile(np.hypot(x / 0.75, (z - 0.3) / 1.1)[beside], 0.99) < 1.4


def test_strands_are_not_cut_into_dashes(grow):
  grown = grow(**_LONG)
  drawn = np.asarray(hair.in_sight(grown.points, grown.normals, grown.depth, jnp.asarray([0.0, 7.0, 13.0])))
  alone = drawn[:, 1:-1] & ~drawn[:, :-2] & ~drawn[:, 2:]
  assert alone.sum() < 0.01 * drawn.sum()


def test_hair_over_the_hairline_is_drawn_as_strands(grow):
  """Most of it lay below few outer strands and was left out: a painted band was seen above the forehead."""
  grown = grow(**_LONG)
  drawn = np.asarray(hair.in_sight(grown.points, grown.normals, grown.depth, jnp.asarray([0.0, 7.0, 13.0])))
  place = np.asarray(hair_roots.roots().place)
  front = (place[:, 2] > 1.0) & (np.abs(place[:, 0]) < 0.4)
  assert drawn[front, 1:4].mean() > 0.75


def test_afros_are_dense_against_the_background(grow):
  """Most pieces beside the head were left out as hidden ones: the background was seen through the hair."""
  grown = grow(length=0.2, round=1.0, lift=1.0, stiffness=1.0, whorl=0.1, curl=0.045, waves=5.0, frizz=0.05)
  drawn = np.asarray(hair.in_sight(grown.points, grown.normals, grown.depth, jnp.asarray([0.0, 7.0, 13.0])))
  middle, normals = grown.points[:, 1:], np.asarray(grown.normals[:, 1:])
  beside = (np.abs(normals[..., 2]) < 0.25) & (np.asarray(middle[..., 1]) > 7.2)
  assert drawn[beside].mean() > 0.5, drawn[beside].mean()
