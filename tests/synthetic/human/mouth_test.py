"""Teeth and tongue of a person: seen behind open lips, whatever the features of the face."""

import numpy as np
import pytest

from seetalk_jax import blendshapes
from seetalk_jax.media import landmark_indices
from seetalk_jax.synthetic.human import mesh, mouth, rest, units
from seetalk_jax.synthetic.human.mesh import MeshPart

HEAD = mesh.load()
JAW = units.units(HEAD)[blendshapes.INDEX['jawOpen']]
PEOPLE = [
  {},
  {'mouth-scale-vert-incr': 0.6, 'asian-male-young': 1.0},
  {'african-female-old': 1.0, 'mouth-trans-forward': 0.6},
  {'caucasian-male-old': 1.0, 'mouth-trans-backward': 0.5, 'mouth-trans-down': 0.5},
]


def lips(shape):
  """Middle of the edges of the upper and the lower lip."""
  return rest._points(shape, landmark_indices.INNER_LIPS)


@pytest.mark.parametrize('features', PEOPLE)
def test_incisors_lie_behind_the_lips_of_every_person(features):
  shape = rest.at_rest(HEAD.shaped(features))
  upper, lower = (shape[vertex] for vertex in mouth._incisors())
  lip = lips(shape)[0]
  assert 0.045 < lip[1] - upper[1] < 0.065 and 0.06 < lip[2] - upper[2] < 0.09
  # The lower incisors close behind the upper ones.
  assert 0.01 < lower[1] - upper[1] < 0.03 and 0.02 < upper[2] - lower[2] < 0.05


@pytest.mark.parametrize('features', PEOPLE)
def test_an_open_mouth_shows_the_upper_incisors_and_not_the_tongue(features):
  shape = rest.at_rest(HEAD.shaped(features))
  for opening in (0.35, 0.7):
    opened = shape + opening * JAW
    (_, top, _), (_, bottom, _) = lips(opened)
    upper, lower = (opened[vertex, 1] for vertex in mouth._incisors())
    assert bottom < upper < top - 0.03
    tongue = opened[HEAD.parts == MeshPart.TONGUE]
    front = tongue[:, 2] > tongue[:, 2].max() - 0.12
    assert tongue[front, 1].max() < lower + 0.02


def test_only_teeth_and_tongue_move():
  skin = np.isin(HEAD.parts, (MeshPart.SKIN, MeshPart.LEFT_EYE, MeshPart.RIGHT_EYE))
  moved = mouth.placed(HEAD.vertices, lips(HEAD.vertices)[0])
  np.testing.assert_array_equal(moved[skin], HEAD.vertices[skin])
  assert (np.abs(moved - HEAD.vertices).max(1) > 0)[~skin].mean() > 0.5
