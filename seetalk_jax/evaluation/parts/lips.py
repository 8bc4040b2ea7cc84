"""Lip-opening correlation: mouth opening read from videos against the true opening of the speech."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seetalk_jax.evaluation.inputs import EvaluationInputs
from seetalk_jax.evaluation.measures import series
from seetalk_jax.evaluation.probes import readers
from seetalk_jax.evaluation.registry import part
from seetalk_jax.evaluation.report import Figure, figure

MAX_LAG = 8


@part('lips', order=10)
def measure(inputs: EvaluationInputs) -> list[Figure]:
  """Mouth opening compared with the true opening of the speech."""
  index = readers.FIELDS.index('opening')
  read = [r[:, index] for r in inputs.read_videos]
  true = [inputs.world.opening(talk.motion) for talk in inputs.talks]
  error, agreement = inputs.reader.error['opening'], inputs.reader.agreement['opening']
  return lip_figures(read, true, reader_error=error, reader_agreement=agreement)


def lip_figures(
  read: Sequence[np.ndarray], true: Sequence[np.ndarray], *, reader_error: float, reader_agreement: float
) -> list[Figure]:
  """Figures of the mouth openings `read[i] [n]` of video i and `true[i] [n]` of its speech.

  r is the correlation at lag 0. The best lag maximizes the mean correlation over all voices. The shuffled
  baseline pairs each video with the truth of a speech half the list away. A video whose mouth is still has an r of 0
  and no lag; speeches without lip motion have no r, and do not count.
  """
  n = len(read)
  curves = [series.lag_curve(r, t, MAX_LAG) for r, t in zip(read, true, strict=True) if np.ptp(t) > 0]
  curves = np.array(curves).reshape(-1, 2 * MAX_LAG + 1)
  moving = curves[np.isfinite(curves).all(axis=1)]
  usable = np.nan_to_num(curves[:, MAX_LAG], nan=0.0)
  lag = series.best_lag(moving.mean(axis=0)) if len(moving) else float('nan')
  own = np.array([series.best_lag(curve) for curve in moving])
  near = 100 * float(np.sum(np.abs(own) <= 1) / len(curves)) if len(curves) else float('nan')
  shuffled = []
  for i, j in enumerate(series.shuffled_partner(n)):
    length = min(len(read[i]), len(true[j]))
    shuffled.append(series.correlation(read[i][:length], true[j][:length]))
  shuffled = np.array(shuffled)[np.isfinite(shuffled)]
  note = f'reader: error {reader_error:.3f}, r {reader_agreement:.3f} on held-out appearances'
  if still := len(curves) - len(moving):
    note += f'; mouths that stand still: {still}'
  return [
    figure(
      'lips',
      'opening, median r with the truth at lag 0',
      usable,
      '>= 0.75',
      note,
      statistic=np.median,
    ),
    figure('lips', 'opening, mean r at lag 0', usable),
    Figure(
      'lips',
      'best lag of all voices together, frames',
      float(lag),
      '-1 .. 1',
      len(moving),
      note='positive: the lips are late',
    ),
    Figure('lips', 'voices whose own best lag is within 1 frame, %', near, '', len(curves)),
    figure(
      'lips',
      'shuffled speech, median r',
      shuffled,
      '-0.2 .. 0.2',
      'near 0 is right',
      statistic=np.median,
    ),
  ]
