"""Report of an evaluation: figures, their targets, the printed table and the JSON file."""

from __future__ import annotations

import dataclasses
import json
import math
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from seetalk_jax import files
from seetalk_jax.evaluation.measures import bootstrap

_CHECKS = {'>=': operator.ge, '<=': operator.le}


@dataclasses.dataclass(frozen=True)
class Figure:
  """One measured number.

  Attributes:
    part: the group it belongs to ('lips', 'life', ...).
    name: the quantity, with its unit.
    value: the number; NaN where it could not be measured.
    target: '' (shown for comparison only), '>= 0.75', '<= 1', or '0.5 .. 2'.
    count: number of samples.
    low, high: 95 % bootstrap interval; NaN where not computed.
    note: one short remark.
  """

  part: str
  name: str
  value: float
  target: str = ''
  count: int = 0
  low: float = math.nan
  high: float = math.nan
  note: str = ''

  @property
  def reached(self) -> bool | None:
    """Whether `value` meets `target`; None without a target. NaN never meets one."""
    return meets(self.value, self.target)


def figure(
  part: str,
  name: str,
  values: Sequence[float] | np.ndarray,
  target: str = '',
  note: str = '',
  *,
  statistic: Callable[[Any], float] = np.mean,
  value: float | None = None,
  count: int | None = None,
) -> Figure:
  """A figure with the 95 % bootstrap interval of its samples.

  Args:
    part, name, target, note: see `Figure`.
    values: `[n, ...]`, the samples; rows are resampled whole. Without any the value is NaN.
    statistic: maps `[n, ...]` to the value.
    value: the value, where it differs from `statistic(values)`.
    count: number of samples to report; n by default.
  """
  if value is None:
    value = statistic(values) if len(values) else math.nan
  low, high = bootstrap.interval(values, statistic)
  count = len(values) if count is None else count
  return Figure(part, name, float(value), target, count, low, high, note)


def meets(value: float, target: str) -> bool | None:
  """Whether `value` meets a target written '>= x', '<= x' or 'x .. y'; None for ''."""
  if not target:
    return None
  if math.isnan(value):
    return False
  if match := re.fullmatch(r'(>=|<=) *(-?[\d.]+)', target):
    return bool(_CHECKS[match[1]](value, float(match[2])))
  if match := re.fullmatch(r'(-?[\d.]+) *\.\. *(-?[\d.]+)', target):
    return float(match[1]) <= value <= float(match[2])
  raise ValueError(f"target {target!r} is none of '>= x', '<= x', 'x .. y'")


def _number(value: float) -> str:
  if math.isnan(value):
    return 'n/a'
  if value == int(value) and abs(value) < 1e6:
    return str(int(value))
  return f'{value:.3g}' if abs(value) < 10 else f'{value:.1f}'


def table(figures: Sequence[Figure]) -> str:
  """The figures as aligned text, one line each, with target and verdict."""
  header = ('part', 'figure', 'value', '95 %', 'target', '', 'n', 'note')
  rows = [header]
  for figure in figures:
    span = '' if math.isnan(figure.low) else f'{_number(figure.low)} .. {_number(figure.high)}'
    verdict = {True: 'reached', False: 'MISSED', None: ''}[figure.reached]
    count = str(figure.count) if figure.count else ''
    rows.append(
      (figure.part, figure.name, _number(figure.value), span, figure.target, verdict, count, figure.note)
    )
  lines = aligned(rows)
  lines.insert(1, '-' * min(max(map(len, lines)), 110))
  return '\n'.join(lines)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
  """Rows of equally many texts as lines in which columns are aligned."""
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  return ['  '.join(map(str.ljust, row, widths)).rstrip() for row in rows]


def about(checkpoint: str, seconds: float, config: dict[str, Any]) -> dict[str, Any]:
  """Report metadata: checkpoint, duration, device, JAX version and configuration.

  Args:
    seconds: duration of the evaluation.
    config: the configuration as plain values.
  """
  return {
    'checkpoint': checkpoint,
    'seconds': round(seconds, 1),
    'device': jax.devices()[0].device_kind,
    'jax': jax.__version__,
    'config': config,
  }


def write_json(path: str, figures: Sequence[Figure], about: dict[str, Any]) -> None:
  """Writes `{about..., figures: [...]}` to `path` atomically. NaN becomes null."""

  def plain(value):
    return None if isinstance(value, float) and not math.isfinite(value) else value

  rows = [{k: plain(v) for k, v in dataclasses.asdict(f).items()} | {'reached': f.reached} for f in figures]
  files.write_text(path, json.dumps({**about, 'figures': rows}, indent=1, allow_nan=False) + '\n')
