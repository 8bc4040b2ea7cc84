"""Rig: vertices from blendshapes and head pose."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax import blendshapes
from seetalk_jax.media import landmark_indices as indices
from seetalk_jax.synthetic.human import landmarks, mesh, rig, units
from seetalk_jax.synthetic.human.mesh import MeshPart

STILL = rig.Pose(jnp.zeros(3), jnp.zeros(3))


@pytest.fixture(scope='module')
def shape():
  return mesh.load().shaped({'caucasian-female-young': 1.0})


def test_a_neutral_face_is_the_subdivided_shape(shape):
  found = rig.expressed(jnp.asarray(shape), jnp.zeros(52), rig.topology())
  np.testing.assert_allclose(found, rig.fine_head().apply(shape), atol=1e-5)


def test_coefficients_add_the_displacements_of_their_units(shape):
  coefficients = np.zeros(52, np.float32)
  coefficients[[blendshapes.NAMES.index(name) for name in ('jawOpen', 'mouthSmileLeft')]] = 0.7, 0.4
  moved = shape + np.tensordot(coefficients, units.units(mesh.load()), 1)
  found = rig.expressed(jnp.asarray(shape), jnp.asarray(coefficients), rig.topology())
  np.testing.assert_allclose(found, rig.fine_head().apply(moved), atol=1e-5)


def test_turns_have_the_documented_directions():
  nose = jnp.asarray([0.0, 6.9, 1.8])
  for angles, axis, sign in (([0.3, 0, 0], 0, 1), ([0, 0.3, 0], 1, 1)):
    moved = rig.turned(nose, rig.Pose(jnp.asarray(angles, jnp.float32), jnp.zeros(3))) - nose
    assert sign * moved[axis] > 0.2, axis
  crown = jnp.asarray([0.0, 8.4, 0.3])
  rolled = rig.turned(crown, rig.Pose(jnp.asarray([0, 0, 0.3]), jnp.zeros(3))) - crown
  assert rolled[0] > 0.2  # to the person's left shoulder


def test_heads_turn_rigidly_and_chests_rest(shape):
  shared = rig.topology()
  vertices = rig.expressed(jnp.asarray(shape), jnp.zeros(52), shared)
  pose = rig.Pose(jnp.asarray([0.5, -0.2, 0.1]), jnp.zeros(3))
  moved = np.asarray(rig.turned(vertices, pose, shared.turning))
  skull = np.flatnonzero(np.asarray(shared.turning) == 1)[::200]
  distances = [
    np.linalg.norm(v[skull, None] - v[None, skull], axis=-1) for v in (np.asarray(vertices), moved)
  ]
  np.testing.assert_allclose(*distances, atol=1e-4)
  chest = np.asarray(shared.turning) == 0
  assert chest.sum() > 500
  np.testing.assert_allclose(moved[chest], np.asarray(vertices)[chest], atol=1e-6)
  parts = rig.fine_head().mesh.parts
  assert (np.asarray(shared.turning)[parts != MeshPart.SKIN] == 1).all()


def test_a_still_pose_with_a_shift_only_shifts(shape):
  shift = jnp.asarray([0.1, -0.2, 0.3])
  np.testing.assert_allclose(
    rig.turned(jnp.asarray(shape), STILL._replace(shift=shift)), shape + shift, atol=1e-5
  )


def test_normals_equal_those_of_the_mesh(shape):
  fine = rig.fine_head().mesh
  vertices = rig.fine_head().apply(shape)
  found = rig.vertex_normals(jnp.asarray(vertices), jnp.asarray(fine.triangles))
  np.testing.assert_allclose(found, mesh.vertex_normals(vertices, fine.triangles), atol=1e-4)


def test_normals_of_triangles_without_area_have_finite_gradients():
  vertices = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0], [2, 2, 2]])
  triangles = np.int32([[0, 1, 2], [3, 3, 3]])
  wanted = np.float32([1, 2, 3])
  gradient = jax.grad(lambda v: (rig.vertex_normals(v, triangles) * wanted).sum())(vertices)
  assert np.isfinite(gradient).all() and np.abs(gradient[:3]).max() > 0.5
  np.testing.assert_array_equal(rig.vertex_normals(jnp.asarray(vertices), triangles)[3], 0)


def test_vertices_have_gradients_in_coefficients_and_pose(shape):
  shared = rig.topology()

  def height(coefficients, angles):
    vertices = rig.expressed(jnp.asarray(shape), coefficients, shared)
    return rig.turned(vertices, rig.Pose(angles, jnp.zeros(3)), shared.turning)[:, 1].mean()

  gradients = jax.grad(height, (0, 1))(jnp.zeros(52), jnp.zeros(3))
  assert all(np.isfinite(g).all() and np.abs(g).max() > 1e-5 for g in gradients)


def landmarks_of(shape, **values):
  coefficients = np.zeros(52, np.float32)
  for name, value in values.items():
    coefficients[blendshapes.INDEX[name]] = value
  return np.asarray(
    landmarks.landmarks(rig.expressed(jnp.asarray(shape), jnp.asarray(coefficients), rig.topology()))
  )


@pytest.mark.parametrize(
  'details', [{}, {'l-eye-height2-incr': 1.0, 'r-eye-height2-incr': 1.0}, {'l-eye-height2-decr': 1.0}]
)
@pytest.mark.parametrize('others', [{}, {'eyeWideLeft': 1.0, 'eyeLookUpLeft': 1.0}, {'eyeSquintLeft': 1.0}])
def test_lids_close_at_one_for_every_person_and_expression(details, others):
  person = mesh.load().shaped(details)
  upper, lower = list(indices.LEFT_EYE_CONTOUR[3:6]), list(indices.LEFT_EYE_CONTOUR[13:10:-1])
  gap = [
    (points[upper, 1] - points[lower, 1]).mean()
    for points in (landmarks_of(person, eyeBlinkLeft=blink, **others) for blink in (0.0, 0.5, 1.0))
  ]
  assert -0.035 < gap[2] < 0.0, gap
  # Half way between open and closed.
  assert gap[1] == pytest.approx((gap[0] + gap[2]) / 2, abs=0.005) and gap[0] > 0.03


def test_lips_do_not_pass_through_each_other(shape):
  closed = landmarks_of(shape)
  np.testing.assert_allclose(landmarks_of(shape, mouthClose=1.0), closed, atol=1e-6)
  np.testing.assert_allclose(
    landmarks_of(shape, jawOpen=0.4, mouthClose=0.9),
    landmarks_of(shape, jawOpen=0.4, mouthClose=0.4),
    atol=1e-6,
  )


def test_the_topology_may_be_asked_for_first_while_a_function_is_traced():
  found = []
  jax.make_jaxpr(lambda: found.append(rig.topology.__wrapped__()))()
  assert not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(found))
