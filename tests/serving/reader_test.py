"""The reader: names in messages, limits, files that end its process or block it."""

import asyncio
import os

import numpy as np
import pytest
from PIL import Image

from seetalk_jax.errors import InputError, PortraitError, SpeechError
from seetalk_jax.serving import reader as reader_lib
from seetalk_jax.serving.reader import Reader, TooLongError
from seetalk_jax.serving.settings import Settings


@pytest.fixture(scope='module')
def reader(tmp_path_factory):
  reader = Reader(Settings(folder=tmp_path_factory.mktemp('server'), max_seconds=2.0, check_seconds=5))
  yield reader
  reader.close()


def test_speech_is_measured(reader, tmp_path, speech):
  (tmp_path / 'upload').write_bytes(speech)
  assert asyncio.run(reader.speech(tmp_path / 'upload', 'a.wav')) == pytest.approx(0.6)


def test_errors_keep_their_kind_and_name_the_file_of_the_client(reader, tmp_path):
  path = tmp_path / 'upload'
  path.write_bytes(b'no sound')
  with pytest.raises(SpeechError, match=r'a\.wav') as caught:
    asyncio.run(reader.speech(path, 'a.wav'))
  assert str(tmp_path) not in str(caught.value)
  with pytest.raises(PortraitError, match=r'b\.png'):
    asyncio.run(reader.portrait(path, 'b.png', tmp_path / 'face.png', True))


def test_long_speech_is_refused_before_it_is_read(reader, tmp_path):
  import soundfile

  soundfile.write(tmp_path / 'long.wav', np.zeros((16_000 * 600, 1)), 16_000)
  with pytest.raises(TooLongError, match='longer than 2 s'):
    asyncio.run(reader.speech(tmp_path / 'long.wav', 'long.wav'))


def test_a_portrait_crop_is_kept_and_marked(reader, tmp_path):
  from seetalk_jax.media import image

  pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
  Image.fromarray(pixels).save(tmp_path / 'a.png')
  asyncio.run(reader.portrait(tmp_path / 'a.png', 'a.png', tmp_path / 'face.png', True))
  found, text = image.load_image_and_text(tmp_path / 'face.png')
  np.testing.assert_array_equal(found, pixels)
  assert image.CROP_VERSION_KEY in text


def test_a_file_that_ends_the_process_is_refused_and_the_next_is_read(reader, tmp_path, speech):
  (tmp_path / 'good').write_bytes(speech)
  asyncio.run(reader.speech(tmp_path / 'good', 'a.wav'))
  os.kill(reader._process.pid, 9)
  reader._process.join()
  assert asyncio.run(reader.speech(tmp_path / 'good', 'a.wav')) > 0


def test_a_file_that_takes_too_long_is_refused(tmp_path):
  reader = Reader(Settings(folder=tmp_path, check_seconds=0.0))
  (tmp_path / 'a').write_bytes(b'RIFF')
  with pytest.raises(InputError, match='too long'):
    asyncio.run(reader.speech(tmp_path / 'a', 'a.wav'))
  reader.close()


def test_unexpected_errors_are_one_line(monkeypatch, tmp_path, caplog):
  check = reader_lib._Check('speech', tmp_path / 'a', 'a.wav')
  for error, words in ((MemoryError(), 'memory'), (RuntimeError('odd'), 'cannot be read')):

    def fails(*_, error=error):
      raise error

    monkeypatch.setattr(reader_lib, '_seconds_of', fails)
    found = reader_lib._checked(check, Settings(folder=tmp_path))
    assert isinstance(found, InputError) and words in str(found) and 'a.wav' in str(found)
  assert 'odd' in caplog.text
