"""Badges of notebooks: below the title, once, and nothing else changes."""

import pathlib
import shutil

import nbformat
import pytest

from tools import colab_badges

NOTEBOOK = pathlib.Path(__file__).parents[2] / 'notebooks' / '01_a_face_from_a_voice.ipynb'


def test_a_badge_is_written_below_the_title_and_replaced(tmp_path):
  (tmp_path / 'notebooks').mkdir()
  copy = tmp_path / 'notebooks' / NOTEBOOK.name
  shutil.copy(NOTEBOOK, copy)
  before = nbformat.read(NOTEBOOK, as_version=4)
  for repository in ('someone/seetalk-jax', 'other/fork'):
    colab_badges.main([repository, str(copy), '--branch', 'dev'])
    after = nbformat.read(copy, as_version=4)
    lines = after.cells[0].source.splitlines()
    assert lines[0] == before.cells[0].source.splitlines()[0]
    address = f'https://colab.research.google.com/github/{repository}/blob/dev/notebooks/{NOTEBOOK.name}'
    assert lines[2].endswith(f'({address})')
    assert after.cells[0].source.count('colab-badge') == 1
    assert lines[4:] == before.cells[0].source.splitlines()[2:]
    assert after.cells[1:] == before.cells[1:]


def test_an_address_is_refused(capsys):
  with pytest.raises(SystemExit):
    colab_badges.main(['https://example.org/someone', str(NOTEBOOK)])
  assert 'give OWNER/NAME' in capsys.readouterr().err
