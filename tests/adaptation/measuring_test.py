"""Measurements of portrait crops: as the reader gives them, the largest face, and one line without a landmarker."""

import numpy as np
import pytest

from seetalk_jax.adaptation import measuring
from seetalk_jax.constants import MOTION_FIELDS, POSE
from seetalk_jax.errors import PortraitError
from seetalk_jax.media import face
from tests.helpers import plain_face

FRAMES = np.zeros((3, 16, 16, 3), np.uint8)


def test_the_largest_face_of_each_frame():
  calls = iter(range(3))
  angle = 0.2
  turn = np.eye(4, dtype=np.float32)
  turn[:3, :3] = 1.02 * np.array(
    [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
  )

  def read(pixels):
    reading = plain_face.read(pixels)
    if next(calls) == 1:  # no face in the second frame
      return face.FaceReading(*(column[:0] for column in reading))
    scores = np.full((1, 52), 0.25, np.float32)
    small = reading._replace(landmarks=0.5 * reading.landmarks)
    large = reading._replace(blendshapes=scores, transforms=turn[None])
    return face.FaceReading(*(np.concatenate(both) for both in zip(small, large, strict=True)))

  measured = measuring.measure(FRAMES, read)
  np.testing.assert_array_equal(measured.found, [True, False, True])
  np.testing.assert_array_equal(measured.landmarks[0], plain_face.landmarks())
  np.testing.assert_array_equal(measured.depths[2], plain_face.depths(plain_face.landmarks()))
  assert not measured.landmarks[1].any() and not measured.motion[1].any()
  np.testing.assert_allclose(measured.motion[0, POSE], [angle, 0, 0], atol=1e-6)
  assert measured.motion[0, MOTION_FIELDS.index('jawOpen')] == 0.25


def test_without_a_reader_nothing_is_measured():
  measured = measuring.measure(FRAMES, None)
  assert (
    not measured.found.any() and measured.landmarks.shape == (3, 478, 2) and measured.motion.shape == (3, 58)
  )


def test_no_landmarker_is_one_line(monkeypatch, tmp_path):
  plain_face.use_none(monkeypatch)
  lines = []
  with measuring.open_reader(None, lines.append) as read:
    assert read is None
  assert len(lines) == 1 and '--landmarker' in lines[0] and '\n' not in lines[0]
  with pytest.raises(PortraitError), measuring.open_reader(tmp_path / 'missing.task', lines.append):
    pass
  assert len(lines) == 1
  plain_face.use(monkeypatch)
  with measuring.open_reader(None, lines.append) as read:
    assert read is plain_face.read and len(lines) == 1
