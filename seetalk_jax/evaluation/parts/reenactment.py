"""Reenactment: portraits driven by the same and by another person, against exact renderings."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from tqdm import tqdm

from seetalk_jax.constants import MOTION_FIELDS
from seetalk_jax.evaluation.inputs import EvaluationInputs
from seetalk_jax.evaluation.measures import bootstrap, pictures, series
from seetalk_jax.evaluation.parts import life
from seetalk_jax.evaluation.probes import identity, readers, rendered, worlds
from seetalk_jax.evaluation.registry import part
from seetalk_jax.evaluation.report import Figure, figure
from seetalk_jax.media.psnr import psnr

PART = 'reenactment'

# (sources, drivers) uint8 [n, S, S, 3] -> {route: uint8 [n, S, S, 3]}, the released route first.
Rebuild = Callable[[np.ndarray, np.ndarray], Mapping[str, np.ndarray]]
# Motion field read from the driven frames -> target of its r with the driver's true motion.
_KEPT = {'yaw': 0.9, 'pitch': 0.9, 'roll': 0.9, 'blink': 0.8, 'opening': 0.85}


@part('reenactment', order=60)
def measure(inputs: EvaluationInputs) -> list[Figure]:
  """Portraits driven by videos of the same and of another person; codebook use."""
  settings = inputs.config.reenactment
  sets = fixed_reenactments(
    inputs.world,
    inputs.face_speakers,
    settings.people,
    frames=settings.frames,
    stride=settings.stride,
    seed=settings.seed,
    size=inputs.config.image_size,
  )
  rebuild = functools.partial(inputs.generator.rebuild, weights=tuple(settings.weights))
  judges = inputs.reader, inputs.identity_reader, inputs.true_portraits
  figures = reenactment_figures(sets, rebuild, *judges, inputs.small)
  latents = ([inputs.generator.motion(getattr(one, name)) for one in sets] for name in ('own', 'other'))
  return [
    *figures,
    leak_figure(*latents),
    perplexity_figure(*inputs.generator.codes(np.concatenate([s.own for s in sets]))),
  ]


@dataclasses.dataclass(frozen=True)
class Reenactment:
  """A portrait, and renderings of its person and of another person with exactly the same motion.

  Attributes:
    portrait: uint8 `[S, S, 3]`, neutral.
    own, other: uint8 `[k, S, S, 3]`, the two persons with this motion.
    head: bool `[k, S, S]`, True where `own` shows the head.
    motion: `[k, 58]`, the true motion.
    opening: `[k]`, true mouth opening.
  """

  portrait: np.ndarray
  own: np.ndarray
  other: np.ndarray
  head: np.ndarray
  motion: np.ndarray
  opening: np.ndarray


def fixed_reenactments(
  world: worlds.MeasuredWorld,
  speakers: Sequence[int],
  num: int,
  *,
  frames: int,
  stride: int,
  seed: int,
  size: int,
) -> list[Reenactment]:
  """Reenactments of the first `num` speakers, driven by every `stride`-th frame of a talk of the next one."""
  sets = []
  for i, speaker in enumerate(tqdm(speakers[:num], desc='reenactments', file=sys.stderr, leave=False)):
    other = int(speakers[(i + 1) % len(speakers)])
    motion = world.talk(other, seed + i, 'test', frames * stride).motion[::stride]
    own = world.draw(int(speaker), i, np.concatenate([world.neutral(i)[None], motion]), size)
    driver = world.draw(other, seed - 1 - i, motion, size)
    head = np.stack([pictures.grow_mask(~np.isin(p, world.outside_parts), size) for p in own.parts[1:]])
    opening = np.asarray(own.opening[1:], np.float32)
    sets.append(Reenactment(own.frames[0], own.frames[1:], driver.frames, head, motion, opening))
  return sets


def reenactment_figures(
  sets: Sequence[Reenactment],
  rebuild: Rebuild,
  reader: Callable[[np.ndarray], np.ndarray],
  namer: identity.IdentityReader,
  gallery: np.ndarray,
  small: Callable[[np.ndarray], np.ndarray],
) -> list[Figure]:
  """Figures of all routes; bootstrap intervals resample the people.

  Args:
    reader: maps downsampled pictures to readings `[n, fields]`.
    namer: identity embedding.
    gallery: portraits uint8 `[m, 128, 128, 3]`, of which the first `len(sets)` show the people of `sets`.
    small: downsamples frames to the input size of the readers.
  """
  figures: list[Figure] = []
  for kind, driven_by in (('self', 'own'), ('cross', 'other')):
    made: dict[str, list[np.ndarray]] = {}
    for one in tqdm(sets, desc=kind, file=sys.stderr, leave=False):
      sources = np.broadcast_to(one.portrait, one.own.shape)
      for route, frames in rebuild(sources, getattr(one, driven_by)).items():
        made.setdefault(route, []).append(frames)
    figures += _pictures(kind, sets, made, namer, small)
    if kind == 'cross':
      first = next(iter(made.values()))
      figures += _kept(sets, first, reader, small)
      figures += _named(first, namer, gallery, small)
  return figures


def _pictures(kind, sets, made, namer, small) -> list[Figure]:
  """PSNR, SSIM, sharpness and identity feature distance of each route against the exact frames."""

  def scores(frames):
    rows = []
    for one, drawn in zip(sets, frames, strict=True):
      near = np.sum(namer(small(drawn)) * namer(small(one.own)), axis=-1)
      each = [
        [
          psnr(d, t, h),
          pictures.ssim(d, t, h),
          pictures.gradient_energy(d, h) / pictures.gradient_energy(t, h),
        ]
        for d, t, h in zip(drawn, one.own, one.head, strict=True)
      ]
      rows.append([*np.mean(each, axis=0), 1.0 - float(near.mean())])
    return np.array(rows)

  values_of = {route: scores(frames) for route, frames in made.items()}
  copied = np.array(
    [np.mean([psnr(one.portrait, t, h) for t, h in zip(one.own, one.head, strict=True)]) for one in sets]
  )
  figures = []
  names = ('PSNR over the head, dB', 'SSIM over the head', 'gradient energy over the truth')
  names += ("distance in the identity reader's features",)
  for i, name in enumerate(names):
    for route, values in values_of.items():
      figures.append(figure(PART, f'{kind}: {name}, {route}', values[:, i]))
    if i == 0:
      figures.append(figure(PART, f'{kind}: the portrait copied, dB', copied))
  return figures


def _kept(sets, made, reader, small) -> list[Figure]:
  """Correlation of the driver's motion with the motion read from the frames, over all people."""
  read = [reader(small(frames)) for frames in made]
  truth = {
    **{name: [one.motion[:, MOTION_FIELDS.index(name)] for one in sets] for name in life.AXES},
    'blink': [rendered.blink_track(one.motion) for one in sets],
    'opening': [one.opening for one in sets],
  }
  figures = []
  for name, least in _KEPT.items():
    index = readers.FIELDS.index(name)
    pairs = np.array([np.stack([r[:, index], t]) for r, t in zip(read, truth[name], strict=True)])

    def pooled(sample):
      return series.correlation(sample[:, 0].reshape(-1), sample[:, 1].reshape(-1))

    label = f'cross: {name} of the driver kept, r'
    figures.append(figure(PART, label, pairs, f'>= {least}', statistic=pooled))
  return figures


