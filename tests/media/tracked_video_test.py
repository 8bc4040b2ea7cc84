"""Tracked videos: the crop follows the face smoothly; frames outside of the mask are those of the video."""

import contextlib

import numpy as np
import pytest

from seetalk_jax.errors import InputError, PortraitError
from seetalk_jax.media import driving, face, tracked_video, video

HEIGHT, WIDTH, FRAMES = 120, 200, 60


def places():
  """Horizontal position of the face per frame."""
  return 60 + 40 * np.arange(FRAMES) / FRAMES


@pytest.fixture
def path(tmp_path, monkeypatch):
  """A video of a bright spot that moves to the right, which the landmarker takes for a face."""
  rows, columns = np.mgrid[:HEIGHT, :WIDTH]
  near = np.hypot(rows[None] - 50, columns[None] - places()[:, None, None]) < 6
  frames = np.where(near[..., None], np.uint8(220), np.uint8(60)).repeat(3, axis=-1)
  with video.VideoWriter(tmp_path / 'a.mp4', size=(HEIGHT, WIDTH)) as writer:
    writer.write(frames)

  def find(pixels):
    height, width = pixels.shape[:2]
    if height != HEIGHT:  # no detection in picture crops
      return np.zeros((0, face.NUM_LANDMARKS, 2), np.float32)
    spot = np.nonzero(pixels[..., 0] > 140)
    points = np.tile([spot[1].mean() / width, spot[0].mean() / height], (1, face.NUM_LANDMARKS, 1))
    points[:, face.CHIN, 1] += 20 / height
    return points.astype(np.float32)

  monkeypatch.setattr(face, 'open_landmarker', lambda path: contextlib.nullcontext(find))
  return tmp_path / 'a.mp4'


def test_the_crop_follows_the_face(path):
  whole = tracked_video.open_tracked(path)
  assert whole.size == (HEIGHT, WIDTH) and whole.video.num_frames == FRAMES
  expected = [face.PORTRAIT_CROP.box((x, 50), (x, 70)) for x in places()]
  for index in range(15, FRAMES - 15):
    box = whole.video.box(index)
    assert abs(box.left - expected[index].left) < 1 and abs(box.side - expected[index].side) < 1.5
  steps = np.diff(whole.video.boxes, axis=0)
  assert np.abs(np.diff(steps, axis=0)).max() < 0.2  # without jitter
  # In the crops, the face stays where it is.
  spots = [np.nonzero(whole.reader.crop(i, 64)[..., 0] > 140)[1].mean() for i in range(15, FRAMES - 15)]
  assert max(spots) - min(spots) < 2


def test_frames_outside_of_the_mask_are_those_of_the_video(path):
  whole = tracked_video.open_tracked(path)
  pictures = list(whole.video.pictures())
  for index in (0, 30, 31, 59, 3):  # also back again
    made = whole.put_back(np.full((64, 64, 3), 255, np.uint8), index)
    box = whole.video.box(index)
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    outside = (y < box.top) | (y > box.top + box.side) | (x < box.left) | (x > box.left + box.side)
    np.testing.assert_array_equal(made[outside], pictures[index][outside])
    assert (made[int(box.top + box.side / 2), int(box.left + box.side / 2)] == 255).all()


def test_pictures_are_decoded_once_in_order(path, monkeypatch):
  whole, starts = tracked_video.open_tracked(path), []
  pictures = tracked_video.TrackedVideo.pictures
  monkeypatch.setattr(tracked_video.TrackedVideo, 'pictures', lambda self: starts.append(1) or pictures(self))
  reader = tracked_video.PictureReader(whole.video)
  for index in range(FRAMES):
    reader.picture(index)
    reader.picture(max(0, index - 7))
  assert len(starts) == 1
  expected = list(pictures(whole.video))
  np.testing.assert_array_equal(reader.picture(2), expected[2])
  np.testing.assert_array_equal(reader.picture(40), expected[40])
  assert len(starts) == 2
  with pytest.raises(InputError, match='ends early'):
    reader.picture(FRAMES)


def test_a_video_is_scaled(path):
  whole = tracked_video.open_tracked(path, longer_side=100)
  assert whole.size == (60, 100)
  full = tracked_video.open_tracked(path)
  np.testing.assert_allclose(whole.video.boxes, 0.5 * full.video.boxes, atol=0.01)


def test_frames_without_a_face_are_interpolated():
  box = face.FaceBox(10.0, 20.0, 30.0)
  other = face.FaceBox(100.0, 20.0, 60.0)
  moved = face.FaceBox(12.0, 20.0, 30.0)
  detections = [[box], [], [other, moved]]  # a larger face comes in: the first one is followed
  boxes = tracked_video.track(detections, 11)
  assert boxes.shape == (11, 3) and np.isfinite(boxes).all()
  assert (boxes[:, 0] > 9.9).all() and (boxes[:, 0] < 12.1).all() and np.allclose(boxes[:, 2], 30)
  assert driving.DETECT_EVERY == 5


def test_other_files_are_one_line(tmp_path):
  with pytest.raises(PortraitError, match='no such picture or video'):
    tracked_video.open_tracked(tmp_path / 'missing.mp4')
