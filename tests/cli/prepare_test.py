"""`seetalk prepare`: bad input is one line."""

from __future__ import annotations

import json
import pathlib

import green_faces
import pytest

from seetalk_jax.cli import main


@pytest.fixture(autouse=True)
def _reader(monkeypatch):
  green_faces.use(monkeypatch)  # no MediaPipe model is needed


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (['nowhere', 'out'], 'no such folder'),
    (['.', 'out'], 'no videos'),
    (['.', 'out', '--layout', 'tree'], 'layout'),
    (['.', 'out', '--size', '0'], 'size'),
    (['.', 'out', '--max-outside', '1.5'], 'max-outside'),
  ],
)
def test_bad_input_is_one_line(tmp_path, monkeypatch, capsys, arguments, message):
  monkeypatch.chdir(tmp_path)
  assert main.main(['prepare', *arguments, '--landmarker', 'model']) == 2
  error = capsys.readouterr().err
  assert error.startswith('error: ') and message in error and error.count('\n') == 1
  assert not pathlib.Path('out').exists()


def test_the_end_names_report_missing_splits_and_next_command(tmp_path, monkeypatch, capsys):
  monkeypatch.chdir(tmp_path)
  for clip in range(2):
    (tmp_path / 'raw' / 'me').mkdir(parents=True, exist_ok=True)
    green_faces.write(tmp_path / 'raw' / 'me' / f'{clip}.mp4', seconds=1.4, seed=clip)
  command = ['prepare', 'raw', 'out', '--landmarker', 'model', '--processes', '0', '--min-sharpness', '0']
  assert main.main(command) == 0
  said = capsys.readouterr().err
  assert 'out/report.html' in said and 'no recording is in the validation split' in said
  assert '--layout person' in said and """--config.corpora="('out',)\"""" in said
  assert main.main([*command, '--json']) == 0  # finished before
  said = json.loads(capsys.readouterr().out)
  assert said['missing_splits'] == ['validation', 'test'] and said['report'] == 'out/report.html'
  assert said['next'].startswith('python train.py --config configs/all.py:real-person ')
  # The same recordings as of one person: one of them is held out.
  command[2] = 'person'
  assert main.main([*command, '--layout', 'person', '--json']) == 0
  assert json.loads(capsys.readouterr().out)['missing_splits'] == ['test']