def _named(made, namer, gallery, small) -> list[Figure]:
  vectors = namer(gallery)
  right = np.array(
    [np.mean(np.argmax(namer(small(frames)) @ vectors.T, axis=1) == i) for i, frames in enumerate(made)]
  )
  name = f'cross: the source named among {len(gallery)}, %'
  low, high = (100 * end for end in bootstrap.interval(right))
  return [Figure(PART, name, 100 * float(right.mean()), '>= 95', len(made), low, high)]


def leak_figure(own: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> Figure:
  """Identity leak: variance of m between two people with one motion, relative to its variance over motions.

  0 %: m depends on the motion only. 100 %: two people differ as much as two moments of one person.

  Args:
    own, other: per pair of people the motion latents `[k, d]` of the same motion.
  """
  own, other = (np.stack(list(each)).astype(np.float64) for each in (own, other))
  between = 0.5 * np.mean(np.square(own - other).sum(axis=-1), axis=1)
  spread = np.mean(np.square(own - own.mean(axis=1, keepdims=True)).sum(axis=-1))
  share = 100 * between / spread
  name = 'variance of m between two people of one motion, over that between motions, %'
  return figure('motion codec', name, share)


def perplexity_figure(indices: np.ndarray, num_codes: int) -> Figure:
  """Perplexity of code indices (of any shape), in percent of the codebook size."""
  share = np.bincount(np.asarray(indices).reshape(-1), minlength=num_codes) / np.size(indices)
  used = share[share > 0]
  perplexity = float(np.exp(-np.sum(used * np.log(used))))
  note = f'{perplexity:.0f} of {num_codes}'
  return Figure(
    'codebook',
    'perplexity on held-out frames, % of the codes',
    100 * perplexity / num_codes,
    '>= 30',
    0,
    note=note,
  )
