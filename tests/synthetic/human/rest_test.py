"""Rest of a person: touching lips, a face that looks ahead, whatever the features."""

import numpy as np
import pytest

from seetalk_jax.synthetic.human import mesh, rest, rig

HEAD = mesh.load()
SKIN = HEAD.parts == mesh.MeshPart.SKIN


def tilted(angle):
  """The neutral head with the head tilted upwards."""
  pose = rig.Pose(np.float32([0, angle, 0]), np.zeros(3, np.float32))
  share = np.asarray(rig.topology().turning)[: len(HEAD.vertices)]
  return np.asarray(rig.turned(HEAD.vertices, pose, share))


def test_the_neutral_mesh_is_at_rest():
  np.testing.assert_allclose(rest.at_rest(HEAD.vertices)[SKIN], HEAD.vertices[SKIN], atol=2e-3)
  assert rest.facing_pitch(HEAD.vertices) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize('angle', [-0.15, 0.1])
def test_tilted_heads_are_turned_back(angle):
  shape = tilted(angle)
  assert rest.facing_pitch(shape) == pytest.approx(angle, abs=1e-3)
  np.testing.assert_allclose(rest.at_rest(shape)[SKIN], HEAD.vertices[SKIN], atol=6e-3)


def test_open_and_overlapping_lips_touch():
  closing = HEAD.units[18]
  for amount in (-0.1, 0.1):
    shape = HEAD.vertices + amount * closing
    assert abs(rest.lip_gap(shape)) > 0.015
    assert rest.lip_gap(rest.at_rest(shape)) == pytest.approx(0.006, abs=2e-3)


def test_features_of_a_face_do_not_tilt_it():
  shape = HEAD.shaped({'caucasian-male-old': 1.0, 'head-age-incr': 1.0})
  rested = rest.at_rest(shape)
  assert abs(rest.facing_pitch(shape)) > 0.02 and abs(rest.facing_pitch(rested)) < 0.005
  chest = HEAD.vertices[:, 1] < 5.0
  np.testing.assert_allclose(rested[chest], shape[chest], atol=2e-3)
