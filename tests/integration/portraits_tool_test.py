"""Tool that draws portraits: its table, and what the pictures of one person share."""

import csv
import pathlib

import numpy as np
import pytest

from seetalk_jax import constants
from seetalk_jax.synthetic import speakers

TOOLS = pathlib.Path(__file__).resolve().parents[2] / 'tools'


@pytest.fixture
def tool(monkeypatch):
  monkeypatch.syspath_prepend(str(TOOLS))
  import draw_portraits

  return draw_portraits


def test_the_first_picture_is_neutral_and_frontal_and_the_others_differ(tool):
  first, second, third = map(tool.motion_of, tool.portraits(3, 1, 3))
  assert np.abs(first[constants.POSE]).max() <= 0.021 and first[constants.COEFFICIENTS].max() < 0.2
  assert max(second[constants.COEFFICIENTS].max(), third[constants.COEFFICIENTS].max()) > 0.2
  assert np.abs(second - third).max() > 0.05


def test_the_table_says_what_was_meant_and_drawn_files_are_kept(tool, tmp_path, monkeypatch):
  drawn = []

  def draw(appearance, wanted, size):
    drawn.extend(one.name for one in wanted)
    return [np.zeros((size, size, 3), np.uint8) for _ in wanted]

  monkeypatch.setattr(tool, 'draw', draw)
  (tmp_path / '00004-1.png').touch()
  assert tool.main([str(tmp_path), '--people', '2', '--pictures', '2', '--first', '4', '--size', '8']) == 0
  assert drawn == ['00004-0.png', '00005-0.png', '00005-1.png']
  with open(tmp_path / 'portraits.csv', newline='') as file:
    rows = list(csv.DictReader(file))
  assert [row['person'] for row in rows] == ['4', '4', '5', '5']
  assert [row['neutral'] for row in rows] == ['1', '0', '1', '0']
  own = speakers.sample_speaker(5)
  assert float(rows[2]['sex']) == pytest.approx(own.sex, abs=1e-3)
  assert float(rows[2]['age']) == pytest.approx(own.age, abs=0.1)
