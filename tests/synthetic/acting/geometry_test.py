"""Geometry: what acting measures on the head mesh follows the displacements that are rendered."""

import numpy as np
import pytest

from seetalk_jax import blendshapes
from seetalk_jax.synthetic.acting import geometry
from seetalk_jax.synthetic.human import mesh, units


@pytest.fixture
def measured_anew():
  """Forgets what was measured, before and after a test that changes the displacements."""
  for function in (geometry.look_angles, geometry.lips):
    function.cache_clear()
  yield
  for function in (geometry.look_angles, geometry.lips):
    function.cache_clear()


def test_eyes_turn_by_the_angles_of_the_rendered_mesh():
  degrees = {name: np.degrees(angle) for name, angle in geometry.look_angles().items()}
  assert degrees == pytest.approx(
    {'eyeLookUp': 14.6, 'eyeLookDown': 17.0, 'eyeLookIn': 22.8, 'eyeLookOut': 22.2}, abs=1.5
  )


def test_angles_follow_the_gain_of_the_units(monkeypatch, measured_anew):
  strong = geometry.look_angles()['eyeLookIn']
  geometry.look_angles.cache_clear()
  monkeypatch.setattr(units, 'GAZE_GAIN', 1.0)
  assert geometry.look_angles()['eyeLookIn'] == pytest.approx(strong / 1.5, rel=0.05)


def test_lips_rise_with_the_gains_of_the_units():
  funnel = blendshapes.INDEX['mouthFunnel']
  lips = geometry.lips()
  # 0.124 with the displacements of the source.
  assert (lips.upper - lips.lower)[funnel] == pytest.approx(0.150, abs=0.012)
  assert lips.upper.shape == lips.lower.shape == (len(units.units(mesh.load())),)
  assert 0 < lips.opening < 0.01 and 1.5 < lips.face_height < 1.65
