"""Reenactment of portraits by a video: source of the motion, length, sound, errors."""

import json
import os
import pathlib

import numpy as np
import pytest
import sounds
from read_video import read_video

from seetalk_jax.cli import main
from seetalk_jax.errors import InputError
from seetalk_jax.inference import motion_sampler, pipeline, unfinished_video
from seetalk_jax.media import audio, driving, face, image, segments, video
from seetalk_jax.testing import tiny_release

SIDE = tiny_release.SIDE
NUM_FRAMES = motion_sampler.READ_BATCH + 7


@pytest.fixture(scope='module')
def pipe():
  return tiny_release.load(tiny_release.shared())


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
  """A working directory with a portrait and a driving video, both already cropped."""
  monkeypatch.setattr(pipeline.SeeTalk, 'load', tiny_release.load)
  monkeypatch.delenv(face.LANDMARKER_VARIABLE, raising=False)
  monkeypatch.chdir(tmp_path)
  image.save_png('face.png', picture(5), {image.CROP_VERSION_KEY: str(face.PORTRAIT_CROP.version)})
  sound = audio.speech_from_array(sounds.tone(2.0)).sound
  with video.VideoWriter('drive.mp4', size=(SIDE, SIDE), sound=sound) as writer:
    writer.write(np.stack([picture(i) for i in range(NUM_FRAMES)]))


def picture(number):
  rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
  waves = [np.sin(6 * rows + number / 3 + k) * np.cos(5 * columns - number / 5 + k) for k in range(3)]
  return np.uint8(127 + 120 * np.stack(waves, axis=-1))


def run(capsys, *argv):
  status = main.main([str(arg) for arg in argv])
  captured = capsys.readouterr()
  return status, captured.out, captured.err


def test_motion_is_that_of_the_frames(pipe):
  drive = driving.open_driving('drive.mp4', aligned=True)
  frames = np.concatenate(list(drive.crops(SIDE, 8)))
  codec, variables = pipe.networks.modules['motion_codec'], pipe.networks.variables('motion_codec')
  read = np.asarray(codec.apply(variables, frames.astype(np.float32) / 127.5 - 1, method='motion'))
  m_0 = codec.apply(variables, picture(5)[None].astype(np.float32) / 127.5 - 1, method='motion')
  absolute = pipe.reenact(picture(5), drive, relative=False)
  relative = pipe.reenact(picture(5), drive)
  assert absolute.motion.shape == (NUM_FRAMES, 256) and np.ptp(read, axis=0).max() > 0.01
  np.testing.assert_allclose(absolute.motion, read, atol=2e-3)
  np.testing.assert_allclose(relative.motion[0], np.asarray(m_0)[0], atol=2e-3)
  np.testing.assert_allclose(np.diff(relative.motion, axis=0), np.diff(read, axis=0), atol=4e-3)
  assert relative.frames.shape == (NUM_FRAMES, SIDE, SIDE, 3)
  assert (relative.frames != absolute.frames).any()


def test_a_given_motion_is_drawn(pipe):
  """Equal latents give equal frames; an edited track changes the edited frames and later ones only."""
  clip = pipe.reenact(picture(5), driving.open_driving('drive.mp4', aligned=True))
  again = pipe.render(picture(5), clip.motion, speech=sounds.tone(1.0))
  np.testing.assert_array_equal(again.frames, clip.frames)
  assert again.sound is not None and again.speech.num_frames == 25
  edited = clip.motion.copy()
  edited[12:] += 3.0
  changed = (pipe.render(picture(5), edited).frames != clip.frames).any(axis=(1, 2, 3))
  assert not changed[:12].any() and changed[12:].all()
  for wrong in (edited[:, :-1], edited[:0], np.where(edited > 3, np.nan, edited)):
    with pytest.raises(InputError, match='argument motion'):
      pipe.render(picture(5), wrong)


def test_a_video_that_stands_still_moves_nothing(pipe):
  with video.VideoWriter('still.mp4', size=(SIDE, SIDE)) as writer:
    writer.write(np.repeat(picture(1)[None], 9, axis=0))
  clip = pipe.reenact(picture(5), driving.open_driving('still.mp4', aligned=True))
  assert clip.speech is None and clip.sound is None and clip.audio_seconds == 0
  assert np.abs(np.diff(clip.motion, axis=0)).max() < 0.05
  clip.save('out.mp4')  # without sound
  assert len(read_video('out.mp4')) == 9


def test_one_batch_is_read_at_a_time(pipe, monkeypatch):
  drive = driving.open_driving('drive.mp4', aligned=True)
  sizes, read = [], motion_sampler.MotionSampler.read
  monkeypatch.setattr(
    motion_sampler.MotionSampler,
    'read',
    lambda self, frames: sizes.append(len(frames)) or read(self, frames),
  )
  reports = []
  pipe.reenact(picture(5), drive, progress=lambda *what: reports.append(what))
  assert sizes == [motion_sampler.READ_BATCH, NUM_FRAMES - motion_sampler.READ_BATCH]
  assert ('motion', motion_sampler.READ_BATCH, NUM_FRAMES) in reports


