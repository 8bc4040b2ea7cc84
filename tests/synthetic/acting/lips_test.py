"""Lips: the opening of the inner lips agrees with the mesh, and contact holds there."""

import functools

import jax
import numpy as np
import pytest

from seetalk_jax import blendshapes
from seetalk_jax.media import landmark_indices
from seetalk_jax.synthetic.acting import columns, geometry, lips
from seetalk_jax.synthetic.human import mesh, mouth, rest, rig

MOUTH = [i for i, name in enumerate(blendshapes.NAMES) if name.startswith(('jaw', 'mouth', 'cheekPuff'))]
# Pairs of the upper and the lower lip's edge from the person's right to left, the middle one in the middle.
PAIRS = ((81, 178), (82, 87), (13, 14), (312, 317), (311, 402))


@functools.cache
def posed():
  """Compiled function from coefficients to the coarse vertices of the rig."""
  shared = rig.topology()
  return jax.jit(lambda row: rig.expressed_coarse(mesh.load().vertices, row, shared))


def heights(coefficients, landmarks):
  """Heights of landmarks on the rig, decimeters, `[len(landmarks)]`."""
  return (rest._weights(tuple(landmarks)) @ np.asarray(posed()(np.float32(coefficients))))[:, 1]


def openings(coefficients):
  """Openings on the rig from the person's right to left, `[5]`."""
  upper, lower = zip(*PAIRS, strict=True)
  return heights(coefficients, upper) - heights(coefficients, lower)


def random_mouths(count, largest):
  rng = np.random.default_rng(1)
  coefficients = np.zeros((count, 52))
  for row in coefficients:
    row[rng.choice(MOUTH, 5, replace=False)] = largest * rng.random(5)
  return coefficients


def test_opening_agrees_with_the_mesh():
  for coefficients in random_mouths(100, 0.6):
    assert lips.opening(coefficients) == pytest.approx(openings(coefficients)[2], abs=1e-4)


def test_closed_lips_meet_from_side_to_side_whatever_the_expression():
  ones, zeros = np.ones(100), np.zeros(100)
  closed = lips.constrained(random_mouths(100, 0.5), ones, zeros)
  assert closed.min() >= 0 and closed.max() <= 1
  worst = np.array([openings(row) for row in closed])
  # Without a limit of mouthClose by the jaw, lips stayed apart by up to 2.5 mm.
  assert worst[:, 2].max() <= 0.0
  # A mouth that is pulled to one side leaves at most 0.8 mm near a corner.
  assert np.percentile(worst.max(axis=1), 95) <= 0.008


def test_lower_lip_reaches_the_upper_teeth():
  tucked = lips.constrained(random_mouths(100, 0.5), np.zeros(100), np.ones(100))
  assert lips.lip_above_teeth(tucked).min() >= 0.029  # the lip rests on the front of the teeth
  assert np.percentile(lips.opening(tucked), 90) / geometry.lips().face_height <= 0.035
  plain = lips.constrained(columns.face(jawOpen=0.3)[None], np.zeros(1), np.ones(1))
  assert lips.opening(plain)[0] / geometry.lips().face_height < 0.025


def test_height_above_the_teeth_agrees_with_the_mesh():
  shape = rest.at_rest(mesh.load().vertices)
  edge = shape[mouth._incisors()[0], 1]
  move = jax.jit(lambda row: rig.expressed_coarse(shape, row, rig.topology()))
  weights = rest._weights(landmark_indices.INNER_LIPS)
  for row in lips.constrained(random_mouths(20, 0.5), np.zeros(20), np.ones(20)):
    lower = (weights @ np.asarray(move(np.float32(row))))[1, 1]
    # The heights of teeth on the source's mesh, where they lie deeper, were wrong by 0.06.
    assert lips.lip_above_teeth(row) == pytest.approx(lower - edge, abs=2e-3)


def test_lips_do_not_pass_through_each_other():
  grin = columns.face(mouthSmile=1.0, mouthPress=1.0, jawOpen=0.3, mouthClose=0.3, mouthShrugLower=1.0)[None]
  assert lips.opening(grin)[0] < -0.08
  free = lips.constrained(grin, np.zeros(1), np.zeros(1))
  assert lips.opening(free)[0] == pytest.approx(-0.018, abs=1e-6)


def test_mouths_without_contact_stay_as_they_are():
  mouth = columns.face(jawOpen=0.4, mouthFunnel=0.3, mouthUpperUp=0.4, eyeBlink=0.3)[None]
  np.testing.assert_array_equal(lips.constrained(mouth, np.zeros(1), np.zeros(1)), mouth)
