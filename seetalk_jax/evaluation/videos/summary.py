"""Summary of a video evaluation: intervals over videos, the printed table and metrics.json."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from seetalk_jax import __version__, files
from seetalk_jax.evaluation import report
from seetalk_jax.evaluation.measures import bootstrap
from seetalk_jax.evaluation.videos import catalogue
from seetalk_jax.evaluation.videos.evaluation import Row
from seetalk_jax.evaluation.videos.protocol import Protocol

_ZERO = 1e-9  # what rounding leaves of nothing


class Cell(NamedTuple):
  """Mean of a measure over `count` videos with its 95 % bootstrap interval (NaN for fewer than two)."""

  value: float
  low: float
  high: float
  count: int


def summarize(row: Row) -> dict[str, Cell]:
  """A cell for every measure of a row, in the order of the catalogue; those that no video has are left out."""
  cells = {}
  for name in catalogue.ALL:
    if name in row.sets:
      cells[name] = Cell(row.sets[name], math.nan, math.nan, len(row.videos))
      continue
    values = np.array([each.get(name, math.nan) for each in row.videos.values()])
    values = values[np.isfinite(values)]
    if len(values):
      cells[name] = Cell(float(values.mean()), *bootstrap.interval(values), len(values))
  return cells


def table(rows: Mapping[str, Row], missing: Mapping[str, str]) -> str:
  """The rows as aligned text: one line a measure, one column a row; `n=` where some videos of a row have no value.

  Args:
    rows: of `VideoEvaluation.rows`.
    missing: measure -> why it was not computed.
  """
  cells = {name: summarize(row) for name, row in rows.items()}
  lines = [('measure', *rows)]
  for name, measure in catalogue.ALL.items():
    if any(name in each for each in cells.values()):
      title = f'{measure.title}, {measure.unit}' if measure.unit else measure.title
      lines.append((title, *(_counted(cells[row].get(name), len(rows[row].videos)) for row in rows)))
  printed = report.aligned(lines)
  printed.insert(1, '-' * min(max(map(len, printed)), 110))
  return '\n'.join([*printed, *(f'{catalogue.ALL[name].title}: {why}' for name, why in missing.items())])


def _counted(cell: Cell | None, videos: int) -> str:
  return text(cell) + (f' n={cell.count}' if cell is not None and cell.count < videos else '')


def text(cell: Cell | None) -> str:
  """A cell as `value (low to high)`; '' for none."""
  if cell is None:
    return ''
  interval = '' if math.isnan(cell.low) else f' ({_number(cell.low)} to {_number(cell.high)})'
  return _number(cell.value) + interval


def contents(
  rows: Mapping[str, Row],
  protocol: Protocol,
  missing: Mapping[str, str],
  weights: Mapping[str, str],
  about: Mapping[str, Any],
) -> dict[str, Any]:
  """Contents of metrics.json: protocol, versions, weights, cells and the values of every video.

  Args:
    rows, missing: as for `table`.
    protocol: the protocol.
    weights: network -> checksum.
    about: further entries, such as seeds and folders.
  """
  import jax

  return {
    'protocol': {**protocol.described(), 'digest': protocol.digest()},
    'versions': {'seetalk_jax': __version__, 'jax': jax.__version__, 'numpy': np.__version__},
    'weights': dict(weights),
    **about,
    'not_computed': dict(missing),
    'rows': {name: {k: cell._asdict() for k, cell in summarize(row).items()} for name, row in rows.items()},
    'videos': {name: row.videos for name, row in rows.items()},
  }


def write_metrics(path: str, contents: Mapping[str, Any]) -> None:
  """Writes metrics.json atomically; NaN becomes null."""
  files.write_text(path, json.dumps(plain(contents), indent=1, allow_nan=False) + '\n')


def plain(value: Any) -> Any:
  """A tree of mappings and lists with null for numbers that are not finite, as JSON wants it."""
  if isinstance(value, Mapping):
    return {name: plain(each) for name, each in value.items()}
  if isinstance(value, list | tuple):
    return [plain(each) for each in value]
  return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: float) -> str:
  if abs(value) < _ZERO:
    return '0'
  if value == int(value) and abs(value) < 1e6:
    return str(int(value))
  if abs(value) >= 100:
    return f'{value:.0f}'
  return f'{value:.3g}'