def test_command_keeps_length_and_sound(pipe, capsys):
  argv = ['animate', 'face.png', '--driving', 'drive.mp4', '--aligned', '--checkpoint', pipe.checkpoint]
  status, out, err = run(capsys, *argv, '-o', 'a.mp4', '--json', '--size', 96)
  assert (status, err) == (0, '')
  result = json.loads(out)
  assert (result['frames'], result['width'], result['motion']) == (NUM_FRAMES, 96, 'relative')
  assert result['audio_seconds'] == pytest.approx(NUM_FRAMES / 25, abs=1e-3)
  assert len(read_video('a.mp4')) == NUM_FRAMES
  made, given = (
    audio.load_speech('a.mp4').waveform,
    audio.load_speech('drive.mp4').waveform[: NUM_FRAMES * 640],
  )
  assert abs(len(made) - len(given)) <= 640
  count = min(len(made), len(given))
  assert np.corrcoef(made[:count], given[:count])[0, 1] > 0.98
  assert 'Synthetic' in video.read_metadata('a.mp4')['title']
  # Videos of this library need neither --aligned nor a landmarker.
  argv = [
    'animate',
    'face.png',
    '--driving',
    'a.mp4',
    '-o',
    'b.mp4',
    '--checkpoint',
    pipe.checkpoint,
    '--absolute',
  ]
  assert run(capsys, *argv, '--quiet') == (0, '', '')
  assert sorted(path.name for path in pathlib.Path().glob('*.mp4')) == ['a.mp4', 'b.mp4', 'drive.mp4']


def test_reenactment_goes_on(pipe, capsys, monkeypatch):
  monkeypatch.setattr(segments, 'SEGMENT_FRAMES', 8)
  argv = ['animate', 'face.png', '--driving', 'drive.mp4', '--aligned', '--checkpoint', pipe.checkpoint]
  assert run(capsys, *argv, '-o', 'whole.mp4')[0] == 0
  write = video.VideoWriter.write

  def broken(self, frames):
    if 'segment-00002' in self.path.name:
      raise ZeroDivisionError
    write(self, frames)

  with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
    patch.setattr(video.VideoWriter, 'write', broken)
    main.main([*argv, '-o', 'talk.mp4'])
  assert len(list(unfinished_video.folder_of('talk.mp4').glob('segment*'))) == 2
  status, _, err = run(capsys, *argv, '-o', 'talk.mp4', '--resume', '--absolute')
  assert status == 2 and 'motion relative there, absolute here' in err
  with monkeypatch.context() as patch:
    patch.setattr(motion_sampler.MotionSampler, 'read_video', None)
    assert run(capsys, *argv, '-o', 'talk.mp4', '--resume')[0] == 0
  assert pathlib.Path('talk.mp4').read_bytes() == pathlib.Path('whole.mp4').read_bytes()
  assert 'finished before' in run(capsys, *argv, '-o', 'talk.mp4', '--resume')[1]


BAD = {
  'both': (['speech.wav', '--driving', 'drive.mp4'], 'give one of them'),
  'neither': ([], 'give one of them'),
  'missing': (['--driving', 'missing.mp4'], 'no such driving video.*missing.mp4'),
  'no video': (['--driving', 'face.txt'], 'not a video.*face.txt'),
  'sound alone': (['--driving', 'sound.wav'], 'no picture.*sound.wav'),
  'no way to find the face': (['--driving', 'drive.mp4'], '--aligned'),
  'relative and absolute': (['--driving', 'drive.mp4', '--relative', '--absolute'], '--absolute'),
  'relative speech': (['sound.wav', '--relative'], 'belong to --driving'),
  'steps': (['--driving', 'drive.mp4', '--aligned', '--steps', '3'], '--steps'),
  'over the input': (['--driving', 'out.mp4', '--aligned', '--overwrite'], 'one of the inputs'),
}


@pytest.mark.parametrize('kind', list(BAD))
def test_bad_input_is_one_line_and_leaves_nothing(kind, pipe, capsys):
  import re

  pathlib.Path('face.txt').write_text('a face')
  sounds.write_sndfile(pathlib.Path('sound.wav'), sounds.tone(0.5), 16_000)
  if kind == 'over the input':
    os.link('drive.mp4', 'out.mp4')
  before = sorted(pathlib.Path().iterdir())
  argv, message = BAD[kind]
  status, out, err = run(
    capsys, 'animate', 'face.png', *argv, '-o', 'out.mp4', '--checkpoint', pipe.checkpoint
  )
  assert status == 2 and out == ''
  assert err.startswith('error: ') and err.count('\n') == 1 and re.search(message, err), err
  assert sorted(pathlib.Path().iterdir()) == before
