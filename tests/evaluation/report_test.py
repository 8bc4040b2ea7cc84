"""Report: target verdicts, aligned tables, JSON without NaN."""

import json
import math

import pytest

from seetalk_jax.evaluation import report


@pytest.mark.parametrize(
  ('value', 'target', 'verdict'),
  [
    (0.75, '>= 0.75', True),
    (0.7499, '>= 0.75', False),
    (-1, '<= 1', True),
    (1.5, '<= 1', False),
    (0.5, '0.5 .. 2', True),
    (2.1, '0.5 .. 2', False),
    (math.nan, '>= 0', False),
    (3.0, '', None),
  ],
)
def test_targets(value, target, verdict):
  assert report.meets(value, target) is verdict


def test_a_target_that_cannot_be_read_is_an_error():
  with pytest.raises(ValueError, match='target'):
    report.meets(1.0, 'about 3')


def test_table_and_json(tmp_path):
  figures = [
    report.Figure('lips', 'r', 0.81, '>= 0.75', 24, 0.7, 0.9),
    report.Figure('lips', 'shuffled r', math.nan, note='beside'),
    report.Figure('codec', 'PSNR in dB', 23.0, '>= 24', 48),
  ]
  text = report.table(figures)
  assert 'reached' in text and 'MISSED' in text and 'n/a' in text
  assert len(text.splitlines()) == 5
  path = tmp_path / 'new' / 'figures.json'
  report.write_json(str(path), figures, {'seconds': 1.0})
  written = json.loads(path.read_text())
  assert written['figures'][1]['value'] is None
  assert written['figures'][2]['reached'] is False
  assert list(path.parent.iterdir()) == [path]
