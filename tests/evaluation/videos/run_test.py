"""Run of a video evaluation: settings, generated videos, parts that share a workdir, outputs."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import green_faces
import numpy as np
import pytest

from seetalk_jax.configs import eval as eval_config
from seetalk_jax.errors import ConfigError, InputError
from seetalk_jax.evaluation import runner
from seetalk_jax.evaluation.videos import run
from seetalk_jax.media import face, timeline
from seetalk_jax.testing import tiny_release

ROOT = pathlib.Path(__file__).resolve().parents[3]


@pytest.fixture
def landmarker(tmp_path, monkeypatch):
  """A landmarker file in the place of MediaPipe's; faces are green squares."""
  path = tmp_path / 'face_landmarker.task'
  path.write_bytes(b'model')
  monkeypatch.setattr(face, 'landmarker_file', lambda *args, **options: str(path))
  monkeypatch.setattr(face, 'open_face_reader', lambda path: contextlib.nullcontext(green_faces.read))
  return str(path)


def folder(path, *names, **options):
  path.mkdir()
  for name in names:
    green_faces.write(path / f'{name}.mp4', seconds=1.4, **options)
  return str(path)


def config_of(**settings):
  config = eval_config.get_config()
  config.protocol.side = 64
  config.update(settings)
  return config


def evaluate(config, tmp_path, landmarker):
  options = runner.Options(str(tmp_path / 'work'), landmarker=landmarker)
  assert runner.run(config, options) == 0


def test_a_whole_run_writes_metrics_and_report(tmp_path, landmarker, capsys):
  config = config_of(pred=folder(tmp_path / 'pred', 'a'), real=folder(tmp_path / 'real', 'a', 'b'))
  evaluate(config, tmp_path, landmarker)
  metrics = json.loads((tmp_path / 'work' / 'metrics.json').read_text())
  assert list(metrics['rows']) == ['pred', 'real', 'copy', 'shuffled']
  assert metrics['rows']['pred']['psnr']['value'] == 100.0
  assert set(metrics['weights']) == {'face_landmarker'}
  assert (tmp_path / 'work' / 'report.html').is_file()
  assert 'PSNR, dB' in capsys.readouterr().out


def test_parts_measure_all_that_a_run_needs(tmp_path, landmarker, capsys):
  pred, real = (
    folder(tmp_path / 'pred', 'a', 'b', 'x'),
    folder(tmp_path / 'real', 'a', 'b', 'c', size=(200, 320)),
  )
  for part in ('1/3', '2/3', '3/3'):
    evaluate(config_of(pred=pred, real=real, part=part), tmp_path, landmarker)
    assert not (tmp_path / 'work' / 'metrics.json').exists()
  capsys.readouterr()
  evaluate(config_of(pred=pred, real=real), tmp_path, landmarker)
  assert ' 0 results computed' in ' ' + capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
def test_a_killed_process_goes_on_with_what_is_missing(tmp_path, landmarker):
  pred, real = folder(tmp_path / 'pred', 'a', 'b', seed=1), folder(tmp_path / 'real', 'a', 'b')
  broken = tmp_path / 'broken'
  program = [sys.executable, str(ROOT / 'tests/helpers/green_evaluation.py'), pred, real, broken, landmarker]

  def start():
    return subprocess.Popen(program, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

  def stored():
    return sorted(broken.glob('measured/[!.]*.npz'))

  process = start()
  deadline = time.monotonic() + 240
  while len(stored()) < 2 and process.poll() is None and time.monotonic() < deadline:
    time.sleep(0.01)
  process.kill()
  _, err = process.communicate()
  assert process.returncode == -signal.SIGKILL, err[-3000:]
  done = stored()
  written = [path.stat().st_mtime_ns for path in done]
  assert len(done) >= 2 and not (broken / 'metrics.json').exists()
  process = start()
  _, err = process.communicate(timeout=300)
  assert process.returncode == 0, err[-3000:]
  assert len(done) < len(stored())
  computed = int(re.search(r'(\d+) results computed', err)[1])
  assert computed == len(stored()) - len(done) > 0
  assert [path.stat().st_mtime_ns for path in done] == written
  evaluate(config_of(pred=pred, real=real), tmp_path, landmarker)  # without a break, in tmp_path / 'work'
  whole, found = (json.loads((tmp_path / each / 'metrics.json').read_text()) for each in ('work', 'broken'))
  assert found['rows'] == whole['rows'] and found['videos'] == whole['videos']


@pytest.mark.slow
def test_generated_videos_are_as_long_as_the_real_ones_and_are_kept(
  tmp_path, landmarker, monkeypatch, capsys
):
  from seetalk_jax.evaluation.videos import generation

  def find(pixels, source):
    if not (pixels[..., 1] > 140).any():
      raise InputError(f'no face found, {source}: give another picture')
    return face.portrait_box(green_faces.read(pixels).landmarks[0] * np.array(pixels.shape[1::-1]))

  monkeypatch.setattr(generation, 'face_finder', lambda landmarker: contextlib.nullcontext(find))
  real = folder(tmp_path / 'real', 'a', 'b')
  green_faces.write(tmp_path / 'real' / 'silent.mp4', seconds=1.4, sound=None)
  config = config_of(checkpoint=tiny_release.shared(), real=real)
  config.protocol.max_seconds = 1.0
  evaluate(config, tmp_path, landmarker)
  assert 'silent.mp4 is left out: no sound' in capsys.readouterr().err
  (made,) = (tmp_path / 'work').glob('generated-*')
  assert sorted(path.name for path in made.iterdir()) == ['a.mp4', 'b.mp4']
  frames = list(timeline.grid_frames(made / 'a.mp4'))
  assert len(frames) == 25
  assert frames[0][1].shape == next(timeline.grid_frames(tmp_path / 'real' / 'a.mp4'))[1].shape
  metrics = json.loads((tmp_path / 'work' / 'metrics.json').read_text())
  assert metrics['generated_by']['checkpoint'] == tiny_release.shared()
  assert metrics['rows']['pred']['psnr']['count'] == 2
  before = os.stat(made / 'a.mp4').st_mtime_ns
  evaluate(config, tmp_path, landmarker)
  assert os.stat(made / 'a.mp4').st_mtime_ns == before


def test_wrong_settings_are_one_line(tmp_path, landmarker):
  real = folder(tmp_path / 'real', 'a')
  for settings, message in (
    (dict(real=real), 'set one of --config.pred=DIR'),
    (dict(pred=real, checkpoint='demo'), 'set one of --config.pred=DIR'),
    (dict(checkpoint=tiny_release.shared()), 'set --config.real=DIR'),
    (dict(pred=str(tmp_path / 'missing')), 'no videos'),
  ):
    with pytest.raises(InputError, match=message):
      evaluate(config_of(**settings), tmp_path, landmarker)
  config = config_of(pred=real)
  config.protocol.framing = 'square'
  with pytest.raises(ConfigError, match=r'config\.protocol: framing must be'):
    evaluate(config, tmp_path, landmarker)


@pytest.mark.parametrize('text', ['0/2', '3/2', '1', 'a/b', '1/2/3'])
def test_wrong_parts_are_refused(text):
  with pytest.raises(ConfigError, match=r'config\.part must be I/N'):
    run.part_of(text)
  assert run.part_of('2/3') == (1, 3)
  assert run.part_of('') is None
