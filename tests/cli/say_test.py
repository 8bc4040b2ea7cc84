"""`seetalk say`: a video as long as its speech, the speech as a file, text from stdin, wrong arguments."""

import io
import json
import pathlib

import pytest
import soundfile
from read_video import read_video

from seetalk_jax.cli import main
from seetalk_jax.inference import pipeline
from seetalk_jax.testing import tiny_release


@pytest.fixture
def say(monkeypatch, tmp_path, capsys):
  """`say('Hello', ...)`: exit status, stdout and stderr of the command in an empty folder on a tiny release."""
  monkeypatch.setattr(pipeline.SeeTalk, 'load', tiny_release.load)
  monkeypatch.chdir(tmp_path)

  def run(*argv):
    status = main.main(
      ['say', *argv, '--checkpoint', str(tiny_release.shared()), '--device', 'cpu', '--quiet']
    )
    return status, *capsys.readouterr()

  return run


def test_the_video_is_as_long_as_its_speech(say):
  status, out, _ = say('Hi.', '--voice', 'de+f2', '-o', 'a.mp4', '--save-speech', 'a.wav', '--json')
  result = json.loads(out)
  assert status == 0 and result['voice'] == 'de+f2'
  speech = soundfile.info('a.wav')
  assert (speech.samplerate, speech.channels) == (16_000, 1)
  assert result['audio_seconds'] == pytest.approx(speech.duration, abs=1e-3)
  assert len(read_video('a.mp4')) == result['frames'] == -(-speech.frames // 640)


def test_text_comes_from_stdin(say, monkeypatch):
  monkeypatch.setattr('sys.stdin', io.StringIO('Hi.'))
  piped = json.loads(say('-', '-o', 'b.mp4', '--json')[1])
  given = json.loads(say('Hi.', '-o', 'c.mp4', '--json')[1])
  assert piped['job'] == given['job']  # the same frames


def test_voices_are_listed(say):
  status, out, _ = say('--voices', '--json')
  found = json.loads(out)
  assert status == 0 and 'en-us' in found['languages'] and 'f3' in found['variants']


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (('Hi.',), 'no text or no output'),
    (('Hi.', '-o', 'a.mp4', '--save-speech', 'a.mp3'), 'a.mp3: end it in .wav'),
    (('Hi.', '-o', 'a.mp4', '--voice', 'en-us+x9'), "unknown variant 'x9'"),
    (('Hi.', '-o', 'a.mp4', '--save-speech', 'taken.wav'), 'the output exists, taken.wav'),
    (('Hi.', '-o', 'a.mp4', '--rate', '5'), 'rate'),
  ],
)
def test_mistakes_are_one_line_and_write_nothing(say, arguments, message):
  pathlib.Path('taken.wav').write_bytes(b'mine')
  status, out, err = say(*arguments)
  assert (status, out) == (2, '') and message in err and err.count('\n') == 1
  assert [path.name for path in pathlib.Path().iterdir()] == ['taken.wav']
