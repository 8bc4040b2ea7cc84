"""Example scripts: each runs from another folder, as for a user, and prints one line."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = {
  'generate': r'talk\.mp4: 143 frames of 512 x 512 pixels, 5\.72 s',
  'one_network': r'cosine of the voices in both halves: 0\.\d+; norm of its gradient: \d+\.\d+',
  'nnx_bridge': r'difference from Linen: 0\.0; losses: \d+\.\d+, \d+\.\d+, \d+\.\d+',
  'train_tiny': r'200 steps; the right speech beats shifted speech in (9\d|100)% of held-out clips',
}


def test_every_example_has_a_test():
  assert {path.stem for path in (ROOT / 'examples').glob('*.py')} == set(EXAMPLES)


@pytest.mark.slow
@pytest.mark.parametrize('name', EXAMPLES)
def test_example_runs_from_anywhere(name, tmp_path):
  environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
  environment.pop('XLA_FLAGS', None)  # conftest.py turns off optimization, which long programs need
  command = [sys.executable, str(ROOT / 'examples' / f'{name}.py')]
  out = subprocess.run(command, capture_output=True, text=True, timeout=900, cwd=tmp_path, env=environment)
  assert out.returncode == 0, out.stderr
  assert re.fullmatch(EXAMPLES[name], out.stdout.strip()), out.stdout
  assert (tmp_path / 'talk.mp4').is_file() == (name == 'generate')
