"""Training frames of the fit and random pairs of them: a source that is warped, and a target that it should become."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from seetalk_jax.adaptation.recordings import Recording, Split
from seetalk_jax.adaptation.small_motions import MovedPhotos

_UNMOVED_RATE = 0.1  # of the pairs of a photo: the photo itself is source and target


@dataclasses.dataclass(frozen=True)
class Group:
  """Frames of one recording; light and clothes differ between recordings, so pairs stay within one.

  Attributes:
    real: rows of recorded frames.
    moved: rows of a photo in small motions; empty for a video.
  """

  real: np.ndarray
  moved: np.ndarray


@dataclasses.dataclass(frozen=True)
class Examples:
  """Frames that the networks are fitted to.

  Attributes:
    pixels: uint8 `[n, s, s, 3]`.
    motion: motion latents, float32 `[n, motion_dim]`.
    inside: bool `[n, s, s]`, True where a frame shows the picture.
    free: bool `[n]`, True where the latent is an estimate of phi_m that the fit may change.
    groups: rows by recording.
  """

  pixels: np.ndarray
  motion: np.ndarray
  inside: np.ndarray
  free: np.ndarray
  groups: tuple[Group, ...]

  def pairs(self, count: int, rng: np.random.Generator) -> np.ndarray:
    """Random pairs, int32 `[count, 2]`: rows of source and target; one of the two is a recorded frame."""
    sizes = np.array([len(group.real) + len(group.moved) for group in self.groups], np.float64)
    return np.array(
      [_pair(self.groups[index], rng) for index in rng.choice(len(sizes), size=count, p=sizes / sizes.sum())],
      np.int32,
    )


def collect(
  recordings: Sequence[Recording],
  splits: Sequence[Split],
  motion_of: Callable[[np.ndarray], np.ndarray],
  move: Callable[[Recording], MovedPhotos],
) -> Examples:
  """The training frames of recordings: the fitted frames of videos, and photos with their small motions.

  Args:
    recordings, splits: recordings of one person, and the use of their frames.
    motion_of: uint8 `[n, s, s, 3]` -> motion latents `[n, motion_dim]`.
    move: photo -> the photo in small motions.
  """
  parts, groups, first = [], [], 0
  for recording, rows in zip(recordings, splits, strict=True):
    frames = recording.frames[rows.fit]
    if not len(frames):
      continue
    inside = np.broadcast_to(recording.inside, frames.shape[:3])
    parts.append((frames, motion_of(frames), inside, np.full(len(frames), not recording.is_photo)))
    real = first + np.arange(len(frames))
    first += len(frames)
    moved = np.arange(0)
    if recording.is_photo:
      more = move(recording)
      parts.append((more.frames, more.motion, more.inside, np.zeros(len(more.frames), bool)))
      moved = first + np.arange(len(more.frames))
      first += len(more.frames)
    groups.append(Group(real, moved))
  pixels, motion, inside, free = (np.concatenate(column) for column in zip(*parts, strict=True))
  return Examples(pixels, motion, inside, free, tuple(groups))


def _pair(group: Group, rng: np.random.Generator) -> tuple[int, int]:
  real = rng.choice(group.real, size=2)
  if not len(group.moved) or rng.uniform() < _UNMOVED_RATE:
    return int(real[0]), int(real[1])
  moved = int(rng.choice(group.moved))
  return (int(real[0]), moved) if rng.uniform() < 0.5 else (moved, int(real[0]))
