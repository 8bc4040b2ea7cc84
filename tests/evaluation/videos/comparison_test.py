"""Comparison of two evaluations: paired differences, their intervals, and what cannot be compared."""

import json

import numpy as np
import pytest

from seetalk_jax.cli import main
from seetalk_jax.errors import InputError
from seetalk_jax.evaluation.videos import comparison


def metrics(values, protocol=None, weights=None, **rows):
  """Contents of metrics.json with the PSNR of videos `v0`, `v1`, ..."""
  videos = {f'v{i}': {'psnr': float(value), 'yaw': None} for i, value in enumerate(values)}
  return {
    'protocol': {'fps': 25, 'side': 256, 'digest': 'x', **(protocol or {})},
    'weights': weights or {},
    'rows': {'pred': {'fid': {'value': 30.0}}, **rows},
    'videos': {'pred': videos},
  }


def test_pairs_have_narrow_intervals_where_videos_differ_more_than_evaluations():
  rng = np.random.default_rng(0)
  first = rng.uniform(15, 35, 40)
  second = first + 0.5 + 0.1 * rng.standard_normal(40)
  found = comparison.compare(metrics(first), metrics(second))['psnr']
  assert found.value == pytest.approx(np.mean(second - first))
  assert 0.4 < found.low < found.value < found.high < 0.6
  assert found.clear and found.count == 40
  assert 'second is better' in comparison.table({'psnr': found})


def test_without_a_difference_nothing_is_better():
  rng = np.random.default_rng(1)
  first = rng.uniform(15, 35, 40)
  found = comparison.compare(metrics(first), metrics(first + rng.standard_normal(40)))
  assert not found['psnr'].clear
  assert 'better' not in comparison.table({'psnr': found['psnr']})


def test_only_common_videos_count_and_measures_that_both_have():
  first, second = metrics([20, 30, 40]), metrics([21, 31])
  found = comparison.compare(first, second)
  assert found['psnr'].count == 2
  assert found['psnr'].value == pytest.approx(1.0)
  assert 'yaw' not in found
  assert found['fid'].value == 0 and np.isnan(found['fid'].low)


@pytest.mark.parametrize(
  'second, message',
  [
    (metrics([1], protocol={'side': 128}), 'protocols differ, side 256 and 128'),
    (metrics([1], weights={'inception': 'b'}), 'weights of inception differ'),
    ({**metrics([1]), 'videos': {'pred': {'other': {}}}}, 'no video of row'),
    ({**metrics([1]), 'videos': {'real': {}}}, "no row 'pred'"),
  ],
)
def test_what_cannot_be_compared_is_refused(second, message):
  with pytest.raises(InputError, match=message):
    comparison.compare(metrics([1], weights={'inception': 'a'}), second)


def test_rows_of_one_evaluation_are_compared():
  contents = metrics([20, 30])
  contents['videos']['without'] = {'v0': {'psnr': 21.0}, 'v1': {'psnr': 32.0}}
  contents['rows']['without'] = {'fid': {'value': 35.0}}
  found = comparison.compare(contents, contents, 'pred', 'without')
  assert found['psnr'].value == pytest.approx(1.5) and found['psnr'].count == 2
  assert found['fid'].value == pytest.approx(5.0)
  with pytest.raises(InputError, match="no row 'other'"):
    comparison.compare(contents, contents, 'pred', 'other')


def test_the_command_prints_a_table_and_refuses_other_files(tmp_path, capsys):
  for name, values in (('a', [20, 30]), ('b', [22, 31])):
    (tmp_path / name).mkdir()
    (tmp_path / name / 'metrics.json').write_text(json.dumps(metrics(values)))
  assert main.main(['compare', str(tmp_path / 'a'), str(tmp_path / 'b')]) == 0
  printed = capsys.readouterr().out
  assert 'PSNR, dB' in printed and '+1.5' in printed
  (tmp_path / 'other.json').write_text('[]')
  (tmp_path / 'text.json').write_text('text')
  for name in ('other.json', 'text.json', 'missing.json'):
    assert main.main(['compare', str(tmp_path / 'a'), str(tmp_path / name)]) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and name in error and error.count('\n') == 1
