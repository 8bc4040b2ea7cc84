"""Layout of a table in Markdown: a line per method, a column per measure with its direction, the best marked."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

from seetalk_jax.evaluation.videos import summary
from seetalk_jax.evaluation.videos.catalogue import Measure
from seetalk_jax.evaluation.videos.summary import Cell

Rows = Mapping[str, Mapping[str, Cell]]

DIRECTIONS = {'higher': 'higher', 'lower': 'lower', 'real': 'near real', 'one': 'near 1', '': ''}


def best_rows(
  rows: Rows, methods: Sequence[str], measures: Mapping[str, Measure], truth: str
) -> dict[str, list[str]]:
  """Measure -> the methods with the best mean; several if equal, none if fewer than two have the measure.

  Args:
    rows: row -> measure -> cell.
    methods: rows that compete; the others are baselines.
    measures: measure -> its meaning. 'higher' and 'lower' are plain, 'real' is the distance to the row `truth`, 'one'
      that to 1.
    truth: row of true values.
  """
  found = {}
  for name, measure in measures.items():
    values = {row: rows[row][name].value for row in methods if name in rows[row]}
    values = {row: value for row, value in values.items() if math.isfinite(value)}
    true = rows.get(truth, {}).get(name)
    goal = {'one': 1.0, 'real': true.value if true is not None else math.nan}.get(measure.better, 0.0)
    if len(values) < 2 or not measure.better or math.isnan(goal):
      found[name] = []
      continue
    score = {'higher': lambda x: x, 'lower': lambda x: -x}.get(
      measure.better, lambda x, goal=goal: -abs(x - goal)
    )
    top = max(map(score, values.values()))
    found[name] = [row for row, value in values.items() if score(value) == top]
  return found


def table(
  rows: Rows,
  methods: Sequence[str],
  measures: Mapping[str, Measure],
  best: Mapping[str, Sequence[str]],
  missing: Mapping[str, str],
) -> str:
  """The table as Markdown that is aligned for a terminal.

  Args:
    rows: row -> measure -> cell; methods first, then baselines.
    methods, measures: see `best_rows`.
    best: from `best_rows`.
    missing: measure -> why it is not computed.
  """
  shown = _shown(rows, measures)
  lines = [['method', *map(_title, shown.values())]]
  directions = (DIRECTIONS[measure.better] for measure in shown.values())
  lines.append(['*better*', *(f'*{each}*' if each else '' for each in directions)])
  for row, cells in rows.items():
    texts = {name: _value(cells.get(name)) for name in shown}
    marked = [f'**{text}**' if row in best[name] else text for name, text in texts.items()]
    lines.append([row if row in methods else f'*{row}*', *marked])
  widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
  printed = ['| ' + ' | '.join(map(str.ljust, line, widths)) + ' |' for line in lines]
  printed.insert(1, '|' + '|'.join('-' * (width + 2) for width in widths) + '|')
  notes = [f'{measures[name].title}: {why}' for name, why in missing.items() if name in measures]
  return '\n'.join([*printed, *notes])


def html_table(
  rows: Rows, methods: Sequence[str], measures: Mapping[str, Measure], best: Mapping[str, Sequence[str]]
) -> str:
  """The same table as HTML, with a heading."""
  shown, escape = _shown(rows, measures), html.escape
  head = ''.join(
    f'<th scope="col">{escape(_title(measure))}<br><small>{DIRECTIONS[measure.better]}</small></th>'
    for measure in shown.values()
  )
  lines = []
  for row, cells in rows.items():
    texts = {name: escape(_value(cells.get(name))) for name in shown}
    marked = (f'<strong>{text}</strong>' if row in best[name] else text for name, text in texts.items())
    name = escape(row) if row in methods else f'<small>{escape(row)}</small>'
    lines.append(f'<tr><th scope="row">{name}</th>{"".join(f"<td>{text}</td>" for text in marked)}</tr>')
  return (
    '<h2>Methods</h2><div class="scroll"><table id="methods"><thead><tr><th scope="col">method</th>'
    f'{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
  )


def _shown(rows: Rows, measures: Mapping[str, Measure]) -> dict[str, Measure]:
  """The measures that a row has."""
  return {
    name: measure for name, measure in measures.items() if any(name in cells for cells in rows.values())
  }


def _title(measure: Measure) -> str:
  return f'{measure.title}, {measure.unit}' if measure.unit else measure.title


def _value(cell: Cell | None) -> str:
  return '' if cell is None else summary.text(cell._replace(low=math.nan, high=math.nan))
