"""Report of a video evaluation: one HTML file without references, with tables, plots and clips that play."""

from __future__ import annotations

import base64
import html
import itertools
import math
import os
import re
import tempfile
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seetalk_jax import files
from seetalk_jax.constants import FPS
from seetalk_jax.evaluation.videos import catalogue, measuring, summary
from seetalk_jax.evaluation.videos.protocol import Protocol
from seetalk_jax.evaluation.videos.sources import Video, VideoFile
from seetalk_jax.media import video

_CLIPS = 4  # videos that play
_CLIP_SECONDS = 8
_PLOT, _NAME, _BAR = 300, 64, 160  # pixels, width of a plot, of the names in it, and of its widest bar
_STYLE = """
:root { --page: #fff; --text: #1d2330; --quiet: #5a6475; --line: #dfe3ea; --code: #f2f4f8 }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171d; --text: #e8ebf1; --quiet: #9aa5b6; --line: #2b313c; --code: #232833; color-scheme: dark }
}
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem;
  background: var(--page); color: var(--text); overflow-wrap: break-word }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
th:first-child { min-width: 8rem; position: sticky; left: 0; background: var(--page) }
#measures td { font-variant-numeric: tabular-nums; white-space: nowrap } #protocol td { overflow-wrap: anywhere }
small, figcaption { color: var(--quiet); font-weight: normal; font-size: .85rem }
.scroll { overflow-x: auto } .side { display: flex; flex-wrap: wrap; gap: 1.2rem } figure { margin: 0 }
figure.plot { width: 300px } figure.plot figcaption { color: inherit; margin-bottom: .3rem }
video { max-width: 100%; height: auto; background: #000 }
code { background: var(--code); padding: .1rem .3rem; border-radius: .2rem }
svg text { font: 12px system-ui, sans-serif; fill: var(--text) } svg line { stroke: var(--quiet) }
@media (min-width: 40rem) { #measures th:first-child { min-width: 15rem } code { white-space: nowrap } }
"""
_COLORS = {'pred': '#2f6fd0', 'real': '#3a9a5b', 'copy': '#b98a2e', 'shuffled': '#a04b6a'}
_DIRECTIONS = {
  'higher': 'higher is better',
  'lower': 'lower is better',
  'real': 'near real is better',
  'one': 'near 1 is better',
}


def write_report(
  path: str,
  contents: Mapping[str, Any],
  pred: Sequence[VideoFile],
  real: Sequence[Video],
  others: Mapping[str, Sequence[Video]] = types.MappingProxyType({}),
  overview: str = '',
) -> None:
  """Writes report.html atomically.

  Args:
    path: the file.
    contents: of metrics.json, see `summary.contents`.
    pred, real: the videos; the first ones are embedded, beside the real ones of their names.
    others: row -> videos of further methods, which stand between both.
    overview: HTML to stand before the measures.
  """
  rows = {
    name: {key: summary.Cell(**cell) for key, cell in cells.items()}
    for name, cells in contents['rows'].items()
  }
  parts = [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Video evaluation</title>',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    f'<link rel="icon" href="data:,"><style>{_STYLE}</style></head><body>',
    '<h1>Video evaluation</h1>',
    _description(contents),
    overview,
    '<h2>Measures</h2>',
    _table(rows),
    _missing(contents['not_computed']),
    '<h2>Plots</h2>',
    _plots(rows),
    '<h2>Clips</h2>',
    _clips(pred, {**others, 'real': real}),
    '<h2>Protocol</h2>',
    _protocol(contents),
    '</body></html>',
  ]
  files.write_text(path, '\n'.join(parts) + '\n')


def _description(contents: Mapping[str, Any]) -> str:
  counts = ', '.join(f'{len(videos)} {html.escape(row)}' for row, videos in contents['videos'].items())
  return (
    f'<p>Videos: {counts}. Means over videos with 95 % bootstrap intervals. '
    f'<code>copy</code> is the first frame of each real video held still, <code>shuffled</code> has the sound of '
    f'another video. Protocol <code>{contents["protocol"]["digest"]}</code>.</p>'
  )


def _table(rows: Mapping[str, Mapping[str, summary.Cell]]) -> str:
  head = ''.join(f'<th scope="col">{html.escape(row)}</th>' for row in rows)
  lines = []
  for name, measure in catalogue.ALL.items():
    if not any(name in cells for cells in rows.values()):
      continue
    unit = f', {html.escape(measure.unit)}' if measure.unit else ''
    title = f'<th scope="row">{html.escape(measure.title)}{unit}<br><small>{_DIRECTIONS[measure.better]}</small></th>'
    cells = ''.join(f'<td>{_cell(each.get(name))}</td>' for each in rows.values())
    lines.append(f'<tr>{title}{cells}</tr>')
  return (
    f'<div class="scroll"><table id="measures"><thead><tr><th scope="col">measure</th>{head}</tr></thead>'
    f'<tbody>{"".join(lines)}</tbody></table></div>'
  )


