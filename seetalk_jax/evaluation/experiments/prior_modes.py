"""Consistency and diversity of portraits of held-out voices: the measures of the paper's Figure 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from seetalk_jax.evaluation.measures import frechet, series
from seetalk_jax.evaluation.parts import retrieval

# Fields of the experiment's reader, in order. Voices predict the traits; colors are independent of the voice.
TRAITS = ('sex', 'age', 'head_size')
COLOURS = ('skin_red', 'skin_green', 'skin_blue', 'hair_red', 'hair_green', 'hair_blue')
FIELDS = TRAITS + COLOURS
_SKIN, _HAIR = slice(3, 6), slice(6, 9)

# Measure -> whether higher is better (None: neither).
MEASURES = {
  'sex right, %': True,
  'age, r': True,
  'head size, r': True,
  'R@10, %': True,
  "spread of skin, % of people's": True,
  "spread of hair, % of people's": True,
  'Frechet distance, face encoder': False,
}


class Portraits(NamedTuple):
  """Readings and face vectors of several portraits of each voice.

  Attributes:
    readings: `[draws, voices, len(FIELDS)]`.
    vectors: unit vectors of the face encoder, `[draws, voices, d]`.
  """

  readings: np.ndarray
  vectors: np.ndarray


class Truth(NamedTuple):
  """Ground truth of the speakers of the voices.

  Attributes:
    attributes: sex, age, head size, `[voices, 3]`.
    gallery: face-encoder vectors of one rendered portrait per speaker, `[voices, d]`.
    redrawn: further rendered portraits of the same speakers with newly sampled looks.
  """

  attributes: np.ndarray
  gallery: np.ndarray
  redrawn: Portraits


def measure(portraits: Portraits, truth: Truth) -> dict[str, float]:
  """Computes the values of MEASURES.

  Consistency is averaged over draws. Diversity is the spread of skin and hair color over draws of one voice,
  relative to the spread over people; voices do not predict these colors. The spread is the square root of the
  summed variances of red, green and blue. The Frechet distance is between all generated and all redrawn true
  portraits.
  """
  readings = portraits.readings
  male = truth.attributes[:, 0] > 0.5

  def agreement(column: int) -> float:
    return float(np.mean([series.correlation(r[:, column], truth.attributes[:, column]) for r in readings]))

  def spread(columns: slice) -> float:
    people = truth.redrawn.readings[:, :, columns].var(axis=1, ddof=1).sum(axis=-1).mean()
    own = readings[:, :, columns].var(axis=0, ddof=1).sum(axis=-1).mean()
    return 100.0 * float(np.sqrt(own / max(people, 1e-12)))

  values = (
    100.0 * float(np.mean((readings[:, :, 0] > 0.5) == male)),
    agreement(1),
    agreement(2),
    retrieval.mean_recall(portraits.vectors, truth.gallery, 10),
    spread(_SKIN),
    spread(_HAIR),
    frechet.frechet_distance(_rows(portraits.vectors), _rows(truth.redrawn.vectors)),
  )
  return dict(zip(MEASURES, values, strict=True))


def reachable_correlation(vectors: np.ndarray, wanted: np.ndarray) -> float:
  """Correlation with a number of each speaker that a linear function of the speaker's vector reaches at best.

  Ridge regressions of several strengths are fitted to the first half of the speakers and measured on the second. The
  best of them counts, which makes it an upper bound.

  Args:
    vectors: `[n, d]`, one speaker a row.
    wanted: `[n]`.

  Returns:
    r, or NaN if a half has fewer than three speakers.
  """
  x, y, half = np.asarray(vectors, np.float64), np.asarray(wanted, np.float64), len(wanted) // 2
  left, values, directions = np.linalg.svd(x[:half] - x[:half].mean(0), full_matrices=False)
  fitted = values * (left.T @ (y[:half] - y[:half].mean()))
  along = (x[half:] - x[:half].mean(0)) @ directions.T
  strengths = np.logspace(-3, 3, 13) * np.mean(values**2)
  found = [series.correlation(along @ (fitted / (values**2 + strength)), y[half:]) for strength in strengths]
  return max((r for r in found if not np.isnan(r)), default=float('nan'))


def table(measured: Mapping[tuple[str, int], Sequence[Mapping[str, float]]]) -> str:
  """Markdown table: a row per key (mode, sampling steps), with mean and standard deviation over seeds."""
  lines = [
    '| prior | steps | ' + ' | '.join(MEASURES) + ' |',
    '|' + '---|' * (2 + len(MEASURES)),
  ]
  for (mode, steps), seeds in measured.items():
    cells = []
    for name in MEASURES:
      values = np.array([seed[name] for seed in seeds])
      digits = 2 if values.mean() < 5 else 1
      spread = f' ± {values.std(ddof=1):.{digits}f}' if len(values) > 1 else ''
      cells.append(f'{values.mean():.{digits}f}{spread}')
    lines.append(f'| {mode} | {steps or ""} | ' + ' | '.join(cells) + ' |')
  return '\n'.join(lines)


def _rows(vectors: np.ndarray) -> np.ndarray:
  return vectors.reshape(-1, vectors.shape[-1])
