"""Faces of single pictures: random expressions, poses and neutral portraits."""

import numpy as np
import pytest

from seetalk_jax import blendshapes
from seetalk_jax.synthetic.acting import columns, faces, lips

EYE_LOOKS = [i for i, name in enumerate(blendshapes.NAMES) if name.startswith('eyeLook')]


def units(face):
  """Names without sides of the active coefficients, besides the gaze."""
  active = [blendshapes.NAMES[i] for i in np.flatnonzero(face[:52] > 1e-6) if i not in EYE_LOOKS]
  return {name.removesuffix('Left').removesuffix('Right') for name in active}


@pytest.mark.parametrize('most', [1, 2, 3])
def test_random_expressions_have_few_units(most):
  rng = np.random.default_rng(0)
  drawn = [faces.random_expression(rng, max_units=most) for _ in range(300)]
  assert all(face.shape == (58,) and face.dtype == np.float32 for face in drawn)
  stacked = np.array(drawn)
  assert stacked[:, :52].min() >= 0 and stacked[:, :52].max() <= 1
  counts = np.array([len(units(face)) for face in drawn])
  # The jaw may give way to lips that would pass through each other.
  assert counts.max() <= most + 1 and np.mean(counts > most) < 0.15 and counts.mean() > 0.7


def test_random_expressions_cover_the_coefficients():
  rng = np.random.default_rng(1)
  drawn = np.array([faces.random_expression(rng) for _ in range(2000)])
  greatest = dict(zip(blendshapes.NAMES, drawn.max(axis=0), strict=False))
  for name in (
    'jawOpen',
    'mouthSmileLeft',
    'mouthPucker',
    'mouthFunnel',
    'browInnerUp',
    'browDownLeft',
    'eyeBlinkLeft',
  ):
    assert greatest[name] > 0.7, name
  assert lips.opening(drawn[:, :52]).min() >= -0.0181
  angles = np.abs(drawn[:, columns.YAW : columns.ROLL + 1])
  assert np.all(angles.max(axis=0) < [0.46, 0.31, 0.26]) and np.all(angles.max(axis=0) > [0.35, 0.22, 0.18])


def test_gaze_may_be_left_out():
  rng = np.random.default_rng(2)
  drawn = np.array([faces.random_expression(rng, gaze=False) for _ in range(50)])
  assert drawn[:, EYE_LOOKS].max() == 0
  with pytest.raises(ValueError, match='max_units'):
    faces.random_expression(rng, max_units=0)


def test_neutral_portraits_are_neutral():
  rng = np.random.default_rng(3)
  drawn = np.array([faces.neutral(rng) for _ in range(300)])
  others = [i for i in range(52) if i not in EYE_LOOKS]
  assert drawn[:, others].max() <= 0.13 and drawn[:, EYE_LOOKS].max() < 0.25
  assert np.abs(drawn[:, 52:]).max() <= 0.0201
  assert np.abs(lips.opening(drawn[:, :52])).max() < 0.02
  assert drawn[:, blendshapes.INDEX['mouthSmileLeft']].std() > 0.003
