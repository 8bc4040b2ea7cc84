"""Layout of a table: the best of every direction, baselines that do not compete, missing cells and measures."""

import math

from seetalk_jax.evaluation.tables import layout
from seetalk_jax.evaluation.videos.catalogue import Measure
from seetalk_jax.evaluation.videos.summary import Cell

MEASURES = {
  'up': Measure('Up', 'dB', 'higher', ''),
  'down': Measure('Down', '', 'lower', ''),
  'near': Measure('Near', '', 'real', ''),
  'one': Measure('One', '', 'one', ''),
  'neither': Measure('Neither', '', '', ''),
  'absent': Measure('Absent', '', 'higher', ''),
}
METHODS = ['a', 'b']


def cells(**values):
  return {name: Cell(value, math.nan, math.nan, 3) for name, value in values.items()}


def rows():
  return {
    'a': cells(up=1.0, down=1.0, near=4.0, one=0.5, neither=1.0),
    'b': cells(up=2.0, down=0.5, near=5.5, one=1.4, neither=2.0),
    'real': cells(up=9.0, down=0.0, near=5.0, one=1.0),
  }


def test_the_best_of_every_direction_without_baselines():
  best = layout.best_rows(rows(), METHODS, MEASURES, 'real')
  assert best == {'up': ['b'], 'down': ['b'], 'near': ['b'], 'one': ['b'], 'neither': [], 'absent': []}


def test_equal_rows_are_both_best_and_a_single_row_is_not():
  found = rows()
  found['a'] |= cells(up=2.0, near=4.5)
  best = layout.best_rows(found, METHODS, MEASURES, 'real')
  assert best['up'] == ['a', 'b'] and best['near'] == ['a', 'b']
  del found['a']['up'], found['real']
  found['b'] |= cells(down=math.nan)
  best = layout.best_rows(found, METHODS, MEASURES, 'real')
  assert best['up'] == [] and best['down'] == [] and best['near'] == []


def test_lines_and_columns():
  best = layout.best_rows(rows(), METHODS, MEASURES, 'real')
  lines = layout.table(rows(), METHODS, MEASURES, best, {'absent': 'no network', 'other': 'x'}).splitlines()
  split = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines[:-1]]
  assert split[0] == ['method', 'Up, dB', 'Down', 'Near', 'One', 'Neither']
  assert split[2] == ['*better*', '*higher*', '*lower*', '*near real*', '*near 1*', '']
  assert split[3] == ['a', '1', '1', '4', '0.5', '1']
  assert split[4] == ['b', '**2**', '**0.5**', '**5.5**', '**1.4**', '2']
  assert split[5] == ['*real*', '9', '0', '5', '1', '']
  assert lines[-1] == 'Absent: no network'
  assert len({len(line) for line in lines[:-1]}) == 1


def test_html_marks_the_best():
  best = layout.best_rows(rows(), METHODS, MEASURES, 'real')
  page = layout.html_table({**rows(), '<x>': {}}, METHODS, MEASURES, best)
  assert page.count('<strong>') == 4 and '<strong>2</strong>' in page
  assert '&lt;x&gt;' in page and 'Absent' not in page
