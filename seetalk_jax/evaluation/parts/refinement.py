"""Lip refinement figures: lip accuracy with and without it, changes outside of lip subspace and region."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from seetalk_jax.evaluation.inputs import EvaluationInputs
from seetalk_jax.evaluation.measures import series
from seetalk_jax.evaluation.probes import readers
from seetalk_jax.evaluation.registry import part
from seetalk_jax.evaluation.report import Figure, figure

PART = 'refinement'
# Left, top, right, bottom in the portrait crop: the mouth with a margin for lip and head motion.
LIP_BOX = (0.3, 0.52, 0.7, 0.86)


@part('refinement', order=80)
def measure(inputs: EvaluationInputs) -> list[Figure]:
  """Effect of lip refinement on lips, motion latents and pixels."""
  index = readers.FIELDS.index('opening')
  videos = []
  for i, talk in enumerate(tqdm(inputs.talks, desc='refinement', file=sys.stderr)):
    clips = inputs.generator.unrefined(talk.speech, inputs.config.seed + i)
    frames = [clip.frames for clip in clips]
    opening = [inputs.reader(inputs.small(f))[:, index] for f in frames]
    judged = [float('nan')] * 2
    if inputs.sync_judge:
      # One mouth position for both videos, so that the crop does not depend on the compared video.
      centers = inputs.generator.mouth_centers(clips[1])
      judged = [inputs.sync_judge(f, talk.speech, centers) for f in frames]
    motion = [clip.motion for clip in clips]
    differences = pixel_differences(*frames)
    truth = inputs.world.opening(talk.motion)
    videos.append(RefinementPair(*opening, truth, *motion, *differences, *judged))
  return refinement_figures(videos, inputs.generator.lip_subspace)


@dataclasses.dataclass(frozen=True)
class RefinementPair:
  """One video with and without refinement, all else equal.

  Attributes:
    opening, opening_without: `[n]`, mouth opening read from the frames.
    truth: `[n]`, true mouth opening.
    motion, motion_without: `[n, d]`, motion latents.
    inside, outside: mean absolute pixel difference of the videos in LIP_BOX and elsewhere, in levels of 255.
    sync, sync_without: mean lip-sync distance by a sync expert, NaN without one.
  """

  opening: np.ndarray
  opening_without: np.ndarray
  truth: np.ndarray
  motion: np.ndarray
  motion_without: np.ndarray
  inside: float
  outside: float
  sync: float = float('nan')
  sync_without: float = float('nan')


def lip_mask(side: int) -> np.ndarray:
  """Mask bool `[side, side]`, True in LIP_BOX."""
  at = (np.arange(side) + 0.5) / side
  left, top, right, bottom = LIP_BOX
  return ((at > top) & (at < bottom))[:, None] & ((at > left) & (at < right))[None]


def pixel_differences(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
  """Mean absolute difference of uint8 `[n, S, S, 3]` inside and outside of the lip box."""
  difference = np.abs(a.astype(np.int16) - b.astype(np.int16)).mean(axis=(0, 3))
  mask = lip_mask(a.shape[1])
  return float(difference[mask].mean()), float(difference[~mask].mean())


def outside_subspace(change: np.ndarray, subspace: np.ndarray) -> float:
  """Largest absolute entry of the part of `change [n, d]` orthogonal to the columns of `subspace [d, k]`."""
  change = np.asarray(change, np.float64)
  # Half-precision storage makes the columns slightly non-orthonormal; only their span matters.
  subspace, _ = np.linalg.qr(np.asarray(subspace, np.float64))
  return float(np.abs(change - change @ subspace @ subspace.T).max())


def refinement_figures(videos: Sequence[RefinementPair], subspace: np.ndarray) -> list[Figure]:
  """Figures with paired intervals: every gain compares a video with itself."""
  n = len(videos)

  def r(name):
    return np.array([series.correlation(getattr(video, name), video.truth) for video in videos])

  with_it, without = r('opening'), r('opening_without')
  gain = with_it - without
  inside, outside = (np.array([getattr(video, name) for video in videos]) for name in ('inside', 'outside'))
  residual = max(outside_subspace(video.motion - video.motion_without, subspace) for video in videos)
  moved = np.mean([np.abs(video.motion - video.motion_without).mean() for video in videos])
  ratio = 100 * outside.mean() / inside.mean()

  def share(pairs):
    return 100 * pairs[:, 1].mean() / pairs[:, 0].mean()

  pixels = np.stack([inside, outside], axis=1)
  figures = [
    figure(PART, 'opening, median r with the truth, refined', with_it, '>= 0.85', statistic=np.median),
    figure(PART, 'the same without refinement', without, '>= 0.75', statistic=np.median),
    figure(PART, 'gain of r by refinement, mean of pairs', gain, '>= 0', 'the interval must lie above 0'),
    Figure(
      PART, 'm outside of U, largest change', residual, '<= 0.000001', n, note=f'mean change {moved:.3f}'
    ),
    figure(
      PART,
      'change of pixels outside of the lips over inside, %',
      pixels,
      '<= 10',
      statistic=share,
      value=ratio,
    ),
  ]
  sync, sync_without = (
    np.array([getattr(video, name) for video in videos]) for name in ('sync', 'sync_without')
  )
  if np.isfinite(sync).all():
    figures += [
      figure(PART, 'sync distance by another expert, refined', sync),
      figure(PART, 'the same without refinement, distance', sync_without),
      figure(PART, 'sync distance saved by refinement, mean of pairs', sync_without - sync, '>= 0'),
    ]
  return figures
