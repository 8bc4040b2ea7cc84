"""Blendshape units: strengths and mixtures of the source's displacements."""

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.media import landmark_indices as indices
from seetalk_jax.synthetic.human import landmark_file, mesh, rig, units
from seetalk_jax.synthetic.human.mesh import MeshPart

HEAD = mesh.load()
UNITS = units.units(HEAD)


def unit(values, name):
  return values[blendshapes.INDEX[name]]


def test_gains_scale_both_sides_and_leave_other_units():
  for name in ('browDownLeft', 'browDownRight'):
    np.testing.assert_allclose(unit(UNITS, name), 2.0 * unit(HEAD.units, name), rtol=1e-5)
  skin = HEAD.parts == MeshPart.SKIN
  for name in ('eyeBlinkLeft', 'mouthRollUpper'):
    np.testing.assert_array_equal(unit(UNITS, name)[skin], unit(HEAD.units, name)[skin])
  # mouthClose closes the lips that an equal jawOpen opens.
  assert units.GAINS['mouthClose'] == units.GAINS['jawOpen']
  assert all(name in {n.removesuffix('Left') for n in blendshapes.NAMES} for name in units.GAINS)


def contour(shape):
  """The inner contour of the lips of coarse vertices, x and y `[20, 2]`."""
  found = landmark_file.points()
  chosen = list(indices.INNER_LIP_CONTOUR)
  vertices = rig.fine_head().apply(shape)
  corners = vertices[rig.fine_head().mesh.triangles[found.triangles[chosen]]]
  return np.einsum('nc,ncx->nx', found.weights[chosen], corners)[:, :2]


def test_a_funnel_is_a_round_opening():
  x, y = contour(HEAD.vertices + 0.9 * unit(UNITS, 'mouthFunnel')).T
  area = abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2
  # A diamond fills 0.64 of the ellipse of its width and height.
  assert area / (np.pi / 4 * np.ptp(x) * np.ptp(y)) > 0.7
  assert np.ptp(y) > 0.1 and np.ptp(x) < 0.85 * np.ptp(contour(HEAD.vertices)[:, 0])


def test_a_smile_folds_the_skin_between_nose_and_mouth():
  line = np.linalg.norm(HEAD.vertices - (0.266, 6.726, 1.446), axis=1).argmin()
  cheek = np.linalg.norm(HEAD.vertices - (0.339, 6.754, 1.403), axis=1).argmin()
  depth = {
    name: unit(values, name)[cheek, 2] - unit(values, name)[line, 2]
    for name, values in (('mouthSmileLeft', UNITS), ('mouthSmileRight', UNITS))
  }
  plain = 1.1 * (unit(HEAD.units, 'mouthSmileLeft')[cheek, 2] - unit(HEAD.units, 'mouthSmileLeft')[line, 2])
  assert depth['mouthSmileLeft'] > plain + 0.01
  assert abs(depth['mouthSmileRight']) < 0.01


def test_mixtures_keep_to_their_side():
  for name in ('mouthPressLeft', 'mouthFrownLeft', 'mouthSmileLeft'):
    right = (HEAD.vertices[:, 0] < -0.2) & (HEAD.parts == MeshPart.SKIN)
    moved = np.linalg.norm(unit(UNITS, name), axis=1)
    assert moved[right].max() < 0.3 * moved.max(), name


def test_the_tongue_rises_over_the_lower_lip_and_falls_with_the_lower_teeth():
  tongue = HEAD.parts == MeshPart.TONGUE
  tip = np.flatnonzero(tongue)[HEAD.vertices[tongue, 2].argmax()]
  assert unit(UNITS, 'tongueOut')[tip, 1] > 0.04
  fall = unit(UNITS, 'jawOpen')[:, 1]
  assert fall[tip] < fall[HEAD.parts == MeshPart.LOWER_TEETH].min()


def test_eyes_turn_further_and_lids_as_before():
  for name, part in (('eyeLookDownLeft', MeshPart.LEFT_EYE), ('eyeLookInRight', MeshPart.RIGHT_EYE)):
    eye = HEAD.parts == part
    np.testing.assert_allclose(
      unit(UNITS, name)[eye], units.GAZE_GAIN * unit(HEAD.units, name)[eye], rtol=1e-5
    )
    np.testing.assert_array_equal(unit(UNITS, name)[~eye], unit(HEAD.units, name)[~eye])
