"""Head motion and blink statistics relative to the ground truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seetalk_jax import constants
from seetalk_jax.evaluation.inputs import EvaluationInputs
from seetalk_jax.evaluation.measures import series
from seetalk_jax.evaluation.probes import readers, rendered
from seetalk_jax.evaluation.registry import part
from seetalk_jax.evaluation.report import Figure, figure

AXES = ('yaw', 'pitch', 'roll')


@part('life', order=20)
def measure(inputs: EvaluationInputs) -> list[Figure]:
  """Head motion and blinks compared with the ground truth."""
  pose = [readers.FIELDS.index(name) for name in AXES]
  lid = readers.FIELDS.index('blink')
  return life_figures(
    [r[:, pose] for r in inputs.read_videos],
    [talk.motion[:, constants.POSE] for talk in inputs.talks],
    [r[:, lid] for r in inputs.read_videos],
    [rendered.blink_track(talk.motion) for talk in inputs.talks],
    reader_error=inputs.reader.error,
  )


def life_figures(
  read_pose: Sequence[np.ndarray],
  true_pose: Sequence[np.ndarray],
  read_blink: Sequence[np.ndarray],
  true_blink: Sequence[np.ndarray],
  *,
  reader_error: dict[str, float],
) -> list[Figure]:
  """Figures from pose tracks `[n, 3]` in radians and lid tracks `[n]`, read from videos and true.

  The standard deviation is computed within each video; videos are combined by root mean square. Errors of the reader
  add to the spread of what is read, so their variance is subtracted: a still head has no spread. Blinks are pooled over
  all videos, because a single short video has at most a few.

  Args:
    read_pose, read_blink: of every video, from its frames.
    true_pose, true_blink: of the same speeches.
    reader_error: mean absolute error of the reader in radians, by axis; of a normal error, `sqrt(2 / pi)` of its
      standard deviation.
  """

  def count_ratio(counts):
    return counts[:, 0].sum() / counts[:, 1].sum() if counts[:, 1].any() else np.nan

  figures = []
  both = list(zip(read_pose, true_pose, strict=True))
  for axis, name in enumerate(AXES):
    pairs = np.array([[read[:, axis].var(), true[:, axis].var()] for read, true in both])
    error_variance = np.pi / 2 * reader_error[name] ** 2

    def std_ratio(variances, error_variance=error_variance):
      read, true = variances.mean(axis=0)
      return np.sqrt(max(read - error_variance, 0.0) / max(true, 1e-12))

    read_std, true_std = np.sqrt(pairs.mean(axis=0))
    note = f'{read_std:.3f} as read against {true_std:.3f} rad; reader error {reader_error[name]:.3f}'
    label = f"{name}, std over the truth's"
    figures.append(figure('life', label, pairs, '0.5 .. 2', note, statistic=std_ratio))
  blinks = zip(read_blink, true_blink, strict=True)
  counts = np.array([[series.count_blinks(read), series.count_blinks(true)] for read, true in blinks], float)
  minutes = [sum(map(len, tracks)) / constants.FPS / 60 for tracks in (read_blink, true_blink)]
  rates = counts.sum(axis=0) / np.maximum(minutes, 1e-9)
  ratio = float(rates[0] / rates[1]) if rates[1] > 0 else float('nan')
  note = f'{rates[0]:.1f} against {rates[1]:.1f} a minute, {int(counts[:, 1].sum())} true blinks'
  label = "blink rate over the truth's"
  figures.append(figure('life', label, counts, '0.5 .. 2', note, statistic=count_ratio, value=ratio))
  return figures
