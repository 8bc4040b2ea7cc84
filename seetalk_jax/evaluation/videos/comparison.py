"""Comparison of two evaluations: paired differences over the videos that both have, with bootstrap intervals."""

from __future__ import annotations

import json
import math
import os
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from seetalk_jax.errors import InputError
from seetalk_jax.evaluation import report
from seetalk_jax.evaluation.measures import bootstrap
from seetalk_jax.evaluation.videos import catalogue
from seetalk_jax.evaluation.videos.evaluation import PRED


class Difference(NamedTuple):
  """Difference of a measure between two evaluations.

  Attributes:
    first, second: means over the common videos.
    value: mean of second minus first; of measures of sets, their difference.
    low, high: 95 % bootstrap interval of it over videos; NaN for sets and for fewer than two videos.
    count: number of common videos.
  """

  first: float
  second: float
  value: float
  low: float
  high: float
  count: int

  @property
  def clear(self) -> bool:
    """Whether the interval does not contain 0."""
    return self.low > 0 or self.high < 0


def read_metrics(path: str | os.PathLike) -> dict[str, Any]:
  """Reads metrics.json, or that in a folder.

  Raises:
    InputError: there is no such file, or it is not one of a video evaluation.
  """
  file = pathlib.Path(path)
  file = file / 'metrics.json' if file.is_dir() else file
  try:
    contents = json.loads(file.read_text())
  except FileNotFoundError as error:
    raise InputError(f'no metrics, {file}: run evaluate.py --config configs/eval.py first') from error
  except ValueError as error:
    raise InputError(f'not a JSON file ({error}), {file}: give metrics.json of a video evaluation') from error
  if not isinstance(contents, dict) or not {'protocol', 'videos', 'rows'} <= set(contents):
    raise InputError(f'no metrics of a video evaluation, {file}: give metrics.json of configs/eval.py')
  return contents


def compare(
  first: Mapping[str, Any], second: Mapping[str, Any], row: str = PRED, second_row: str = ''
) -> dict[str, Difference]:
  """Differences of all measures that both evaluations have, in the order of the catalogue.

  Args:
    first, second: contents of metrics.json.
    row: the row that is compared.
    second_row: that of `second`; '': the same.

  Raises:
    InputError: the protocols or the networks differ, a row is missing, or no video is in both.
  """
  _check_comparable(first, second)
  chosen = [(first, row), (second, second_row or row)]
  for contents, name in chosen:
    if name not in contents['videos']:
      raise InputError(f'no row {name!r} in the metrics: they have {", ".join(contents["videos"])}')
  videos = [contents['videos'][name] for contents, name in chosen]
  names = [name for name in videos[0] if name in videos[1]]
  if not names:
    raise InputError(f'no video of row {row!r} is in both evaluations: name videos alike')
  found = {}
  for measure in catalogue.ALL:
    if measure in catalogue.SETS:
      cells = [contents['rows'][name].get(measure) for contents, name in chosen]
      if all(cells):
        one, other = (float(cell['value']) for cell in cells)
        found[measure] = Difference(one, other, other - one, math.nan, math.nan, len(names))
      continue
    pairs = np.array([[_number(each[name].get(measure)) for each in videos] for name in names])
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    if len(pairs):
      change = pairs[:, 1] - pairs[:, 0]
      means = (float(value) for value in pairs.mean(axis=0))
      found[measure] = Difference(*means, float(change.mean()), *bootstrap.interval(change), len(pairs))
  return found


def table(differences: Mapping[str, Difference]) -> str:
  """The differences as aligned text, with what each means."""
  lines = [('measure', 'first', 'second', 'difference', '95 %', 'n', '')]
  for name, each in differences.items():
    measure = catalogue.ALL[name]
    title = f'{measure.title}, {measure.unit}' if measure.unit else measure.title
    interval = '' if math.isnan(each.low) else f'{each.low:+.3g} to {each.high:+.3g}'
    numbers = (f'{each.first:.4g}', f'{each.second:.4g}', f'{each.value:+.3g}')
    lines.append((title, *numbers, interval, str(each.count), _verdict(measure, each)))
  return '\n'.join(report.aligned(lines))


def _verdict(measure: catalogue.Measure, difference: Difference) -> str:
  if not difference.clear:
    return ''
  if measure.better not in ('higher', 'lower'):
    return 'differs'
  return 'second is better' if (difference.value > 0) == (measure.better == 'higher') else 'first is better'


def _check_comparable(first: Mapping[str, Any], second: Mapping[str, Any]) -> None:
  one, other = (contents['protocol'] for contents in (first, second))
  if different := [name for name in one if name != 'digest' and one[name] != other.get(name)]:
    name = different[0]
    raise InputError(
      f'the protocols differ, {name} {one[name]} and {other.get(name)}: evaluate both by one protocol'
    )
  for network, checksum in first.get('weights', {}).items():
    if second.get('weights', {}).get(network, checksum) != checksum:
      raise InputError(f'the weights of {network} differ: evaluate both with the same ones')


def _number(value: float | None) -> float:
  return math.nan if value is None else float(value)
