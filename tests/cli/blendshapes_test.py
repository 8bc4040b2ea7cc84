"""`seetalk blendshapes`: motion of a video as a file; one-line errors for other inputs."""

import importlib.util
import json

import green_faces
import numpy as np
import pytest
import sounds

from seetalk_jax.cli import main
from seetalk_jax.constants import MOTION_FIELDS
from seetalk_jax.media import face, motion_files

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


def _speech(folder):
  sounds.write_sndfile(folder / 'in.wav', sounds.tone(0.4, 16_000, 1), 16_000)
  return 'in.wav'


def _nobody(folder):
  green_faces.write(folder / 'in.mp4', seconds=1.0, squares=())
  return 'in.mp4'


def _two(folder):
  green_faces.write(folder / 'in.mp4', seconds=1.0, squares=((20, 40, 80), (180, 40, 80)))
  return 'in.mp4'


def _text(folder):
  (folder / 'in.mp4').write_text('no video\n' * 50)
  return 'in.mp4'


@pytest.mark.parametrize(
  'make, message',
  [
    (_speech, 'from speech'),
    (_nobody, 'a face in 0 of 25 frames'),
    (_two, 'several faces'),
    (_text, 'not a video'),
    (lambda folder: 'none.mp4', 'no such file'),
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
