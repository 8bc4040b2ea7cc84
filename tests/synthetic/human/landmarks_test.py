"""Face landmarks: their places on the mesh, symmetry, what moves them, and measures that agree with `prepare`."""

import pathlib
import tomllib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax import blendshapes, errors
from seetalk_jax.media import landmark_indices as indices
from seetalk_jax.prepare import clips
from seetalk_jax.synthetic.human import landmark_file, landmarks, mesh, rig
from seetalk_jax.synthetic.human.mesh import MeshPart

ROOT = pathlib.Path(__file__).resolve().parents[3]
FACE_HEIGHT = 1.79


def vertices(**coefficients) -> np.ndarray:
  """The fine neutral head with coefficients."""
  values = np.zeros(blendshapes.NUM_BLENDSHAPES, np.float32)
  for name, value in coefficients.items():
    values[blendshapes.INDEX[name]] = value
  return rig.expressed(jnp.asarray(mesh.load().vertices), jnp.asarray(values), rig.topology())


def places(**coefficients) -> np.ndarray:
  return np.asarray(landmarks.landmarks(vertices(**coefficients)))


def test_file_is_small_package_data():
  assert landmark_file.FILE.stat().st_size < 12_000
  project = tomllib.loads((ROOT / 'pyproject.toml').read_text())
  patterns = project['tool']['setuptools']['package-data']['seetalk_jax']
  assert landmark_file.FILE in {path for pattern in patterns for path in (ROOT / 'seetalk_jax').glob(pattern)}


def test_a_missing_file_is_one_line(monkeypatch, tmp_path):
  monkeypatch.setattr(landmark_file, 'FILE', tmp_path / 'landmarks.npz')
  with pytest.raises(
    errors.InputError, match='no face landmarks, file .*: reinstall seetalk-jax, or make it'
  ):
    landmark_file.points.__wrapped__()


def test_points_lie_inside_their_triangles_and_are_symmetric():
  found = landmark_file.points()
  np.testing.assert_allclose(found.weights.sum(1), 1, atol=1e-6)
  assert found.weights.min() > -2e-3 and found.weights.shape == (landmark_file.NUM_LANDMARKS, 3)
  np.testing.assert_allclose(places()[found.mirror], places() * (-1, 1, 1), atol=5e-3)
  assert (found.reliable == found.reliable[found.mirror]).all()
  assert not found.reliable[list(indices.FACE_OUTLINE)].any() and found.reliable.mean() > 0.75


def test_points_are_where_their_names_say():
  at, head = places(), mesh.load()
  np.testing.assert_allclose(at[indices.CHIN], head.vertices[head.chin], atol=0.15)
  assert at[list(indices.LEFT_BROW), 0].min() > 0.05 and at[list(indices.RIGHT_BROW), 0].max() < -0.05
  assert 7.35 < at[list(indices.LEFT_BROW), 1].mean() < 7.65
  assert at[1, 2] == pytest.approx(1.68, abs=0.03) and abs(at[1, 0]) < 1e-3  # tip of the nose
  outline = at[list(indices.JAW_LINE)]
  assert (np.diff(outline[:, 0]) < 0).all() and outline[:, 1].argmin() == len(outline) // 2
  parts = rig.fine_head().mesh.triangle_parts[landmark_file.points().triangles]
  assert (parts[list(indices.LEFT_IRIS)] == MeshPart.LEFT_EYE).all()
  assert (parts[list(indices.RIGHT_IRIS)] == MeshPart.RIGHT_EYE).all()
  assert (parts[:468] == MeshPart.SKIN).all()


def test_inner_lips_follow_the_opening_exactly():
  """In the picture from the front: the edges of the lips' middle on the mesh, and the points 13 and 14."""
  fine = rig.fine_head().mesh
  middle = (np.abs(fine.vertices[:, 0]) < 1e-3) & (fine.masks['lips'] > 0.9)
  upper, lower = (middle & (side * (fine.vertices[:, 1] - 6.608) > 0) for side in (1, -1))
  for opening, closing in ((0, 0), (0.1, 0), (0.25, 0), (0.5, 0), (0.5, 0.5)):
    moved = vertices(jawOpen=opening, mouthClose=closing)
    at = np.asarray(landmarks.landmarks(moved))[list(indices.INNER_LIPS)]
    edges = moved[upper, 1].min(), moved[lower, 1].max()
    np.testing.assert_allclose(at[:, 1], edges, atol=0.008, err_msg=f'{opening}, {closing}')
    np.testing.assert_allclose(at[:, 0], 0, atol=4e-3)
  assert abs(at[0, 1] - at[1, 1]) < 0.005 * FACE_HEIGHT  # the mouth that is open and closed


def test_lids_close_and_irises_turn():
  upper, lower = list(indices.LEFT_EYE_CONTOUR[1:8]), list(indices.LEFT_EYE_CONTOUR[:8:-1])
  neutral, closed = places(), places(eyeBlinkLeft=1.0)
  assert (neutral[upper, 1] - neutral[lower, 1]).max() > 0.08
  assert (closed[upper, 1] - closed[lower, 1]).max() < 0.02
  turned = places(eyeLookInLeft=1.0) - neutral
  assert (turned[list(indices.LEFT_IRIS), 0] < -0.02).all()
  np.testing.assert_allclose(turned[list(indices.RIGHT_IRIS)], 0, atol=1e-4)


def test_measures_equal_those_of_prepare():
  points = places(jawOpen=0.4)[:, :2] * (0.35, -0.35) + (0.5, 3.0)
  batch = np.stack([points] * 2).astype(np.float32)
  opening = landmarks.mouth_opening(jnp.asarray(batch))
  np.testing.assert_allclose(opening, clips.mouth_opening(batch), rtol=1e-5)
  np.testing.assert_allclose(landmarks.lip_box(jnp.asarray(batch)), clips.lip_boxes(batch), atol=1e-5)


def test_gradients_reach_the_vertices_of_a_point():
  gradient = jax.grad(lambda v: landmarks.landmarks(v)[indices.CHIN, 1])(vertices())
  assert float(gradient.sum()) == pytest.approx(1, abs=1e-5)
  assert int((jnp.abs(gradient).sum(1) > 0).sum()) <= 3
