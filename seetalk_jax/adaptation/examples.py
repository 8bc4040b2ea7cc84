"""Training frames of the fit and random pairs of them: a source that is warped, and a target that it should become."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from seetalk_jax.adaptation.measuring import Measured
from seetalk_jax.adaptation.photo_motions import MovedPhotos
from seetalk_jax.adaptation.recordings import Recording, Split
from seetalk_jax.data import landmark_parts

_UNMOVED_RATE = 0.1  # of the pairs of a photo: the photo itself is source and target
_PIXELS_PER_CELL = 4  # of part labels


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
    inside: bool `[n, s, s]`, True where a frame shows the picture.
    landmarks: float32 `[n, 478, 2]`, relative to the side.
    motion: measured motion vectors, float32 `[n, 58]`.
    measured: bool `[n]`, True where landmarks and motion were measured; elsewhere they are 0.
    parts: part labels drawn from the landmarks, uint8 `[n, s / 4, s / 4]`.
    groups: rows by recording.
  """

  pixels: np.ndarray
  inside: np.ndarray
  landmarks: np.ndarray
  motion: np.ndarray
  measured: np.ndarray
  parts: np.ndarray
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
  measure: Callable[[np.ndarray], Measured],
  move: Callable[[Recording, Measured], MovedPhotos],
) -> Examples:
  """The training frames of recordings: the fitted frames of videos, and photos with their small motions.

  Args:
    recordings, splits: recordings of one person, and the use of their frames.
    measure: frames of one recording, uint8 `[n, s, s, 3]` -> what the landmarker measures in them.
    move: a photo and its measurements -> the photo in small motions.
  """
  parts, groups, first = [], [], 0
  for recording, rows in zip(recordings, splits, strict=True):
    frames = recording.frames[rows.fit]
    if not len(frames):
      continue
    measured = measure(frames)
    parts.append(_columns(frames, np.broadcast_to(recording.inside, frames.shape[:3]), measured))
    real = first + np.arange(len(frames))
    first += len(frames)
    moved = np.arange(0)
    if recording.is_photo:
      more = move(recording, measured)
      parts.append(_columns(more.frames, more.inside, more.measured))
      moved = first + np.arange(len(more.frames))
      first += len(more.frames)
    groups.append(Group(real, moved))
  columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
  return Examples(*columns, groups=tuple(groups))


def _columns(frames: np.ndarray, inside: np.ndarray, measured: Measured) -> tuple[np.ndarray, ...]:
  """The fields of `Examples` but `groups`, in order."""
  cells = frames.shape[1] // _PIXELS_PER_CELL
  labels = np.zeros((len(frames), cells, cells), np.uint8)
  for row in np.flatnonzero(measured.found):
    labels[row] = landmark_parts.estimated_parts(measured.landmarks[row], None, cells)
  return frames, inside, measured.landmarks, measured.motion, measured.found, labels


def _pair(group: Group, rng: np.random.Generator) -> tuple[int, int]:
  real = rng.choice(group.real, size=2)
  if not len(group.moved) or rng.uniform() < _UNMOVED_RATE:
    return int(real[0]), int(real[1])
  moved = int(rng.choice(group.moved))
  return (int(real[0]), moved) if rng.uniform() < 0.5 else (moved, int(real[0]))
