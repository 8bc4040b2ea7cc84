"""benchmarks/compression.py: encodings of a clip, a whole run on green squares, and its table."""

import json

import av
import green_faces
import numpy as np
import pytest

from benchmarks import compression
from seetalk_jax.evaluation.videos import sources
from seetalk_jax.evaluation.videos.comparison import Difference


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
  """A folder with a video, and one without sound."""
  folder = tmp_path_factory.mktemp('clips')
  green_faces.write(folder / 'a.mp4', seconds=1.4, size=(200, 320), seed=1)
  green_faces.write(folder / 'silent.mp4', seconds=1.4, size=(200, 320), sound=None, seed=2)
  return folder


def test_encodings_keep_frames_and_sound(clips, tmp_path):
  clip = sources.VideoFile(clips / 'a.mp4')
  original, sound = np.stack(list(clip.frames())), clip.waveform()
  errors = {}
  for name, variant in compression.VARIANTS.items():
    same = tmp_path / f'{variant.pictures}.mov' if variant.pictures else None
    compression.encode(clip, tmp_path / f'{name}.mov', variant, same)
    made = sources.VideoFile(tmp_path / f'{name}.mov')
    frames, heard = np.stack(list(made.frames())), made.waveform()
    assert frames.shape == original.shape
    errors[name] = np.abs(frames.astype(float) - original).mean()
    count = min(len(sound), len(heard))
    assert abs(len(sound) - len(heard)) < 1100  # the last block of AAC
    lags = [
      np.corrcoef(sound[100 : count - 100], heard[100 + lag : count - 100 + lag])[0, 1]
      for lag in range(-99, 100)
    ]
    assert max(lags) > 0.97 and abs(int(np.argmax(lags)) - 99) <= 1  # in time by 1/16000 s
    with av.open(str(tmp_path / f'{name}.mov')) as container:
      assert container.streams.audio[0].codec_context.name == variant.sound
      assert container.streams.video[0].codec_context.name == 'h264'
  assert errors['crf18'] == errors['crf18-pcm'] < errors['crf28']


@pytest.mark.slow
def test_a_run_prints_a_table_goes_on_and_leaves_out_a_broken_clip(clips, tmp_path, monkeypatch, capsys):
  green_faces.use(monkeypatch)
  landmarker = tmp_path / 'face_landmarker.task'
  landmarker.write_bytes(b'model')
  folder = tmp_path / 'clips'
  folder.mkdir()
  for clip in clips.iterdir():
    (folder / clip.name).write_bytes(clip.read_bytes())
  monkeypatch.setattr(sources.VideoFile, 'frames', _breaking(sources.VideoFile.frames))
  (folder / 'broken.mp4').write_bytes((clips / 'a.mp4').read_bytes())
  workdir, figures = tmp_path / 'work', tmp_path / 'figures.json'
  command = [str(folder), '--landmarker', str(landmarker), '--workdir', str(workdir), '--json', str(figures)]
  assert compression.main(command) == 0
  printed = capsys.readouterr()
  assert 'broken.mp4 is left out: damaged' in printed.err
  rows = {line.split(' | ')[0].strip('| '): line for line in printed.out.splitlines()}
  assert '+0, +0 to +0' in rows['CPBD'].split(' | ')[4]  # pictures do not depend on the codec of the sound
  assert rows['PSNR, dB'].split(' | ')[2].startswith('value ')
  found = json.loads(figures.read_text())
  assert list(found) == list(compression.COMPARED)
  assert found['CRF 28 against CRF 18']['psnr']['value'] < 0
  assert found['AAC against PCM']['psnr']['count'] == 2
  before = {path: path.stat().st_mtime_ns for path in workdir.rglob('*') if path.suffix in ('.mov', '.npz')}
  assert compression.main(command) == 0
  assert before == {path: path.stat().st_mtime_ns for path in before}
  assert capsys.readouterr().out == printed.out


def _breaking(frames):
  """Frames of a file that break off if it is named broken."""

  def broken(self):
    for i, pixels in enumerate(frames(self)):
      if self.name == 'broken' and i == 20:
        raise compression.InputError(f'damaged video (end), {self.path}: give a whole file')
      yield pixels

  return broken


def test_intervals_that_contain_0_are_in_parentheses():
  differences = {
    'one': {'cpbd': Difference(0.5, 0.4, -0.1, -0.2, -0.05, 9)},
    'two': {'cpbd': Difference(0.4, 0.45, 0.05, -0.1, 0.2, 9)},
  }
  assert compression.table(differences).splitlines()[-1] == (
    '| CPBD | 0.5 | -0.1, -0.2 to -0.05 | (+0.05, -0.1 to +0.2) | 9 |'
  )


def test_wrong_input_is_one_line(tmp_path, capsys):
  (tmp_path / 'model.task').write_bytes(b'model')
  command = [str(tmp_path / 'missing'), '--landmarker', str(tmp_path / 'model.task')]
  assert compression.main(command) == 2
  error = capsys.readouterr().err
  assert error.startswith('error: ') and error.count('\n') == 1
