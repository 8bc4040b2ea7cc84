"""Clothes and collars over a body."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.synthetic.human import mesh, rig
from seetalk_jax.synthetic.human.outfit import garments, parts, styles, surface

# Step by step, every operation is compiled on its own.
_garment = jax.jit(garments.grid_of_garment, static_argnums=2)
_collar, _tie = jax.jit(garments.grid_of_collar), jax.jit(garments.grid_of_tie)


def _floats(values):
  return jax.tree.map(lambda value: jnp.asarray(value, jnp.float32), values)


@pytest.fixture(scope='module')
def body():
  fine = rig.fine_head().mesh
  normals = mesh.vertex_normals(fine.vertices, fine.triangles)
  return jax.jit(surface.body)(jnp.asarray(fine.vertices), jnp.asarray(normals), rig.topology().turning)


def _normals(points):
  return np.cross(np.diff(points, axis=0)[:, :-1], np.diff(points, axis=1)[:-1])


def test_necklines_are_as_deep_as_they_say():
  crew, vee = (_floats(styles.garment(**changes)) for changes in ({}, {'front': 0.8, 'vee': 1}))
  at = jnp.asarray([0.0, 2.0])
  np.testing.assert_allclose(garments.neckline(vee, at) - garments.neckline(crew, at), [0.8, 0], atol=1e-5)


def test_garments_face_outwards_and_reach_below_the_picture(body):
  garment = _floats(styles.garment(folds=0.0))
  piece = _garment(garment, body, parts.GRIDS['main'].rows)
  points = np.asarray(piece.points)
  normals = _normals(points)[1:10]
  outwards = points[1:10, :-1] - np.asarray([0, 4.9, 0.2])
  assert ((normals * outwards).sum(-1) > 0).mean() > 0.99
  assert points[-1, :, 1].max() < 4.6
  assert (np.asarray(piece.turning) <= 1).all()


def test_an_absent_garment_is_one_point(body):
  piece = _garment(_floats(styles.garment(present=0)), body, parts.GRIDS['main'].rows)
  np.testing.assert_array_equal(np.asarray(piece.points) - np.asarray(garments.NOWHERE, np.float32), 0)


def test_a_standing_collar_rises_around_the_neck(body):
  collar = _floats(styles.collar(stand=0.5, stand_front=0.4, rest=0, leaf=0, leaf_front=0))
  points = np.asarray(_collar(collar, _floats(styles.garment()), body).points)
  top, base = points[2], points[0]
  assert (top[:, 1] - base[:, 1] > 0.2).all()
  assert np.hypot(top[:, 0], top[:, 2] - 0.3).max() < 0.75


def test_lapels_lie_over_the_jacket(body):
  jacket = _floats(styles.garment(front=1.2, vee=1, width=0.6, offset=0.17, folds=0.0))
  collar = _floats(styles.collar(stand=0.2, stand_front=0, leaf_front=0.4, taper=0.6))
  points = np.asarray(_collar(collar, jacket, body).points)
  cloth = np.asarray(_garment(jacket, body, 21).points)[1:].reshape(-1, 3)
  lying = points[6:9, 2:10].reshape(-1, 3)
  nearest = np.linalg.norm(lying[:, None] - cloth[None], axis=-1).argmin(1)
  assert (lying[:, 2] > cloth[nearest][:, 2] - 0.1).all()


def test_a_tie_hangs_in_front_of_the_shirt(body):
  shirt = _floats(styles.garment(offset=0.05, folds=0.0))
  points = np.asarray(_tie(_floats(garments.Tie(1, 0.13)), shirt, body).points)
  middle = points[:, points.shape[1] // 2]
  assert np.abs(middle[:, 0]).max() < 0.02
  assert (np.diff(middle[:, 1]) < 0.02).all() and middle[0, 1] - middle[-1, 1] > 1.0


def test_a_garment_below_another_ends_below_its_neckline(body):
  main = _floats(styles.garment(front=0.8, vee=1, folds=0.0))
  inner = _floats(styles.garment(offset=0.04, folds=0.0))
  outer, under = jax.jit(garments.grids_of_garments)(main, inner, body)
  for name, piece in (('main', outer), ('inner', under)):
    assert piece.points.shape == (parts.GRIDS[name].rows, parts.GRIDS[name].columns, 3)
    assert piece.turning.shape == piece.points.shape[:2]
  rows = parts.GRIDS['main'].rows
  np.testing.assert_allclose(outer.points, _garment(main, body, rows).points, atol=1e-5)
  own = _garment(inner, body, rows)
  np.testing.assert_allclose(under.points[:2], own.points[:2], atol=1e-5)  # the same neckline
  middle = np.abs(np.asarray(outer.points)[1, :, 0]).argmin()
  front = parts.GRIDS['main'].columns // 2
  assert abs(front - middle) <= 1
  # In front it reaches below the neckline of the outer one, and from there hangs down.
  assert under.points[-2, front, 1] < outer.points[1, front, 1] - 0.2
  np.testing.assert_allclose(under.points[-1, front, 1], under.points[-2, front, 1] - 0.9, atol=1e-5)