def _cell(cell: summary.Cell | None) -> str:
  if cell is None:
    return ''
  value, _, interval = summary.text(cell).partition(' ')
  return f'{value}<br><small>{interval} n={cell.count}</small>'


def _missing(missing: Mapping[str, str]) -> str:
  """One item for every reason, with the measures that it is of."""
  names: dict[str, list[str]] = {}
  for name, why in missing.items():
    names.setdefault(why, []).append(catalogue.ALL[name].title)
  items = ''.join(
    f'<li>{html.escape("; ".join(titles))}: {_with_code(why)}</li>' for why, titles in names.items()
  )
  return f'<ul id="missing">{items}</ul>' if items else ''


def _with_code(text: str) -> str:
  """HTML of a text with `code` in backticks."""
  return re.sub(r'`([^`]*)`', r'<code>\1</code>', html.escape(text))


def _plots(rows: Mapping[str, Mapping[str, summary.Cell]]) -> str:
  """A bar for every row and measure, in SVG; measures have scales of their own."""
  plots = []
  for name, measure in catalogue.ALL.items():
    cells = {
      row: each[name] for row, each in rows.items() if name in each and math.isfinite(each[name].value)
    }
    if len(cells) > 1:
      plots.append(_plot(measure, cells))
  return f'<div class="side">{"".join(plots)}</div>'


def _plot(measure: catalogue.Measure, cells: Mapping[str, summary.Cell]) -> str:
  values = [cell.value for cell in cells.values()]
  lowest, highest = min(0.0, *values), max(0.0, *values)
  scale = _BAR / ((highest - lowest) or 1.0)
  zero = _NAME - scale * lowest
  bars = []
  for i, (row, cell) in enumerate(cells.items()):
    left, right = zero + scale * min(0.0, cell.value), zero + scale * max(0.0, cell.value)
    top = 22 * i
    bars.append(
      f'<text x="0" y="{top + 12}">{html.escape(row)}</text><rect x="{left:.1f}" y="{top}" '
      f'width="{right - left:.1f}" height="16" fill="{_COLORS.get(row, "#777")}"/>'
      f'<text x="{right + 6:.1f}" y="{top + 12}">{summary.text(cell).partition(" ")[0]}</text>'
    )
  height = 22 * len(cells)
  axis = f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="0" y2="{height - 6}"/>'
  title = html.escape(measure.title)
  return (
    f'<figure class="plot"><figcaption>{title}</figcaption><svg role="img" aria-label="{title}" width="{_PLOT}" '
    f'height="{height}" viewBox="0 0 {_PLOT} {height}">{"".join(bars)}{axis}</svg></figure>'
  )


def _clips(pred: Sequence[VideoFile], beside: Mapping[str, Sequence[Video]]) -> str:
  figures = []
  for each in pred[:_CLIPS]:
    others = {row: video for row, videos in beside.items() for video in videos if video.name == each.name}
    caption = ', '.join((f'{each.name}: generated', *others))
    data = base64.b64encode(_side_by_side(each, *others.values())).decode()
    figures.append(
      f'<figure><video controls preload="metadata" src="data:video/mp4;base64,{data}"></video>'
      f'<figcaption>{html.escape(caption)}</figcaption></figure>'
    )
  return f'<div class="side">{"".join(figures)}</div>'


def _side_by_side(made: VideoFile, *others: Video) -> bytes:
  """An mp4 of the first seconds of all videos, beside each other, with the sound of the first."""
  protocol = Protocol()
  shown = [made, *others]

  def rows(streams: Iterable[Iterable[np.ndarray]]) -> Iterator[tuple[np.ndarray, ...]]:
    return itertools.islice(zip(*streams, strict=False), _CLIP_SECONDS * FPS)

  count = sum(1 for _ in rows(each.frames() for each in shown))
  with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, 'clip.mp4')
    size = (protocol.side, protocol.side * len(shown))
    with video.VideoWriter(path, size=size, sound=made.sound(count)) as writer:
      for row in rows(measuring.square_frames(each.frames(), protocol, None) for each in shown):
        writer.write(np.concatenate(row, axis=1)[None])
    with open(path, 'rb') as file:
      return file.read()


def _protocol(contents: Mapping[str, Any]) -> str:
  settings = {**contents['protocol'], **contents['versions']}
  settings |= {f'weights of {name}': value for name, value in contents['weights'].items()}
  lines = ''.join(
    f'<tr><th scope="row">{html.escape(str(name))}</th><td>{html.escape(str(value))}</td></tr>'
    for name, value in settings.items()
  )
  return f'<div class="scroll"><table id="protocol"><tbody>{lines}</tbody></table></div>'
