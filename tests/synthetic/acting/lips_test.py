"""Lips: the opening of the inner lips agrees with the mesh, and contact holds there."""

import functools

import numpy as np
import pytest

from seetalk_jax import blendshapes
from seetalk_jax.synthetic.acting import columns, lips
from seetalk_jax.synthetic.human import mesh, subdivision

MOUTH = [i for i, name in enumerate(blendshapes.NAMES) if name.startswith(('jaw', 'mouth', 'cheekPuff'))]


@functools.cache
def inner_lips():
  """Vertices and units of the fine mesh near the lips' edges, and pairs of (upper, lower) from side to side."""
  head = mesh.load()
  fine = subdivision.subdivide(head)
  vertices = np.asarray(fine.matrix @ head.vertices)
  near = (fine.mesh.parts == 0) & (fine.mesh.masks['lips'] > 0.5) & (vertices[:, 2] > 1.44)
  rows = np.flatnonzero(near & (np.abs(vertices[:, 0]) < 0.17) & (np.abs(vertices[:, 1] - 6.6) < 0.2))
  units = np.stack([np.asarray(fine.matrix[rows] @ unit) for unit in head.units])
  drop = units[blendshapes.INDEX['jawOpen'], :, 1]
  pairs = []
  for x in (-0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15):
    here = np.abs(vertices[rows, 0] - x) < (0.001 if x == 0 else 0.014)
    pairs.append((np.flatnonzero(here & (drop > -0.12)), np.flatnonzero(here & (drop < -0.16))))
  return vertices[rows], units, pairs


def openings(coefficients):
  """Openings on the mesh from the person's right to left, `[7]`."""
  vertices, units, pairs = inner_lips()
  y = (vertices + np.tensordot(coefficients, units, 1))[:, 1]
  return np.array([y[upper].min() - y[lower].max() for upper, lower in pairs])


def random_mouths(count, largest):
  rng = np.random.default_rng(1)
  coefficients = np.zeros((count, 52))
  for row in coefficients:
    row[rng.choice(MOUTH, 5, replace=False)] = largest * rng.random(5)
  return coefficients


def test_opening_agrees_with_the_mesh():
  for coefficients in random_mouths(100, 0.6):
    assert lips.opening(coefficients) == pytest.approx(openings(coefficients)[3], abs=0.012)


def test_closed_lips_meet_from_side_to_side_whatever_the_expression():
  ones, zeros = np.ones(100), np.zeros(100)
  closed = lips.constrained(random_mouths(100, 0.5), ones, zeros)
  assert closed.min() >= 0 and closed.max() <= 1
  assert lips.opening(closed).max() <= 0.0
  worst = np.array([openings(row) for row in closed])
  assert worst[:, 3].max() <= 0.0
  # A mouth that is pulled to one side leaves at most 0.8 mm near a corner.
  assert np.percentile(worst.max(axis=1), 95) <= 0.008


def test_lower_lip_reaches_the_upper_teeth():
  tucked = lips.constrained(random_mouths(100, 0.5), np.zeros(100), np.ones(100))
  assert lips.lip_above_teeth(tucked).min() >= -1e-3
  assert np.percentile(lips.opening(tucked), 90) / lips.FACE_HEIGHT_DM <= 0.035
  plain = lips.constrained(columns.face(jawOpen=0.3)[None], np.zeros(1), np.ones(1))
  assert lips.opening(plain)[0] / lips.FACE_HEIGHT_DM < 0.01


def test_lips_do_not_pass_through_each_other():
  grin = columns.face(mouthSmile=1.0, mouthPress=1.0, mouthClose=0.3, mouthShrugLower=0.8)[None]
  assert lips.opening(grin)[0] < -0.1
  free = lips.constrained(grin, np.zeros(1), np.zeros(1))
  assert lips.opening(free)[0] == pytest.approx(-0.018, abs=1e-6)


def test_mouths_without_contact_stay_as_they_are():
  mouth = columns.face(jawOpen=0.4, mouthFunnel=0.3, mouthUpperUp=0.4, eyeBlink=0.3)[None]
  np.testing.assert_array_equal(lips.constrained(mouth, np.zeros(1), np.zeros(1)), mouth)
