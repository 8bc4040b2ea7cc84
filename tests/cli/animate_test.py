"""seetalk animate --full-frame: refusals before any work; the video has the aspect ratio of the photo."""

import numpy as np
import pytest
import sounds
from read_video import read_video

from seetalk_jax.cli import main
from seetalk_jax.inference import pipeline
from seetalk_jax.media import face, image
from seetalk_jax.testing import tiny_release


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
  """A working directory with speech, a photo and a portrait crop; the face is found without MediaPipe."""
  monkeypatch.setattr(pipeline.SeeTalk, 'load', tiny_release.load)
  monkeypatch.chdir(tmp_path)
  sounds.write_sndfile('speech.wav', sounds.tone(0.3), 16_000)
  y, x = np.mgrid[:121, :160]
  image.save_png('photo.png', np.stack([x, y, x // 2 + y // 2], axis=-1).astype(np.uint8))
  crop = np.zeros((64, 64, 3), np.uint8)
  image.save_png('crop.png', crop, {image.CROP_VERSION_KEY: str(face.PORTRAIT_CROP.version)})
  find = face.find_photo

  def found(path, **options):
    if str(path) == 'crop.png':
      return find(path, **options)
    return face.Photo(image.load_image(path), face.FaceBox(50.0, 30.0, 64.0))

  monkeypatch.setattr(face, 'find_photo', found)


def animate(*argv):
  common = ['-o', 'talk.mp4', '--checkpoint', tiny_release.shared(), '--device', 'cpu', '--quiet']
  return main.main(['animate', *argv, *common])


def test_the_video_shows_the_whole_photo():
  assert animate('photo.png', 'speech.wav', '--full-frame') == 0
  frames = read_video('talk.mp4')
  photo = image.load_image('photo.png')[:120].astype(int)
  for _, pixels in frames:
    assert pixels.shape == photo.shape
    outside = np.abs(pixels[:, :44].astype(int) - photo[:, :44])
    assert outside.mean() < 4  # besides the compression
  assert animate('photo.png', 'speech.wav', '--full-frame', '--size', '320', '--overwrite') == 0
  assert read_video('talk.mp4')[0][1].shape == (242, 320, 3)


@pytest.mark.parametrize(
  ('argv', 'line'),
  [
    (['crop.png', 'speech.wav', '--full-frame'], 'a portrait crop has no picture around it, crop.png'),
    (['photo.png', 'speech.wav', '--full-frame', '--aligned'], '--full-frame with --aligned, command line'),
  ],
)
def test_a_crop_has_no_full_frame(argv, line, capsys, tmp_path):
  assert animate(*argv) == 2
  assert line in capsys.readouterr().err
  assert not (tmp_path / 'talk.mp4').exists()
