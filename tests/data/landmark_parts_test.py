"""Part labels of real frames: contours of landmarks, the lip box in their place."""

import numpy as np
import pytest
import real_records

from seetalk_jax.constants import Part
from seetalk_jax.data import landmark_parts


def test_contours_of_landmarks_get_their_part():
  parts = landmark_parts.estimated_parts(real_records.face_landmarks(opening=0.1, eyes=0.05), None, 64)
  assert parts.shape == (64, 64) and parts.dtype == np.uint8

  def at(x, y):
    return parts[int(y * 64), int(x * 64)]

  assert at(0.5, 0.7) == Part.MOUTH and at(0.5, 0.625) == Part.LIP and at(0.4, 0.43) == Part.EYE
  assert at(0.6, 0.43) == Part.EYE and at(0.4, 0.37) == Part.BROW and at(0.35, 0.6) == Part.SKIN
  assert at(0.1, 0.5) == at(0.5, 0.1) == Part.BACKGROUND
  # The area of the face is that of its outline, an ellipse.
  assert np.mean(parts > 0) == pytest.approx(np.pi * 0.25 * 0.35, rel=0.05)


def test_a_lip_box_gives_the_lips_alone():
  box = np.float32([0.33, 0.565, 0.67, 0.905])  # around lips at (0.5, 0.7)
  parts = landmark_parts.estimated_parts(None, box, 64)
  assert set(np.unique(parts)) == {Part.BACKGROUND, Part.LIP}
  rows, columns = np.nonzero(parts)
  assert np.mean(columns + 0.5) / 64 == pytest.approx(0.5, abs=0.01)
  assert np.mean(rows + 0.5) / 64 == pytest.approx(0.7, abs=1 / 64)  # within a cell
  # Landmarks of another mesh are not read.
  np.testing.assert_array_equal(landmark_parts.estimated_parts(np.zeros([68, 2], np.float32), box, 64), parts)
  assert not landmark_parts.estimated_parts(None, None, 16).any()


@pytest.mark.parametrize('shift', [0.4, 5.0, -5.0])
def test_landmarks_outside_of_the_picture_are_cut_off(shift):
  parts = landmark_parts.estimated_parts(real_records.face_landmarks(shift=(shift, 0.0)), None, 32)
  assert parts.any() == (shift == 0.4)
