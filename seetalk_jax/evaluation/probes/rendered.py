"""Training data of the readers: rendered looks (appearances) with ground truth, cached on disk."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from seetalk_jax import files
from seetalk_jax.constants import BLINK, POSE
from seetalk_jax.evaluation import disk_cache
from seetalk_jax.evaluation.measures import pictures
from seetalk_jax.evaluation.probes import trunk, worlds

_LOOKS_A_FILE = 25


class RenderedLooks(NamedTuple):
  """uint8 `images [looks, frames, 128, 128, 3]` and float32 `labels [looks, frames, fields]`."""

  images: np.ndarray
  labels: np.ndarray

  def to_learn_from(self) -> dict[str, np.ndarray]:
    """`images` and `labels` per frame, and bool `held_out`, True for the last tenth of the looks."""
    num, frames = self.images.shape[:2]
    return {
      'images': self.images.reshape(-1, *self.images.shape[2:]),
      'labels': self.labels.reshape(-1, self.labels.shape[-1]),
      'held_out': np.repeat(np.arange(num) >= num - max(2, num // 10), frames),
    }


def blink_track(motion: np.ndarray) -> np.ndarray:
  """Lid closure `[n]`, 0 (open) to 1 (closed): the mean of both eyes of a motion track `[n, 58]`."""
  left, right = motion[:, BLINK].T
  return 0.5 * (left + right)


def labels_of(
  frames, parts, opening, motion, attributes, *, skin: Sequence[int], hair: Sequence[int]
) -> np.ndarray:
  """Ground truth of the frames of one look in the order of `readers.FIELDS`: float32 `[k, len(FIELDS)]`.

  Args:
    frames: uint8 `[k, s, s, 3]`.
    parts: uint8 `[k, s/4, s/4]`, part labels of the head.
    opening: `[k]`, mouth opening.
    motion: `[k, 58]`.
    attributes: `[3]`: sex, age, head size.
    skin, hair: part labels of skin and hair.
  """
  small = pictures.halve(frames, parts.shape[-1])
  rows = []
  for picture, part, mouth_opening, motion_row in zip(small, parts, opening, motion, strict=True):
    closed = float(blink_track(motion_row[None])[0])
    colours = [pictures.mean_colour(picture, np.isin(part, kind)) for kind in (skin, hair)]
    rows.append(
      [mouth_opening, *motion_row[POSE], closed, attributes[0], attributes[1], *np.concatenate(colours)]
    )
  return np.asarray(rows, np.float32)


def render_looks(
  world: worlds.MeasuredWorld, speakers: Sequence[int], num_frames: int, *, seed: int, first: int = 0
) -> RenderedLooks:
  """Renders one look of each speaker: frame 0 frontal and neutral, the others with speech motion.

  Clothes and background change in every frame, so that neither identifies the person.

  Args:
    first: number of the first look, so that looks which are rendered in several calls are those of one call.
  """
  images, labels = [], []
  bar = tqdm(speakers, desc=f'render from {first}', unit='look', file=sys.stderr, leave=False)
  for i, speaker in enumerate(bar, first):
    base = seed * 1_000_003 + i * num_frames
    motion = np.stack([world.neutral(base)] + [world.random(base + j) for j in range(1, num_frames)])
    clip = world.draw_redressed(int(speaker), base, motion, trunk.IMAGE_SIZE)
    images.append(clip.frames)
    truth = clip.frames, clip.parts, clip.opening, motion, world.attributes(int(speaker))
    labels.append(labels_of(*truth, skin=world.skin_parts, hair=world.hair_parts))
  return RenderedLooks(np.stack(images), np.stack(labels))


def save_looks(path: str, looks: RenderedLooks) -> None:
  """Writes the looks to one npz file atomically."""
  with files.replacing(path) as part:
    np.savez(part, images=looks.images, labels=looks.labels)


def cached_looks(folder: str | os.PathLike, world: worlds.MeasuredWorld, settings) -> RenderedLooks:
  """The looks of `settings` (first, num, frames, seed) in the split 'train': loaded from `folder`, or rendered to it.

  The folder `looks-KEY` in it has a file of every 25 looks: an interrupted run goes on with those that are missing, and
  settings that differ only in `num` share files.
  """
  speakers = world.speakers('train', settings.first, settings.num)
  key = disk_cache.digest([settings.first, settings.frames, settings.seed, world.name, world.crop_version])
  pieces = []
  for first in range(0, len(speakers), _LOOKS_A_FILE):
    some = speakers[first : first + _LOOKS_A_FILE]
    make = functools.partial(render_looks, world, some, settings.frames, seed=settings.seed, first=first)
    path = os.path.join(folder, f'looks-{key}', f'{first:05d}-{len(some)}.npz')
    pieces.append(disk_cache.cached(path, make, save_looks, load_looks))
  return RenderedLooks(*(np.concatenate(arrays) for arrays in zip(*pieces, strict=True)))


def load_looks(path: str) -> RenderedLooks:
  """Loads looks written by `save_looks`."""
  with np.load(path, allow_pickle=False) as arrays:
    return RenderedLooks(arrays['images'], arrays['labels'])
