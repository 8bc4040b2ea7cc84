"""Motion of a video: what cannot be measured is the user's error."""

import green_faces
import numpy as np
import pytest

from seetalk_jax.errors import InputError, PortraitError
from seetalk_jax.media import face
from seetalk_jax.prepare import video_motion


def test_a_video_of_less_than_half_a_frame_is_too_short(tmp_path):
  path = green_faces.write(tmp_path / 'blink.mp4', seconds=1 / 60, fps=60.0, sound=None)
  with pytest.raises(InputError, match='shorter than half a frame'):
    video_motion.measure(path, green_faces.read)


def test_an_upside_down_face_is_no_face(tmp_path):
  path = green_faces.write(tmp_path / 'turned.mp4', seconds=0.4, sound=None)

  def read(pixels):
    reading = green_faces.read(pixels)
    return face.FaceReading(np.float32([1, 1]) - reading.landmarks, *reading[1:])

  with pytest.raises(PortraitError, match='a face in 0 of 10 frames'):
    video_motion.measure(path, read)
