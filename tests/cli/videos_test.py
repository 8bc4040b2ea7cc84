"""Videos of a command: number of times that recordings are decoded."""

import pathlib

import pytest
import sounds

from seetalk_jax.cli import main
from seetalk_jax.inference import pipeline
from seetalk_jax.media import audio
from seetalk_jax.testing import tiny_release


@pytest.fixture
def decoded(monkeypatch, tmp_path):
  """Names of the decoded recordings, in a working directory with two recordings only."""
  monkeypatch.setattr(pipeline.SeeTalk, 'load', tiny_release.load)
  monkeypatch.chdir(tmp_path)
  for name in ('one.wav', 'two.wav'):
    sounds.write_sndfile(name, sounds.tone(0.3), 16_000)
  names, load = [], audio.load_speech
  monkeypatch.setattr(audio, 'load_speech', lambda path: names.append(str(path)) or load(path))
  return names


def generate(*argv):
  assert (
    main.main(['generate', *argv, '--checkpoint', tiny_release.shared(), '--device', 'cpu', '--quiet']) == 0
  )


def test_a_single_recording_is_decoded_once(decoded):
  for options in ([], ['--overwrite'], ['--resume']):
    generate('one.wav', '-o', 'talk.mp4', *options)
    assert decoded == ['one.wav']
    decoded.clear()


def test_recordings_of_a_list_are_all_checked_before_the_first_video(decoded):
  pathlib.Path('list.txt').write_text('one.wav\ntwo.wav\n')
  argv = ['--list', 'list.txt', '--out-dir', 'out', '--devices', '1']
  generate(*argv)
  assert decoded == 2 * ['one.wav', 'two.wav']
  decoded.clear()
  pathlib.Path('out/two.mp4').unlink()
  generate(*argv, '--resume')
  assert decoded == ['one.wav', 'two.wav', 'two.wav']  # the first video is already complete
