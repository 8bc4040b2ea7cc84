"""Face tracks of green squares: framing, missing faces, sound."""

import green_faces
import numpy as np
import pytest

from seetalk_jax.errors import InputError
from seetalk_jax.evaluation.measures import theval
from seetalk_jax.evaluation.probes import landmarks
from seetalk_jax.media import face


def picture(left=20, side=40, size=(100, 100), opening=0.0):
  """uint8 `[h, w, 3]` with one green face at height 20."""
  pixels = np.zeros((*size, 3), np.uint8)
  pixels[20 : 20 + side, left : left + side] = (int(255 * opening), 220, 30)
  return pixels


def test_the_portrait_framing_does_not_depend_on_size_and_place_of_the_face():
  near = [picture(20 + 4 * (i % 2), 80, (160, 300)) for i in range(10)]
  far = [picture(10 + 2 * (i % 2), 40, (90, 90)) for i in range(10)]
  tracks = [landmarks.track_face(frames, green_faces.read) for frames in (near, far)]
  np.testing.assert_allclose(tracks[0].points, tracks[1].points, atol=0.5)
  assert tracks[0].aspect == tracks[1].aspect == 1.0
  # The square that the median frame is cropped to has 256 pixels.
  eyes = tracks[1].points[:, list(face.EYE_CORNERS)].mean(axis=1)
  assert np.median(eyes[:, 0]) == pytest.approx(128, abs=0.5)
  assert np.median(eyes[:, 1]) == pytest.approx(0.43 * 256, abs=0.5)


def test_the_frame_framing_is_the_whole_frame_in_256_pixels():
  track = landmarks.track_face([picture(50, 60, (100, 200))], green_faces.read, 'frame')
  np.testing.assert_allclose(track.points[0, face.CHIN], [80 * 256 / 200, 80 * 256 / 100], atol=1e-3)
  assert track.aspect == 2.0
  with pytest.raises(ValueError, match='square'):
    landmarks.track_face([picture()], green_faces.read, 'square')


def test_frames_without_the_face_are_nan_and_the_longest_track_is_chosen():
  frames = [picture(10)] * 3 + [np.zeros((100, 100, 3), np.uint8)] * 10 + [picture(50)] * 12
  frames[18] = frames[5]  # a gap that the tracker interpolates
  track = landmarks.track_face(frames, green_faces.read)
  seen = np.isfinite(track.points).all(axis=(1, 2))
  assert seen.nonzero()[0].tolist() == [13, 14, 15, 16, 17, 19, 20, 21, 22, 23, 24]
  assert np.array_equal(seen, np.isfinite(track.angles).all(axis=1))


def test_measures_of_frames_with_speech():
  times = np.arange(640 * 50) / 16_000
  speech = np.where((times > 0.5) & (times < 1.5), 0.3 * np.sin(2 * np.pi * 300 * times), 0)
  frames = [picture(20, 40, opening=0.5 + 0.5 * np.sin(i)) for i in range(50)]
  values = landmarks.measure_frames(frames, speech, green_faces.read)
  assert list(values) == list(theval.NAMES)
  assert values['lip_dynamics'] > 0.5
  still = landmarks.measure_frames([picture()] * 50, speech, green_faces.read)
  for name in ('lip_dynamics', 'head_motion', 'silent_lip_stability'):
    assert still[name] == pytest.approx(0, abs=1e-9)
  empty = landmarks.measure_frames([np.zeros((64, 64, 3), np.uint8)] * 5, speech, green_faces.read)
  assert all(np.isnan(value) for value in empty.values())


def test_measures_of_a_video_file(tmp_path):
  path = green_faces.write(tmp_path / 'talk.mp4', seconds=2.0)
  values = landmarks.measure_video(path, green_faces.read)
  assert values['lip_dynamics'] > 0 and np.isfinite(values['lip_sync'])
  silent = landmarks.measure_video(green_faces.write(tmp_path / 'mute.mp4', sound=None), green_faces.read)
  assert np.isfinite(silent['lip_dynamics']) and np.isnan(silent['lip_sync'])
  with pytest.raises(InputError, match='missing.mp4'):
    landmarks.measure_video(tmp_path / 'missing.mp4', green_faces.read)
