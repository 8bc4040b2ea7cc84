"""Image files: modes, transparency, rotation, text of PNG files, one-line errors."""

import os

import numpy as np
import PIL.Image
import pytest

from seetalk_jax import files
from seetalk_jax.errors import InputError, PortraitError
from seetalk_jax.media import image


def picture():
  return np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)


@pytest.mark.parametrize('mode', ['RGB', 'L', 'RGBA', 'LA', 'P', 'CMYK', 'I;16', '1'])
def test_pictures_of_every_mode(tmp_path, mode):
  grey = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
  if mode == 'I;16':
    made = PIL.Image.fromarray(grey.astype(np.uint16) * 257)
  else:
    made = PIL.Image.fromarray(grey).convert('RGB').convert(mode)
  path = tmp_path / ('a.tiff' if mode == 'CMYK' else 'a.png')
  made.save(path)
  pixels = image.load_image(path)
  assert pixels.shape == (48, 64, 3) and pixels.dtype == np.uint8
  if mode not in ('1', 'P'):
    assert np.abs(pixels[..., 1].astype(int) - grey).max() <= 4


def test_transparency_and_exif_rotation(tmp_path):
  clear = np.zeros((40, 40, 4), np.uint8)
  PIL.Image.fromarray(clear).save(tmp_path / 'clear.png')
  assert (image.load_image(tmp_path / 'clear.png') == 255).all()
  tags = PIL.Image.Exif()
  tags[0x0112] = 6  # orientation: rotated camera
  PIL.Image.fromarray(picture()).save(tmp_path / 'turned.jpg', exif=tags)
  assert image.load_image(tmp_path / 'turned.jpg').shape == (640, 480, 3)


def bad_pictures(tmp_path):
  yield tmp_path / 'missing.png', 'no such'
  (tmp_path / 'text.png').write_text('no picture')
  yield tmp_path / 'text.png', 'not a picture'
  (tmp_path / 'folder').mkdir()
  yield tmp_path / 'folder', 'folder'
  PIL.Image.fromarray(picture()).save(tmp_path / 'whole.png')
  (tmp_path / 'cut.png').write_bytes((tmp_path / 'whole.png').read_bytes()[:5000])
  yield tmp_path / 'cut.png', 'cannot read'
  PIL.Image.fromarray(picture()[:10, :10]).save(tmp_path / 'dot.png')
  yield tmp_path / 'dot.png', 'too small'


def test_bad_pictures(tmp_path):
  for path, message in bad_pictures(tmp_path):
    with pytest.raises(PortraitError, match=message) as caught:
      image.load_image(path)
    assert str(path) in str(caught.value)


def test_png_text_and_whole_files(tmp_path, monkeypatch):
  path = tmp_path / 'a.png'
  image.save_png(path, picture(), {'Comment': 'Synthetic — media', image.CROP_VERSION_KEY: '1'})
  pixels, text = image.load_image_and_text(path)
  np.testing.assert_array_equal(pixels, picture())
  assert text['Comment'] == 'Synthetic — media'
  with pytest.raises(InputError, match='.png'):
    image.save_png(tmp_path / 'a.jpg', picture())
  with pytest.raises(KeyboardInterrupt):
    with files.replacing(tmp_path / 'b.png') as part:
      part.write_bytes(b'half')
      raise KeyboardInterrupt
  assert [file.name for file in tmp_path.iterdir()] == ['a.png']


def test_output_checks(tmp_path):
  (tmp_path / 'taken.png').write_bytes(b'')
  for path, overwrite, message in [
    (tmp_path / 'x.gif', True, 'end it in .png'),
    (tmp_path / 'no' / 'x.png', True, 'no such output folder'),
    (tmp_path / 'taken.png', False, '--overwrite'),
  ]:
    with pytest.raises(InputError, match=message):
      image.check_output(path, '.png', overwrite)
  assert image.check_output(tmp_path / 'taken.png', '.png') == tmp_path / 'taken.png'


def test_images_are_recognized(tmp_path):
  PIL.Image.fromarray(picture()).save(tmp_path / 'a.jpg')
  (tmp_path / 'a.mp4').write_bytes(b'\0\0\0 ftypisom')
  os.mkfifo(tmp_path / 'pipe')
  assert image.is_image(tmp_path / 'a.jpg') and not image.is_image(tmp_path / 'a.mp4')
  assert not image.is_image(tmp_path / 'missing.png') and not image.is_image(tmp_path)
  assert image.is_image(tmp_path / 'pipe')  # it is not opened: that would take its content
