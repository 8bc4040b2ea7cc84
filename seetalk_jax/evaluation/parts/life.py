"""Head motion and blink statistics relative to the ground truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seetalk_jax import constants
from seetalk_jax.evaluation.measures import bootstrap, series
from seetalk_jax.evaluation.report import Figure

AXES = ('yaw', 'pitch', 'roll')


def life_figures(
  read_pose: Sequence[np.ndarray],
  true_pose: Sequence[np.ndarray],
  read_blink: Sequence[np.ndarray],
  true_blink: Sequence[np.ndarray],
  *,
  reader_error: dict[str, float],
) -> list[Figure]:
  """Figures from pose tracks `[n, 3]` in radians and lid tracks `[n]`, read from videos and true.

  The standard deviation is computed within each video; videos are combined by root mean square. Blinks are
  pooled over all videos, because a single short video has at most a few.
  """
  figures = []
  both = list(zip(read_pose, true_pose, strict=True))
  for axis, name in enumerate(AXES):
    pairs = np.array([[read[:, axis].var(), true[:, axis].var()] for read, true in both])
    read_std, true_std = np.sqrt(pairs.mean(axis=0))
    low, high = bootstrap.interval(pairs, lambda p: np.sqrt(p[:, 0].mean() / max(p[:, 1].mean(), 1e-12)))
    note = f'{read_std:.3f} against {true_std:.3f} rad; reader error {reader_error[name]:.3f}'
    ratio = float(read_std / max(true_std, 1e-6))
    label = f"{name}, std over the truth's"
    figures.append(Figure('life', label, ratio, '0.5 .. 2', len(pairs), low, high, note))
  blinks = zip(read_blink, true_blink, strict=True)
  counts = np.array([[series.count_blinks(read), series.count_blinks(true)] for read, true in blinks], float)
  minutes = [sum(map(len, tracks)) / constants.FPS / 60 for tracks in (read_blink, true_blink)]
  rates = counts.sum(axis=0) / np.maximum(minutes, 1e-9)
  ratio = float(rates[0] / rates[1]) if rates[1] > 0 else float('nan')
  low, high = bootstrap.interval(counts, lambda c: c[:, 0].sum() / c[:, 1].sum() if c[:, 1].any() else np.nan)
  note = f'{rates[0]:.1f} against {rates[1]:.1f} a minute, {int(counts[:, 1].sum())} true blinks'
  label = "blink rate over the truth's"
  figures.append(Figure('life', label, ratio, '0.5 .. 2', len(counts), low, high, note))
  return figures
