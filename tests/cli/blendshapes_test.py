"""`seetalk blendshapes`: motion of speech or of a video as a file; one-line errors for other inputs."""

import importlib.util
import json
import os
import threading

import green_faces
import numpy as np
import pytest
import sounds
from PIL import Image

import seetalk_jax
from seetalk_jax.cli import main
from seetalk_jax.constants import COEFFICIENTS, MOTION_FIELDS
from seetalk_jax.inference import pipeline
from seetalk_jax.media import face, motion_files
from seetalk_jax.testing import tiny_release

LANDMARKER_FILE = face.landmarker_file


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
  green_faces.use(monkeypatch)
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'model.task').write_text('model')
  monkeypatch.setenv(face.LANDMARKER_VARIABLE, str(tmp_path / 'model.task'))


def say(capsys, *arguments):
  """(exit status, stdout, stderr) of the command."""
  status = main.main(['blendshapes', *map(str, arguments)])
  said = capsys.readouterr()
  return status, said.out, said.err


def test_a_video_becomes_a_csv_and_a_json_file(tmp_path, capsys):
  green_faces.write(tmp_path / 'talk.mp4', seconds=2.0, drift=8.0)
  status, out, _ = say(capsys, 'talk.mp4', '-o', 'talk.csv', '--json')
  assert status == 0
  assert json.loads(out) == {'output': 'talk.csv', 'frames': 50, 'fps': 25, 'detected': 50}
  assert motion_files.read('talk.csv').shape == (50, 58)
  assert (
    say(capsys, 'talk.mp4', '-o', 'talk.json')[1] == 'talk.json (50 frames at 25 fps, a face found in 50)\n'
  )
  motion = motion_files.read('talk.json')
  np.testing.assert_allclose(motion[:, :55], motion_files.read('talk.csv')[:, :55], atol=1e-5)
  shift = motion[:, MOTION_FIELDS.index('shift_x')]
  assert shift[-1] > shift[0]  # the face drifts to the right
  content = json.loads((tmp_path / 'talk.json').read_text())
  assert content['status'][MOTION_FIELDS.index('tongueOut')] == 'absent'


def test_frames_without_a_face_repeat_the_nearest(tmp_path, capsys, monkeypatch):
  green_faces.write(tmp_path / 'talk.mp4', seconds=2.0, drift=40.0)
  found_by = green_faces.read

  def read(pixels):
    """Does not find the face before it is in the middle of the picture."""
    reading = found_by(pixels)
    found = pixels.shape == (240, 320, 3) and reading.landmarks[0, :, 0].mean() > 0.53
    return reading if found else type(reading)(*(None if part is None else part[:0] for part in reading))

  monkeypatch.setattr(green_faces, 'read', read)
  status, out, _ = say(capsys, 'talk.mp4', '-o', 'talk.json', '--json')
  found = json.loads(out)
  assert status == 0 and found['frames'] == 50 and 30 <= found['detected'] < 50
  motion, seen = motion_files.read('talk.json'), json.loads((tmp_path / 'talk.json').read_text())['detected']
  first = seen.index(True)
  np.testing.assert_array_equal(motion[:first], np.repeat(motion[first : first + 1], first, axis=0))


def test_output_files_are_kept_without_overwrite(tmp_path, capsys):
  green_faces.write(tmp_path / 'talk.mp4', seconds=1.0)
  (tmp_path / 'talk.csv').write_text('mine')
  status, _, err = say(capsys, 'talk.mp4', '-o', 'talk.csv')
  assert status == 2 and '--overwrite' in err and (tmp_path / 'talk.csv').read_text() == 'mine'
  assert say(capsys, 'talk.mp4', '-o', 'talk.csv', '--overwrite', '--quiet')[:2] == (0, '')


def _nobody(folder):
  green_faces.write(folder / 'in.mp4', seconds=1.0, squares=())
  return 'in.mp4'


