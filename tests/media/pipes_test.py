"""Pipes as input files: speech, portraits and driving videos, removal of the copies."""

import os
import pathlib
import subprocess
import sys
import threading

import numpy as np
import pytest
import sounds

from seetalk_jax.cli import main
from seetalk_jax.errors import PortraitError, SpeechError
from seetalk_jax.media import audio, driving, image, pipes

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def piped(tmp_path):
  """Function from bytes to a named pipe that they are written to."""
  writers = []

  def make(data):
    path = tmp_path / f'pipe{len(writers)}'
    os.mkfifo(path)
    writers.append(threading.Thread(target=path.write_bytes, args=(data,), daemon=True))
    writers[-1].start()
    return path

  yield make
  for writer in writers:
    writer.join(10)


@pytest.mark.parametrize('suffix, codec', [('wav', None), ('m4a', 'aac')])
def test_speech(tmp_path, piped, suffix, codec):
  samples, path = sounds.tone(1.0, 44_100, 2), tmp_path / f'a.{suffix}'
  if codec:
    sounds.write_av(path, samples, 44_100, codec)
  else:
    sounds.write_sndfile(path, samples, 44_100)
  expected, pipe = audio.load_speech(path), piped(path.read_bytes())
  speech = audio.load_speech(pipe)
  np.testing.assert_array_equal(speech.waveform, expected.waveform)
  assert speech.source == str(pipe)
  for _ in range(2):
    np.testing.assert_array_equal(
      np.concatenate(list(speech.sound.open_blocks())), np.concatenate(list(expected.sound.open_blocks()))
    )


def test_portrait(tmp_path, piped):
  pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
  image.save_png(tmp_path / 'a.png', pixels)
  np.testing.assert_array_equal(image.load_image(piped((tmp_path / 'a.png').read_bytes())), pixels)


def test_driving_video(tmp_path, piped):
  path = sounds.write_av(tmp_path / 'a.mp4', sounds.tone(1.0, 48_000), 48_000, picture_seconds=1.0)
  expected, found = (
    driving.open_driving(source, aligned=True) for source in (path, piped(path.read_bytes()))
  )
  assert found.num_frames == expected.num_frames == 25 and found.checksum() == expected.checksum()
  np.testing.assert_array_equal(next(found.crops(32, 25)), next(expected.crops(32, 25)))
  assert found.sound.num_samples == expected.sound.num_samples


def test_errors_name_the_pipe(piped):
  for data, message in ((b'', 'empty'), (b'no sound' * 999, 'not an audio')):
    pipe = piped(data)
    with pytest.raises(SpeechError, match=f'{message}.*, {pipe}: '):
      audio.load_speech(pipe)
  pipe = piped(b'no picture' * 99)
  with pytest.raises(PortraitError, match=f'not a picture, {pipe}: '):
    image.load_image(pipe)


def test_files_are_not_copied(tmp_path):
  for path in (tmp_path / 'a.wav', tmp_path, pathlib.Path('/dev/null')):
    with pipes.seekable(path) as readable:
      assert readable == path


def test_copies_are_removed_at_exit(tmp_path):
  wav = sounds.write_sndfile(tmp_path / 'a.wav', sounds.tone(1.0), 16_000)
  program = 'from seetalk_jax.media import audio; print(audio.load_speech("/dev/stdin").num_frames)'
  environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'TMPDIR': str(tmp_path / 'temporary')}
  (tmp_path / 'temporary').mkdir()
  ran = subprocess.run(
    [sys.executable, '-c', program], input=wav.read_bytes(), env=environment, capture_output=True, check=True
  )
  assert ran.stdout == b'25\n' and not list((tmp_path / 'temporary').iterdir())


def test_a_pipe_in_a_list_is_one_line(tmp_path, capsys):
  os.mkfifo(tmp_path / 'pipe')
  (tmp_path / 'list.txt').write_text(f'{tmp_path}/pipe\n')
  argv = ['generate', '--list', str(tmp_path / 'list.txt'), '--out-dir', str(tmp_path / 'out')]
  assert main.main(argv) == 2
  assert (
    capsys.readouterr().err
    == f'error: a pipe in the list, {tmp_path}/pipe: give files, or SPEECH -o OUT.mp4 for one pipe\n'
  )
