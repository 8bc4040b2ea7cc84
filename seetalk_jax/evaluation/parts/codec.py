"""Motion codec figures: reconstruction of a held-out speaker's frame from another frame of the clip."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from tqdm import tqdm

from seetalk_jax.evaluation.inputs import EvaluationInputs
from seetalk_jax.evaluation.measures import pictures
from seetalk_jax.evaluation.probes import worlds
from seetalk_jax.evaluation.registry import part
from seetalk_jax.evaluation.report import Figure, figure
from seetalk_jax.media.psnr import psnr

COPY_LIMIT_DB = 18.5

# (source, target) uint8 [n, S, S, 3] -> {route: rebuilt target uint8 [n, S, S, 3]}, released route first.
Rebuild = Callable[[np.ndarray, np.ndarray], Mapping[str, np.ndarray]]


@part('codec', order=50)
def measure(inputs: EvaluationInputs) -> list[Figure]:
  """Reconstruction of frames from another frame of the clip."""
  settings = inputs.config.codec
  speakers = inputs.world.speakers('test', settings.first, settings.candidates)
  pairs, num_candidates = fixed_pairs(
    inputs.world, speakers, settings.pairs, seed=settings.seed, size=inputs.config.image_size
  )
  return codec_figures(pairs, inputs.generator.rebuild, num_candidates=num_candidates)


@dataclasses.dataclass(frozen=True)
class Pair:
  """Two frames of one clip of one held-out speaker, and another speaker with the motion of the second frame.

  Attributes:
    source, target, driver: uint8 `[S, S, 3]`; the driver has exactly the target's motion.
    head: bool `[S, S]`, True where the target shows the head (no background, no body).
    copy_db: PSNR in dB of the unchanged source against the target, over `head`.
  """

  source: np.ndarray
  target: np.ndarray
  driver: np.ndarray
  head: np.ndarray
  copy_db: float


def fixed_pairs(
  world: worlds.MeasuredWorld, speakers: Sequence[int], num: int, *, seed: int, size: int
) -> tuple[list[Pair], int]:
  """Evaluation pairs, deterministic in the seeds.

  A clip is 4 s of the speaker talking. The source is the frame nearest to the mean motion of the clip, the
  target the frame farthest from the source. Pairs whose `copy_db` is over COPY_LIMIT_DB are skipped: copying
  the source would be too good there. Apart from that limit the selection depends on the motion only.

  Returns:
    The first `num` remaining pairs in the order of `speakers`, and the number of speakers tried.
  """
  pairs: list[Pair] = []
  num_candidates = 0
  with tqdm(total=num, desc='pairs', file=sys.stderr, leave=False) as bar:
    for i, speaker in enumerate(speakers):
      if len(pairs) == num:
        break
      num_candidates += 1
      motion = world.talk(int(speaker), seed + i, 'test', 100).motion
      first, second = far_frames(motion)
      clip = world.draw(int(speaker), seed + i, motion[[first, second]], size)
      head = pictures.grow_mask(~np.isin(clip.parts[1], world.outside_parts), size)
      copy_db = psnr(clip.frames[0], clip.frames[1], head)
      if copy_db > COPY_LIMIT_DB:
        continue
      other = int(speakers[(i + 1) % len(speakers)])
      driver = world.draw(other, seed - 1 - i, motion[[second]], size).frames[0]
      pairs.append(Pair(clip.frames[0], clip.frames[1], driver, head, copy_db))
      bar.update()
  return pairs, num_candidates


def far_frames(motion: np.ndarray) -> tuple[int, int]:
  """Frame indices of a motion track `[n, d]`: source nearest to its mean, target farthest from the source."""
  source, distance = central_frame(motion)
  return source, int(np.argmax(distance))


def central_frame(motion: np.ndarray) -> tuple[int, np.ndarray]:
  """Index of the frame nearest to the mean of a motion track `[n, d]`, and distances of all frames from it, `[n]`."""
  standard = motion / np.maximum(motion.std(axis=0), 0.02)
  source = int(np.argmin(np.abs(standard - standard.mean(axis=0)).sum(axis=1)))
  return source, np.abs(standard - standard[source]).sum(axis=1)


def codec_figures(pairs: Sequence[Pair], rebuild: Rebuild, *, num_candidates: int) -> list[Figure]:
  """PSNR over the head of rebuilt frames, copied frames, and frames driven by another identity."""
  if not pairs:
    return [Figure('codec', 'PSNR over the head, dB', float('nan'), '>= 24', note='no pair passed the limit')]
  source, target, driver = (
    np.stack([getattr(pair, name) for pair in pairs]) for name in ('source', 'target', 'driver')
  )
  n, copied = len(pairs), np.array([pair.copy_db for pair in pairs])

  def scores(made):
    return np.array([psnr(m, pair.target, pair.head) for m, pair in zip(made, pairs, strict=True)])

  figures = []
  for i, (name, made) in enumerate(rebuild(source, target).items()):
    judged = ('>= 24', '>= 29 with weights trained on a GPU') if i == 0 else ()
    figures.append(figure('codec', f'PSNR over the head, {name}, dB', scores(made), *judged))
  note = f'{n} of {num_candidates} candidate pairs, each <= {COPY_LIMIT_DB} dB'
  figures.append(figure('codec', 'the source copied, dB', copied, f'<= {COPY_LIMIT_DB}', note))
  for name, made in rebuild(source, driver).items():
    figures.append(figure('codec', f'driven by another identity, {name}, dB', scores(made)))
  return figures
