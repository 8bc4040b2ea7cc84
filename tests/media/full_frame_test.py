"""Full frame: pixels outside of the mask are those of the photo; the head returns to where the crop was taken."""

import numpy as np
import pytest

from seetalk_jax.errors import InputError, PortraitError
from seetalk_jax.media import face, full_frame


def noise(height, width, seed=0):
  return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def smooth(height, width):
  """A picture without fine detail, which resizing keeps."""
  y, x = np.mgrid[:height, :width] / 40
  waves = np.stack([np.sin(x + y), np.cos(x - 0.5 * y), np.sin(0.7 * y)], axis=-1)
  return np.rint(128 + 80 * waves).astype(np.uint8)


BOXES = [
  face.FaceBox(60.0, 40.0, 100.0),
  face.FaceBox(33.3, -20.7, 180.4),  # beyond the upper edge
  face.FaceBox(-40.2, 30.5, 300.9),  # beyond three edges
]


@pytest.mark.parametrize('box', BOXES)
def test_pixels_outside_of_the_mask_are_those_of_the_photo(box):
  photo = noise(200, 240)
  whole = full_frame.open_full_frame(face.Photo(photo, box))
  made = whole.put_back(np.full((64, 64, 3), 255, np.uint8))
  assert made.shape == photo.shape and made.dtype == np.uint8
  weight = np.zeros(photo.shape[:2], np.float32)
  weight[whole.region] = whole.mask[..., 0]
  np.testing.assert_array_equal(made[weight == 0], photo[weight == 0])
  assert (made[weight == 1] == 255).all() and (weight == 1).any() and (weight == 0).any()
  # Outside of the square, independently of the mask.
  y, x = np.mgrid[:200, :240] + 0.5
  outside = (y < box.top) | (y > box.top + box.side) | (x < box.left) | (x > box.left + box.side)
  np.testing.assert_array_equal(made[outside], photo[outside])


@pytest.mark.parametrize('box', BOXES)
@pytest.mark.parametrize('side', [96, 256])
def test_the_crop_returns_to_its_place(box, side):
  photo = smooth(200, 240)
  whole = full_frame.open_full_frame(face.Photo(photo, box))
  made = whole.put_back(face.crop(photo, box, side)).astype(int)
  assert np.abs(made - photo).max() <= 6
  # A head at another place is visible.
  moved = whole.put_back(np.roll(face.crop(photo, box, side), side // 16, axis=1)).astype(int)
  assert np.abs(moved - photo).max() > 6


def test_the_mask_is_smooth_and_covers_the_face():
  steps = (np.arange(400) + 0.5) / 400
  mask = full_frame.head_mask(steps, steps)
  assert max(edge.max() for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1])) < 0.001
  assert np.abs(np.diff(mask, axis=0)).max() < 0.04 and np.abs(np.diff(mask, axis=1)).max() < 0.04
  crop = face.PORTRAIT_CROP
  eyes, chin = crop.eyes_y, crop.eyes_y + 1 / crop.side_over_face
  assert (mask[int(400 * eyes) : int(400 * chin), 120:280] == 1).all()


@pytest.mark.parametrize(
  ('height', 'width', 'longer', 'expected'),
  [
    (200, 240, None, (200, 240)),
    (201, 241, None, (200, 240)),  # odd numbers: the last row and column are left out
    (33, 1001, None, (32, 1000)),
    (4000, 3000, None, (1920, 1440)),
    (300, 200, 600, (600, 400)),
    (301, 77, 100, (100, 26)),
    (77, 301, 100, (26, 100)),
  ],
)
def test_sizes_are_even(height, width, longer, expected):
  box = face.FaceBox(0.25 * width, 0.25 * height, 0.5 * min(height, width))
  whole = full_frame.open_full_frame(face.Photo(np.zeros((height, width, 3), np.uint8), box), longer)
  assert whole.size == expected
  scale = max(expected) / max(height, width) if max(expected) != max(height, width) // 2 * 2 else 1.0
  assert abs(whole.box.side / box.side - scale) < 0.02 * scale
  middle = (whole.box.left + whole.box.side / 2) / whole.size[1]
  assert abs(middle - (box.left + box.side / 2) / width) < 0.02
  assert whole.put_back(np.zeros((64, 64, 3), np.uint8)).shape == (*expected, 3)


def test_colors_are_matched():
  photo = smooth(200, 240)
  box = face.FaceBox(50.0, 40.0, 120.0)
  crop = face.crop(photo, box, 128)
  rendered = np.clip(np.rint(0.9 * crop + [4, 10, -6]), 0, 255).astype(np.uint8)
  whole = full_frame.open_full_frame(face.Photo(photo, box)).matched(rendered, crop)
  np.testing.assert_allclose(whole.colors.gain, 1 / 0.9, rtol=0.02)
  assert np.abs(whole.put_back(rendered).astype(int) - photo).max() <= 6
  flat = full_frame.open_full_frame(face.Photo(photo, box)).matched(np.full_like(crop, 90), crop)
  assert flat.colors.gain == (1.0, 1.0, 1.0)  # a picture without contrast is not amplified
  strange = full_frame.open_full_frame(face.Photo(photo, box)).matched((crop // 8).astype(np.uint8), crop)
  assert max(strange.colors.gain) <= 1.25


def test_a_head_has_no_color_in_a_black_and_white_photo():
  photo = np.repeat(smooth(200, 240)[..., :1], 3, axis=-1)
  box = face.FaceBox(50.0, 40.0, 120.0)
  crop = face.crop(photo, box, 128)
  tinted = np.clip(crop + np.array([20, 0, -20]), 0, 255).astype(np.uint8)
  whole = full_frame.open_full_frame(face.Photo(photo, box)).matched(crop, crop)
  drawn = whole.put_back(tinted)
  assert np.all(drawn[..., 0] == drawn[..., 1]) and np.all(drawn[..., 1] == drawn[..., 2])
  colored = full_frame.open_full_frame(face.Photo(smooth(200, 240), box))
  assert not colored.matched(crop, face.crop(smooth(200, 240), box, 128)).colors.gray


def test_mistakes_are_named():
  with pytest.raises(PortraitError, match='no picture around it'):
    full_frame.open_full_frame(face.Photo(noise(64, 64), None))
  thin = face.Photo(noise(32, 1600), face.FaceBox(10.0, 0.0, 30.0))
  with pytest.raises(InputError, match='a video of 100 x 2 pixels'):
    full_frame.open_full_frame(thin, 100)
