"""Face crops: the portrait crop, face detection with a fake landmarker."""

import contextlib
import os
import pathlib

import numpy as np
import pytest

import seetalk_jax
from seetalk_jax.errors import PortraitError
from seetalk_jax.media import face, image

ROOT = pathlib.Path(__file__).resolve().parents[2]
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


@pytest.mark.parametrize(
  ('box', 'inside', 'share'),
  [
    ((10, 20, 100), (0, 0, 1, 1), 0.0),
    ((-50, 0, 200), (0.25, 0, 1, 1), 0.25),
    ((540, 380, 200), (0, 0, 0.5, 0.5), 0.75),
    ((-100, -100, 1000), (0.1, 0.1, 0.74, 0.58), 1 - 0.64 * 0.48),
    ((700, 0, 100), (0, 0, 0, 1), 1.0),
  ],
)
def test_part_of_a_crop_inside_of_the_picture(box, inside, share):
  box = face.FaceBox(*box)
  np.testing.assert_allclose(box.inside(480, 640), inside)
  np.testing.assert_allclose(box.outside_share(480, 640), share)
  # White pictures on a crop of black edges.
  pixels = np.pad(np.full((478, 638, 3), 255, np.uint8), ((1, 1), (1, 1), (0, 0)))
  black = (face.crop(pixels, box, 200)[..., 0] < 128).mean()
  np.testing.assert_allclose(black, share, atol=0.02)


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


def test_the_whole_photo_and_the_place_of_its_face(tmp_path, monkeypatch):
  find = contextlib.nullcontext(lambda pixels: landmarks()[None])
  monkeypatch.setattr(face, 'open_landmarker', lambda path: find)
  image.save_png(tmp_path / 'photo.png', picture())
  photo = face.find_photo(tmp_path / 'photo.png')
  np.testing.assert_array_equal(photo.pixels, picture())
  assert photo.box == face.find_face(picture(), lambda pixels: landmarks()[None])
  np.testing.assert_array_equal(face.crop_photo(photo, 96), face.aligned_portrait(tmp_path / 'photo.png', 96))


def test_what_lies_outside_of_the_picture_is_marked():
  bright = np.full((40, 60, 3), 200, np.uint8)
  framed = np.pad(bright, ((40, 40), (40, 40), (0, 0)))
  for box in (face.FaceBox(10.0, 5.0, 30.0), face.FaceBox(-8.0, -16.0, 64.0), face.FaceBox(40.0, 20.0, 32.0)):
    inside = face.inside_picture(box, (40, 60), 64)
    # The same crop of a picture with a dark frame around it.
    shown = face.crop(framed, face.FaceBox(box.left + 40, box.top + 40, box.side), 64)[..., 0]
    assert (shown[inside] > 90).all() and (shown[~inside] < 110).all()


class MarkerLandmarker:
  """Finds a red disk (eyes) and a blue disk (chin), whatever way up they are.

  Args:
    blind: number of quarter turns of the picture in which no face is found.
    flips: whether a face that stands on its head is found as an upright one, as MediaPipe does.
  """

  def __init__(self, blind=(), flips=False, confident=True):
    self._blind, self._flips, self._confident = blind, flips, confident

  @staticmethod
  def _down(pixels):
    points = [np.argwhere(pixels[..., channel] > 200) for channel in (0, 2)]
    if not all(map(len, points)):
      return None, None
    eyes, chin = (found.mean(axis=0)[::-1] for found in points)
    return eyes, chin

  def __call__(self, pixels):
    eyes, chin = self._down(pixels)
    if eyes is None:
      return np.zeros((0, face.NUM_LANDMARKS, 2), np.float32)
    right, down = chin - eyes
    turns = round(np.arctan2(right, down) / (np.pi / 2)) % 4
    if turns in self._blind:
      return np.zeros((0, face.NUM_LANDMARKS, 2), np.float32)
    if turns == 2 and self._flips:
      eyes, chin = chin, eyes
    points = np.tile(eyes, (face.NUM_LANDMARKS, 1))
    points[face.CHIN] = chin
    return (points / pixels.shape[1::-1])[None].astype(np.float32)

  def confidence(self, pixels):
    eyes, chin = self._down(pixels)
    return 0.9 if eyes is not None and self._confident and chin[1] - eyes[1] > 30 else 0.6


