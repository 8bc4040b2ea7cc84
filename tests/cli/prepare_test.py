"""`seetalk prepare`: bad input is one line."""

from __future__ import annotations

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
