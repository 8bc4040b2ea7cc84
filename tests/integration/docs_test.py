"""Documentation: the Python blocks of pages that promise to run are run from top to bottom."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ('networks',)


def program_of(page: str) -> str:
  """The Python blocks of a page as one program; lines keep their numbers, for tracebacks."""
  text = (ROOT / 'docs' / f'{page}.md').read_text()
  lines, inside = [], False
  for line in text.splitlines():
    inside = line == '```python' or (inside and line != '```')
    lines.append(line if inside and line != '```python' else '')
  return '\n'.join(lines)


@pytest.mark.parametrize('page', PAGES)
def test_blocks_are_python(page):
  program = program_of(page)
  compile(program, page, 'exec')
  assert program.count('\n') > 50 and 'save_release' in program


@pytest.mark.slow
@pytest.mark.parametrize('page', PAGES)
def test_blocks_run(page, tmp_path):
  (tmp_path / 'examples').symlink_to(ROOT / 'examples')
  (tmp_path / f'{page}.py').write_text(program_of(page))
  environment = {
    **os.environ,
    'PYTHONPATH': str(ROOT),
    'JAX_PLATFORMS': 'cpu',
    'XLA_FLAGS': '--xla_force_host_platform_device_count=2',  # for the mesh
  }
  out = subprocess.run(
    [sys.executable, '-W', 'error::DeprecationWarning:__main__', f'{page}.py'],
    capture_output=True,
    text=True,
    timeout=900,
    cwd=tmp_path,
    env=environment,
  )
  assert out.returncode == 0, out.stderr[-4000:]
  assert re.search(r'"licence": "CC-BY-4.0"', (tmp_path / 'mine' / 'seetalk.json').read_text())
