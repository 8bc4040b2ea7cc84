"""Face crops: the portrait crop, face detection with a fake landmarker."""

import contextlib

import numpy as np
import pytest

from seetalk_jax.errors import PortraitError
from seetalk_jax.media import face, image

EYES, CHIN = np.array([300.0, 200.0]), np.array([310.0, 300.0])


def landmarks(eyes=EYES, chin=CHIN, width=640, height=480):
  """Landmarker output for one face with these eye corners and chin."""
  points = np.zeros((face.NUM_LANDMARKS, 2))
  points[list(face.EYE_CORNERS)] = eyes + np.array([[-40, 0], [-15, 0], [15, 0], [40, 0]])
  points[face.CHIN] = chin
  return (points / (width, height)).astype(np.float32)


def picture():
  return np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)


def test_crop_puts_the_eyes_where_they_belong():
  box = face.find_face(picture(), lambda pixels: landmarks()[None])
  crop = face.PORTRAIT_CROP
  np.testing.assert_allclose(box.side, crop.side_over_face * 100, rtol=1e-4)
  np.testing.assert_allclose((EYES[0] - box.left) / box.side, crop.eyes_x, atol=1e-4)
  np.testing.assert_allclose((EYES[1] - box.top) / box.side, crop.eyes_y, atol=1e-4)
  np.testing.assert_allclose((CHIN[1] - box.top) / box.side, crop.eyes_y + 1 / crop.side_over_face, atol=1e-4)


def test_crop_keeps_pixels_and_repeats_edges():
  pixels = picture()
  np.testing.assert_array_equal(face.crop(pixels, face.FaceBox(64, 32, 128), 128), pixels[32:160, 64:192])
  outside = face.crop(pixels, face.FaceBox(-64, -64, 128), 128)
  assert outside.shape == (128, 128, 3)
  np.testing.assert_array_equal(outside[:60, :60], np.broadcast_to(pixels[0, 0], (60, 60, 3)))
  np.testing.assert_array_equal(outside[64:, 64:], pixels[:64, :64])


def test_no_face_several_faces_and_small_ones():
  with pytest.raises(PortraitError, match='no face.*p.png'):
    face.find_face(picture(), lambda pixels: np.zeros((0, face.NUM_LANDMARKS, 2)), 'p.png')
  two = np.stack([landmarks(), landmarks(EYES + 150, CHIN + 150)])
  with pytest.raises(PortraitError, match='2 faces'):
    face.find_face(picture(), lambda pixels: two)

  def short_sighted(pixels):  # finds the face only in crops that contain its center
    if pixels.shape[0] > 300 or not (pixels == 255).all(axis=-1).any():
      return np.zeros((0, face.NUM_LANDMARKS, 2))
    y, x = np.argwhere((pixels == 255).all(axis=-1))[0]
    return landmarks(np.array([x, y]), np.array([x, y + 30]), pixels.shape[1], pixels.shape[0])[None]

  dot = np.zeros((480, 640, 3), np.uint8)
  dot[200, 300] = 255
  box = face.find_face(dot, short_sighted)  # found in several overlapping crops, still one face
  np.testing.assert_allclose((box.left + 0.5 * box.side, box.side), (300, 78), atol=0.1)


def test_our_own_portraits_need_no_landmarker(tmp_path, monkeypatch):
  monkeypatch.delenv(face.LANDMARKER_VARIABLE, raising=False)
  pixels = picture()[:256, :256]
  image.save_png(tmp_path / 'ours.png', pixels, {image.CROP_VERSION_KEY: '1'})
  np.testing.assert_array_equal(face.aligned_portrait(tmp_path / 'ours.png', 256), pixels)
  image.save_png(tmp_path / 'theirs.png', pixels)
  with pytest.raises(PortraitError, match='--aligned'):
    face.aligned_portrait(tmp_path / 'theirs.png', 256)
  assert face.aligned_portrait(tmp_path / 'theirs.png', 64, aligned=True).shape == (64, 64, 3)
  image.save_png(tmp_path / 'wide.png', picture())
  with pytest.raises(PortraitError, match='square'):
    face.aligned_portrait(tmp_path / 'wide.png', 64, aligned=True)


def test_whole_photos_are_cropped(tmp_path, monkeypatch):
  find = contextlib.nullcontext(lambda pixels: landmarks()[None])
  monkeypatch.setattr(face, 'open_landmarker', lambda path: find)
  image.save_png(tmp_path / 'photo.png', picture())
  assert face.aligned_portrait(tmp_path / 'photo.png', 96).shape == (96, 96, 3)
