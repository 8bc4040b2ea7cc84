"""Recordings of one person: photos and videos as crops; held-out frames share no moment with fitted ones."""

import pathlib

import numpy as np
import pytest

from seetalk_jax.adaptation import recordings
from seetalk_jax.errors import InputError
from seetalk_jax.media import face, image, video

SIDE = 64


def made_video(path, num_frames, size=(64, 64)):
  """A video whose gray level is the number of the frame."""
  levels = np.arange(num_frames, dtype=np.uint8)[:, None, None, None]
  with video.VideoWriter(path, size=size) as writer:
    writer.write(np.broadcast_to(levels, (num_frames, *size, 3)))
  return path


def recording(num_frames):
  seconds = 0.0 if num_frames == 1 else num_frames / 25
  frames = np.zeros((num_frames, 4, 4, 3), np.uint8)
  return recordings.Recording(pathlib.Path('a'), frames, np.ones((4, 4), bool), seconds)


def test_photos_and_videos_are_told_apart(tmp_path):
  pixels = np.random.default_rng(0).integers(0, 256, (80, 80, 3)).astype(np.uint8)
  image.save_png(tmp_path / 'a.png', pixels)
  photo = recordings.read(tmp_path / 'a.png', SIDE, aligned=True)
  assert photo.is_photo and photo.frames.shape == (1, SIDE, SIDE, 3) and photo.inside.all()
  np.testing.assert_array_equal(photo.frames[0], image.resize(pixels, (SIDE, SIDE)))
  moving = recordings.read(made_video(tmp_path / 'a.mp4', 30), SIDE, aligned=True)
  assert not moving.is_photo and moving.seconds == 1.2 and moving.frames.shape == (30, SIDE, SIDE, 3)


def test_frames_of_a_long_video_are_evenly_spaced(tmp_path, monkeypatch):
  monkeypatch.setattr(recordings, 'MAX_FRAMES', 20)
  path = made_video(tmp_path / 'a.mp4', 90)
  found = recordings.read(path, SIDE, aligned=True)
  assert len(found.frames) == 18 and found.seconds == 3.6
  np.testing.assert_allclose(found.frames.mean(axis=(1, 2, 3)), 5 * np.arange(18), atol=3)


def test_what_lies_outside_of_a_photo_is_marked(tmp_path, monkeypatch):
  pixels = np.random.default_rng(0).integers(0, 256, (80, 100, 3)).astype(np.uint8)
  photo = face.Photo(pixels, face.FaceBox(-10.0, 20.0, 80.0))
  image.save_png(tmp_path / 'a.png', pixels)
  monkeypatch.setattr(face, 'find_photo', lambda *args, **options: photo)
  found = recordings.read(tmp_path / 'a.png', SIDE)
  # A column of the crop is 1.25 pixels: the first 8 lie left of the photo, and 60 of 80 pixels lie above its end.
  assert not found.inside[:, :8].any() and found.inside[:48, 8:].all() and not found.inside[48:].any()


def test_other_files_are_one_line(tmp_path):
  (tmp_path / 'a.txt').write_text('no picture')
  for path, what in (
    (tmp_path / 'missing.png', 'no such file'),
    (tmp_path, 'a folder'),
    (tmp_path / 'a.txt', 'not a video|neither a photo nor a video'),
    (made_video(tmp_path / 'short.mp4', 5), 'a video of 5 frames'),
  ):
    with pytest.raises(InputError, match=what):
      recordings.read(path, SIDE, aligned=True)


@pytest.mark.parametrize('share', [0.0, 0.2, 0.5, 0.9])
def test_every_frame_of_a_video_has_one_use_in_order_of_time(share):
  (rows,) = recordings.split([recording(100)], share)
  np.testing.assert_array_equal(np.concatenate([rows.fit, rows.check, rows.held_out]), np.arange(100))
  assert len(rows.held_out) == round(100 * share) and len(rows.fit) >= 1


def test_photos_are_fitted_to():
  (alone,) = recordings.split([recording(1)], 0.5)
  assert (len(alone.fit), len(alone.check), len(alone.held_out)) == (1, 0, 0)
  five = recordings.split([recording(1)] * 5, 0.4)
  assert [len(rows.fit) for rows in five] == [1, 1, 1, 0, 0]
  assert [len(rows.held_out) for rows in five] == [0, 0, 0, 1, 1]
  mixed = recordings.split([recording(1), recording(50), recording(1)], 0.2)
  assert [len(rows.fit) for rows in mixed] == [1, 34, 1]
  assert [len(rows.held_out) for rows in mixed] == [0, 10, 0]
