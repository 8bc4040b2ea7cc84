"""What the web demo does: limits, portraits, videos with their files, controls from a motion file, cancelling."""

import json
import threading

import numpy as np
import pytest
import soundfile
import sounds
from read_video import read_video

from seetalk_jax.app import studio as studio_lib
from seetalk_jax.app.studio import NUM_PORTRAITS, Files, Progress, Studio, VideoSettings
from seetalk_jax.errors import InputError
from seetalk_jax.media import motion_files
from seetalk_jax.testing import tiny_release


@pytest.fixture(scope='module')
def studio():
  return Studio(tiny_release.load(tiny_release.shared()), max_seconds=3)


@pytest.fixture(scope='module')
def speech(studio, tmp_path_factory):
  path = tmp_path_factory.mktemp('speech') / 'a.wav'
  sounds.write_sndfile(path, sounds.tone(0.9), 16_000)
  return studio.recording(str(path))


@pytest.fixture(scope='module')
def faces(studio, speech):
  return studio.portraits(speech, 1)


def test_portraits_are_those_of_the_pipeline(studio, speech, faces):
  assert len(faces) == NUM_PORTRAITS
  np.testing.assert_array_equal(faces, studio.pipe.portrait(speech, NUM_PORTRAITS, 1))


def test_a_video_comes_with_its_files(studio, speech, faces, tmp_path, monkeypatch):
  monkeypatch.setattr(studio_lib, '_PREVIEW_EVERY_S', 0.0)
  *steps, files = studio.draw(speech, faces[1], VideoSettings(seed=1, size=32), tmp_path)
  assert steps and all(isinstance(step, Progress) for step in steps) and isinstance(files, Files)
  assert [step.done for step in steps] == sorted(step.done for step in steps)
  assert all(step.total == 23 for step in steps)
  shown = [step.frame for step in steps if step.frame is not None]
  assert shown and all(frame.dtype == np.uint8 and frame.shape[-1] == 3 for frame in shown)
  assert len(read_video(files.video)) == 23
  assert len(motion_files.read(files.blendshapes)) == 23
  chosen = json.loads(files.settings.read_text())
  assert chosen['settings']['seed'] == 1 and chosen['made']['frames'] == 23
  direct = studio.pipe(speech, portrait=faces[1], seed=1, size=32)
  assert chosen['made']['job'] == direct.record['job']


def test_long_inputs_are_refused(studio, tmp_path):
  soundfile.write(tmp_path / 'long.wav', sounds.tone(3.5), 16_000)
  for wrong, message in (
    (lambda: studio.recording(str(tmp_path / 'long.wav')), 'at most 3 s'),
    (lambda: studio.recording(None), 'no speech'),
    (lambda: studio.spoken('word ' * 100, 'en-us', 160), 'at most 75'),
    (lambda: studio.spoken('one two three four five six seven', 'en-us', 80), 'at most 3 s'),
  ):
    with pytest.raises(InputError, match=message):
      wrong()


def test_typed_text_is_spoken(studio):
  assert 0.5 < studio.spoken('Hello.', 'en-us+f2', 200).seconds < 3


def test_controls_come_from_a_motion_file(studio, tmp_path):
  motion = np.zeros((10, 58), np.float32)
  motion[:, motion_files.MOTION_FIELDS.index('yaw')] = np.linspace(0, 0.3, 10)
  path = tmp_path / 'motion.json'
  motion_files.write(path, motion, np.full(58, 1, np.uint8))
  settings = VideoSettings(emotion='happy', intensity=0.5, motion_file=str(path), from_file=('pose',))
  found = studio.controls(settings, 14)
  assert found['emotion'] == ('happy', 0.5) and found['pose'].shape == (14, 3)
  np.testing.assert_allclose(
    found['pose'][:10, 0], motion[:, motion_files.MOTION_FIELDS.index('yaw')], atol=1e-6
  )
  np.testing.assert_allclose(found['pose'][10:], found['pose'][9:10].repeat(4, 0))  # the last row is held
  with pytest.raises(InputError, match='no motion file'):
    studio.controls(VideoSettings(from_file=('blink',)), 14)


def test_a_visitor_who_leaves_ends_the_drawing(studio, speech, faces, tmp_path):
  before = threading.active_count()
  drawing = studio.draw(speech, faces[0], VideoSettings(), tmp_path)
  next(drawing)
  drawing.close()
  assert threading.active_count() <= before
  assert not (tmp_path / 'talk.mp4').exists()


def test_errors_of_the_drawing_reach_the_caller(studio, speech, faces, tmp_path):
  with pytest.raises(InputError, match='size'):
    list(studio.draw(speech, faces[0], VideoSettings(size=15), tmp_path))
  with pytest.raises(InputError):
    list(studio.draw(speech, faces[0], VideoSettings(), tmp_path / 'missing'))
