"""Blendshape units: strengths and mixtures of the source's displacements."""

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.synthetic.human import mesh, units
from seetalk_jax.synthetic.human.mesh import MeshPart

HEAD = mesh.load()
UNITS = units.units(HEAD)


def unit(values, name):
  return values[blendshapes.INDEX[name]]


def test_gains_scale_both_sides_and_leave_other_units():
  for name in ('browDownLeft', 'browDownRight'):
    np.testing.assert_allclose(unit(UNITS, name), 1.7 * unit(HEAD.units, name), rtol=1e-5)
  for name in ('jawOpen', 'eyeBlinkLeft', 'mouthClose', 'tongueOut'):
    np.testing.assert_array_equal(unit(UNITS, name), unit(HEAD.units, name))
  assert all(name in {n.removesuffix('Left') for n in blendshapes.NAMES} for name in units.GAINS)


def test_a_funnel_draws_the_corners_of_the_mouth_in():
  lips = HEAD.masks['lips'] > 0.9
  corner = np.flatnonzero(lips)[HEAD.vertices[lips, 0].argmax()]
  before, after = unit(HEAD.units, 'mouthFunnel')[corner, 0], unit(UNITS, 'mouthFunnel')[corner, 0]
  assert after < before - 0.02


def test_eyes_turn_further_and_lids_as_before():
  for name, part in (('eyeLookDownLeft', MeshPart.LEFT_EYE), ('eyeLookInRight', MeshPart.RIGHT_EYE)):
    eye = HEAD.parts == part
    np.testing.assert_allclose(
      unit(UNITS, name)[eye], units.GAZE_GAIN * unit(HEAD.units, name)[eye], rtol=1e-5
    )
    np.testing.assert_array_equal(unit(UNITS, name)[~eye], unit(HEAD.units, name)[~eye])