def marker_picture():
  pixels = np.full((300, 400, 3), 90, np.uint8)
  rows, columns = np.mgrid[:300, :400]
  pixels[np.hypot(rows - 120, columns - 150) < 12] = (255, 0, 0)
  pixels[np.hypot(rows - 180, columns - 155) < 12] = (0, 0, 255)
  return pixels


@pytest.mark.parametrize('how', [{}, {'flips': True}, {'blind': (2,)}, {'blind': (1, 2, 3)}])
@pytest.mark.parametrize('turns', range(4))
def test_pictures_are_turned_upright(tmp_path, monkeypatch, how, turns):
  monkeypatch.setattr(face, 'open_landmarker', lambda path: contextlib.nullcontext(MarkerLandmarker(**how)))
  image.save_png(tmp_path / 'upright.png', marker_picture())
  image.save_png(tmp_path / 'turned.png', np.rot90(marker_picture(), turns))
  notes = []
  expected = face.aligned_portrait(tmp_path / 'upright.png', 64)
  found = face.aligned_portrait(tmp_path / 'turned.png', 64, note=notes.append)
  np.testing.assert_array_equal(found, expected)
  assert [
    f'turned.png: the face is not upright, the picture is turned by {90 * turns} degrees' in note
    for note in notes
  ] == [True] * (turns != 0)


@pytest.mark.proof
@pytest.mark.skipif(not os.environ.get(face.LANDMARKER_VARIABLE), reason='needs SEETALK_FACE_LANDMARKER')
def test_sampled_portraits_are_turned_upright(tmp_path):
  """MediaPipe itself: `SEETALK_FACE_LANDMARKER=face_landmarker.task pytest -m proof tests/media/face_test.py`."""
  portraits = seetalk_jax.load('demo').portrait(ROOT / 'examples' / 'speech.wav', num=3)
  for portrait in portraits:
    image.save_png(tmp_path / 'a.png', portrait)
    expected, notes = face.aligned_portrait(tmp_path / 'a.png', 64, note=pytest.fail), []
    for turns in (1, 2, 3):
      image.save_png(tmp_path / 'a.png', np.rot90(portrait, turns))
      found = face.aligned_portrait(tmp_path / 'a.png', 64, note=notes.append)
      np.testing.assert_array_equal(found, expected)
    assert len(notes) == 3


def test_a_face_that_is_not_found_upright_is_refused(tmp_path, monkeypatch):
  for how, message in (
    ({'blind': (0,)}, 'the face is not upright, .*turned.png: turn the picture'),
    ({'confident': False}, 'the face is not upright'),
    ({'blind': (0, 1, 2, 3)}, 'no face found'),
  ):
    monkeypatch.setattr(
      face, 'open_landmarker', lambda path, how=how: contextlib.nullcontext(MarkerLandmarker(**how))
    )
    image.save_png(tmp_path / 'turned.png', np.rot90(marker_picture()))
    with pytest.raises(PortraitError, match=message):
      face.aligned_portrait(tmp_path / 'turned.png', 64)


def test_two_faces_of_a_lying_head_are_one_face(tmp_path, monkeypatch):
  one = MarkerLandmarker()

  def find(pixels):  # a second, smaller face while the head lies
    faces = one(pixels)
    if len(faces) and abs(faces[0, face.CHIN, 0] - faces[0, 0, 0]) * pixels.shape[1] > 30:
      second = 0.5 * faces + 0.25
      faces = np.concatenate([faces, second])
    return faces

  monkeypatch.setattr(face, 'open_landmarker', lambda path: contextlib.nullcontext(find))
  image.save_png(tmp_path / 'turned.png', np.rot90(marker_picture()))
  assert face.aligned_portrait(tmp_path / 'turned.png', 64).shape == (64, 64, 3)