def _two(folder):
  green_faces.write(folder / 'in.mp4', seconds=1.0, squares=((20, 40, 80), (180, 40, 80)))
  return 'in.mp4'


def _text(folder):
  (folder / 'in.mp4').write_text('no video\n' * 50)
  return 'in.mp4'


def _silence(folder):
  sounds.write_sndfile(folder / 'in.wav', np.zeros((16_000, 1)), 16_000)
  return 'in.wav'


def _empty(folder):
  (folder / 'in.wav').touch()
  return 'in.wav'


@pytest.mark.parametrize(
  'make, message',
  [
    (_nobody, 'a face in 0 of 25 frames'),
    (_two, 'several faces'),
    (_text, 'not an audio or video file, in.mp4'),
    (_silence, 'all silence'),
    (_empty, 'empty (0 bytes), in.wav'),
    (lambda folder: 'none.mp4', 'no such speech file, none.mp4'),
    (lambda folder: folder, 'folder'),
  ],
)
def test_other_inputs_are_errors_of_one_line(tmp_path, capsys, make, message):
  status, out, err = say(capsys, make(tmp_path), '-o', 'out.csv', '--json')
  assert (status, out, err.count('\n')) == (2, '', 1) and message in err
  assert not (tmp_path / 'out.csv').exists()


def test_other_outputs_and_a_missing_extra_are_errors_of_one_line(tmp_path, capsys, monkeypatch):
  green_faces.write(tmp_path / 'talk.mp4', seconds=1.0)
  status, _, err = say(capsys, 'talk.mp4', '-o', 'talk.txt')
  assert status == 2 and '.csv' in err and err.count('\n') == 1
  find_spec = importlib.util.find_spec
  monkeypatch.setattr(face, 'landmarker_file', LANDMARKER_FILE)
  monkeypatch.setattr(
    importlib.util, 'find_spec', lambda name, *rest: None if name == 'mediapipe' else find_spec(name, *rest)
  )
  status, _, err = say(capsys, 'talk.mp4', '-o', 'talk.csv', '--landmarker', 'model.task')
  assert status == 2 and 'MediaPipe is missing' in err and err.count('\n') == 1


# ---- motion straight from speech --------------------------------------------------------------------


@pytest.fixture
def speech(tmp_path):
  """A recording of 0.4 s beside the arguments of a tiny checkpoint."""
  sounds.write_sndfile(tmp_path / 'speech.wav', sounds.tone(0.4), 16_000)
  return ['speech.wav', '--checkpoint', tiny_release.shared(), '--device', 'cpu']


def test_speech_becomes_a_csv_and_a_json_file(tmp_path, capsys, speech):
  status, out, _ = say(
    capsys, *speech, '-o', 'talk.csv', '--seed', 2, '--steps', 3, '--guidance', 2, '--json'
  )
  found = json.loads(out)
  assert status == 0 and (found['output'], found['frames'], found['fps']) == ('talk.csv', 10, 25)
  assert (found['seed'], found['motion_steps'], found['motion_guidance']) == (2, 3, 2.0)
  assert found['audio_seconds'] == 0.4 and set(found['stage_seconds']) == {'speech', 'motion'}
  sampler = seetalk_jax.SpeechToBlendshapes.load(tiny_release.shared(), 'cpu')
  made = sampler('speech.wav', seed=2, steps=3, guidance_scale=2)
  np.testing.assert_allclose(motion_files.read('talk.csv')[:, :55], made.motion[:, :55], atol=1e-6)

  status, out, _ = say(capsys, *speech, '-o', 'talk.json', '--seed', 2)
  assert status == 0 and out.startswith('talk.json (10 frames at 25 fps, sampled from 0.40 s of speech')
  content = json.loads((tmp_path / 'talk.json').read_text())
  assert set(content['status']) == {'sampled'} and 'detected' not in content
  default = sampler('speech.wav', seed=2)
  np.testing.assert_allclose(motion_files.read('talk.json'), default.motion, atol=1e-6)
  assert np.array(content['frames'])[:, COEFFICIENTS].min() == 0


