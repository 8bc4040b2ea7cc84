"""Columns of motion tracks: faces from names with and without sides."""

import numpy as np
import pytest

from seetalk_jax import blendshapes
from seetalk_jax.synthetic.acting import columns


def test_a_name_without_its_side_sets_both():
  face = columns.face(mouthSmile=0.5, jawOpen=0.2, browDownLeft=0.1)
  expected = {'mouthSmileLeft': 0.5, 'mouthSmileRight': 0.5, 'jawOpen': 0.2, 'browDownLeft': 0.1}
  assert {n: v for n, v in zip(blendshapes.NAMES, face, strict=True) if v} == expected
  assert (columns.YAW, columns.SHIFT_Z) == (52, 57)


def test_unknown_names_are_refused():
  with pytest.raises(ValueError, match='mouthGrin'):
    columns.face(mouthGrin=1.0)
  np.testing.assert_array_equal(columns.face(), np.zeros(52))
