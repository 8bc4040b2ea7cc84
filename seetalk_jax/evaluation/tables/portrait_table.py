"""Run of a table of portraits: several releases on the same held-out synthetic voices, with the same readers."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np

from seetalk_jax import files
from seetalk_jax.errors import ConfigError
from seetalk_jax.evaluation import report
from seetalk_jax.evaluation.generated import Generator
from seetalk_jax.evaluation.inputs import EvaluationInputs
from seetalk_jax.evaluation.parts import portraits, voice_to_face
from seetalk_jax.evaluation.probes import trunk, worlds
from seetalk_jax.evaluation.tables import layout
from seetalk_jax.evaluation.tables.methods import Method, methods_of
from seetalk_jax.evaluation.videos import summary
from seetalk_jax.evaluation.videos.catalogue import Measure
from seetalk_jax.inference.speech_to_portrait import SpeechToPortrait
from seetalk_jax.media import image

TRUTH, SHUFFLED = 'truth', 'shuffled'


class Column(NamedTuple):
  """A column.

  Attributes:
    title: for the table.
    better: as `catalogue.Measure.better`; '' for neither.
    figure: name of the figure of the parts `portraits` and `voice`, with {n} voices and {row}.
    truth, shuffled: names of the figures of true portraits and of portraits of other voices, where {row} does not
      make them; '': none.
  """

  title: str
  better: str
  figure: str
  truth: str = ''
  shuffled: str = ''


COLUMNS = {
  'l1': Column('L1 to the true face', 'lower', 'l1 to the true face, {row}'),
  'cosine': Column('cosine to the true face', 'higher', 'cosine to the true face, {row}'),
  'r1': Column('R@1, %', 'higher', 'true face by portrait, R@1 among {n}, %, {row}'),
  'r10': Column('R@10, %', 'higher', 'true face by portrait, R@10 among {n}, %, {row}'),
  'frechet': Column('Frechet distance of faces', 'lower', 'Frechet distance of identity features, {row}'),
  'sex': Column(
    'sex right, %',
    'higher',
    'sex read right, %',
    'sex, the probe on true portraits, %',
    'sex, portraits of shuffled voices, %',
  ),
  'age': Column(
    'age, r',
    'higher',
    'age, r',
    'age, the probe on true portraits, r',
    'age, portraits of shuffled voices, r',
  ),
  'diversity': Column('diversity, 1 - cosine', '', 'diversity of one voice, 1 - cosine, {row}'),
  'consistency': Column(
    'consistency, cosine', 'higher', 'consistency of recordings of one speaker, cosine, {row}'
  ),
  'skin': Column(
    'spread of skin, %',
    '',
    "skin, spread for one voice, % of the population's",
    "skin, the same of the speaker's true portraits, redrawn, %",
  ),
}


class _Portraits:
  """Portraits of a release as a `Generator` of nothing else."""

  def __init__(self, place: str):
    self._stage1 = SpeechToPortrait.load(place)

  def portraits(self, speech: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
    made = np.concatenate([np.asarray(self._stage1(speech, seed=seed)) for seed in seeds])
    if made.shape[1] >= trunk.IMAGE_SIZE:
      return made
    return np.stack([image.resize(each, (trunk.IMAGE_SIZE,) * 2) for each in made])  # networks of `tiny`


def run_table(config, workdir: str, json_path: str = '') -> int:
  """Samples and measures the portraits of all methods, prints the table and writes metrics.json.

  Args:
    config: a table of portraits of configs/tables.py.
    workdir: folder for readers and renderings, which do not depend on the methods, and metrics.json.
    json_path: file for the metrics; '' for `workdir`/metrics.json.

  Returns:
    The exit status 0.

  Raises:
    InputError: a setting is wrong, or a method is not a release.
  """
  start = time.monotonic()
  path = json_path or os.path.join(workdir, 'metrics.json')
  files.check_writable(path)
  methods = methods_of(config, (TRUTH, SHUFFLED))
  for method in methods:
    if not method.is_release:
      raise ConfigError(
        f'no release, {method.place}: the rows of this table are releases, or runs of configs/all.py'
      )
  found: dict[str, list[report.Figure]] = {}
  inputs = EvaluationInputs(config, worlds.MeasuredHumanWorld(), lambda: _generator(methods[0]), workdir)
  for method in methods:
    print(f'{method.name}: {method.place}', file=sys.stderr)
    inputs = inputs.with_generator(lambda method=method: _generator(method))
    found[method.name] = [*portraits.measure(inputs), *voice_to_face.measure(inputs)]
  rows, measures = rows_of(found, config.faces.voices), measures_of()
  best = layout.best_rows(rows, list(found), measures, TRUTH)
  text = layout.table(rows, list(found), measures, best, {})
  print(text)
  about = {
    **report.about(config.checkpoint, time.monotonic() - start, config.to_dict()),
    'table': {'name': config.table, 'measures': list(measures), 'best': best, 'markdown': text},
    'methods': {method.name: method.described() for method in methods},
    'rows': {name: {key: cell._asdict() for key, cell in cells.items()} for name, cells in rows.items()},
  }
  summary.write_metrics(path, about)
  print(f'metrics in {path}', file=sys.stderr)
  return 0


def _generator(method: Method) -> Generator:
  return cast(Generator, _Portraits(method.place))


def measures_of() -> dict[str, Measure]:
  """The columns as measures."""
  return {name: Measure(column.title, '', column.better, '') for name, column in COLUMNS.items()}


def rows_of(
  found: Mapping[str, Sequence[report.Figure]], num_voices: int
) -> dict[str, dict[str, summary.Cell]]:
  """Row -> column -> cell: the methods, true portraits, and portraits of the first method for other voices.

  Args:
    found: method -> figures of the parts `portraits` and `voice`.
    num_voices: number of voices.
  """
  rows = {name: _cells(figures, num_voices, 'generated') for name, figures in found.items()}
  first = next(iter(found.values()))
  return rows | {row: _cells(first, num_voices, row) for row in (TRUTH, SHUFFLED)}


def _cells(figures: Sequence[report.Figure], num_voices: int, row: str) -> dict[str, summary.Cell]:
  of_name, cells = {figure.name: figure for figure in figures}, {}
  for key, column in COLUMNS.items():
    name = column.figure.format(n=num_voices, row=row)
    if row != 'generated' and '{row}' not in column.figure:
      name = column.truth if row == TRUTH else column.shuffled
    if (figure := of_name.get(name)) is not None:
      cells[key] = summary.Cell(figure.value, figure.low, figure.high, figure.count)
  return cells