def test_same_seed_same_bytes_also_from_a_pipe(tmp_path, capsys, speech):
  assert say(capsys, *speech, '-o', 'a.csv')[0] == 0 and say(capsys, *speech, '-o', 'b.csv')[0] == 0
  assert say(capsys, *speech, '-o', 'c.csv', '--seed', 1)[0] == 0
  os.mkfifo(tmp_path / 'pipe')
  data = (tmp_path / 'speech.wav').read_bytes()
  writer = threading.Thread(target=(tmp_path / 'pipe').write_bytes, args=[data], daemon=True)
  writer.start()
  assert say(capsys, 'pipe', *speech[1:], '-o', 'd.csv')[0] == 0
  writer.join(timeout=10)
  first, again, other, piped = ((tmp_path / f'{name}.csv').read_bytes() for name in 'abcd')
  assert first == again == piped != other


def test_the_csv_drives_a_portrait(tmp_path, capsys, monkeypatch, speech):
  monkeypatch.setattr(pipeline.SeeTalk, 'load', tiny_release.load)
  assert say(capsys, *speech, '-o', 'talk.csv')[0] == 0
  Image.fromarray(np.full((64, 64, 3), 128, np.uint8)).save('face.png')
  argv = ['animate', 'face.png', '--aligned', '--driving', 'talk.csv', '-o', 'moved.mp4', '--json']
  assert main.main([*argv, *speech[1:]]) == 0
  assert json.loads(capsys.readouterr().out)['frames'] == 10


def test_sound_in_a_container_for_videos_is_speech(capsys, speech):
  sounds.write_av('speech.mp4', sounds.tone(0.4, 44_100), 44_100)
  status, out, _ = say(capsys, 'speech.mp4', *speech[1:], '-o', 'talk.csv')
  assert status == 0 and 'sampled from 0.4' in out


@pytest.mark.parametrize(
  'options, named',
  [
    (['--seed', '0'], '--seed for a video'),
    (['--checkpoint', 'demo', '--device', 'cpu'], '--checkpoint and --device for a video'),
    (['--steps', '5', '--guidance', '2'], '--steps and --guidance for a video'),
    (['--emotion', 'happy'], 'motion controls for a video'),
  ],
)
def test_options_of_sampling_are_refused_for_a_video(tmp_path, capsys, options, named):
  green_faces.write(tmp_path / 'talk.mp4', seconds=1.0)
  status, out, err = say(capsys, 'talk.mp4', '-o', 'talk.csv', *options)
  assert (status, out, err.count('\n')) == (2, '', 1) and named in err and 'talk.mp4 is measured' in err
  assert not (tmp_path / 'talk.csv').exists()


@pytest.mark.parametrize(
  'options, message',
  [
    (['--landmarker', 'model.task'], '--landmarker belongs to a video'),
    (['--emotion', 'happy'], "no control 'emotion' in this checkpoint"),
    (['--control-scale', 'pose=2'], '--control-scale pose without --pose'),
    (['--style', 'nobody.mp4'], 'no such file, nobody.mp4'),
    (['--checkpoint', 'nowhere'], 'no such checkpoint, nowhere'),
    (['--seed', '-1'], '--seed'),
    (['-o', 'talk.txt'], 'neither a .csv nor a .json name, talk.txt'),
    (['-o', 'none/talk.csv'], 'no such output folder'),
    (['--blink', 'out.csv', '--overwrite'], 'one of the inputs, out.csv'),
  ],
)
def test_mistakes_with_speech_are_one_line(tmp_path, capsys, speech, options, message):
  status, out, err = say(capsys, *speech, '-o', 'out.csv', *options)
  assert (status, out, err.count('\n')) == (2, '', 1) and message in err
  assert not (tmp_path / 'out.csv').exists() and not (tmp_path / 'talk.txt').exists()
