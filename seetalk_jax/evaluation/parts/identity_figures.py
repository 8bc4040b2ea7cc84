"""Identity preservation: whether late frames of a video are identified as the person of the portrait."""

from __future__ import annotations

import sys

import numpy as np
from tqdm import tqdm

from seetalk_jax.evaluation.inputs import EvaluationInputs
from seetalk_jax.evaluation.probes import identity
from seetalk_jax.evaluation.registry import part
from seetalk_jax.evaluation.report import Figure, figure


@part('identity', order=40)
def measure(inputs: EvaluationInputs) -> list[Figure]:
  """Identity preservation between the portrait and a late frame."""
  pairs = list(zip(inputs.portraits, inputs.face_speech, strict=True))
  late = [
    inputs.generator.late_frame(portrait, speech, inputs.config.seed + i)
    for i, (portrait, speech) in enumerate(tqdm(pairs, desc='late frames', file=sys.stderr))
  ]
  made = inputs.small(inputs.portraits), inputs.small(np.stack(late))
  return identity_figures(inputs.identity_reader, *made, inputs.true_portraits, inputs.true_frames)


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
    figure('identity', f'named from a late frame among {n}, %', right, '>= 95', note),
    Figure('identity', 'the classifier on rendered frames, %', float(ceiling.mean()), '', len(ceiling)),
  ]
