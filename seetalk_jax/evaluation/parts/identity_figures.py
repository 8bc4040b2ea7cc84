"""Identity preservation: whether late frames of a video are identified as the person of the portrait."""

from __future__ import annotations

import numpy as np

from seetalk_jax.evaluation.measures import bootstrap
from seetalk_jax.evaluation.probes import identity
from seetalk_jax.evaluation.report import Figure


def identity_figures(
  reader: identity.IdentityReader,
  portraits: np.ndarray,
  late_frames: np.ndarray,
  true_portraits: np.ndarray,
  true_frames: np.ndarray,
) -> list[Figure]:
  """Top-1 identification of late frames among the portraits, all uint8 `[n, 128, 128, 3]`.

  Args:
    portraits, late_frames: generated from n held-out voices; late frame i is from the video of portrait i.
    true_portraits, true_frames: renderings of n held-out speakers; they give the upper bound of the
      classifier.
  """
  right = 100.0 * identity.named_right(reader(portraits), reader(late_frames))
  ceiling = 100.0 * identity.named_right(reader(true_portraits), reader(true_frames))
  n = len(right)
  note = f'chance {100 / n:.0f} %'
  return [
    Figure(
      'identity', f'named from a late frame among {n}, %', float(right.mean()), '>= 95', n,
      *bootstrap.interval(right), note,
    ),
    Figure('identity', 'the classifier on rendered frames, %', float(ceiling.mean()), '', len(ceiling)),
  ]  # fmt: skip
