"""Moments of a clip: a window, and a frame and a second window outside of it, so that conditions hold no answer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seetalk_jax.constants import FPS
from seetalk_jax.data import portrait_frames, schema, transforms
from seetalk_jax.errors import InputError

APART = FPS  # frames between a window and a frame that stands for the portrait: 1 s
_REACH = 2 * APART  # frames beyond the window among which the portrait is chosen
_SHORTEST_STYLE = FPS  # frames; a shorter window says little about the range and the speed of motion


class Moments(NamedTuple):
  """A window of a clip and other moments of the same clip.

  Attributes:
    record: joined records that hold all of them.
    first: first frame of the window.
    portrait: a frame that is at least `APART` frames away from the window.
    style: frames of another window, without a frame in common; empty where the clip has none of a second.
  """

  record: schema.ClipRecord
  first: int
  portrait: int
  style: slice


def choose(
  record: schema.ClipRecord,
  beside: transforms.Beside,
  rng: np.random.Generator,
  length: int,
  *,
  with_style: bool = False,
  apart: int = APART,
) -> Moments:
  """Samples a window of `length` frames that begins in `record`, or near it at the end of a clip, and other moments.

  The portrait is the frame of lowest `portrait_frames.portrait_cost`, as far as the motion is known.

  Args:
    record: of a clip of at least `length + apart` frames.
    beside: `step` -> the record `step` positions later.
    rng: random generator of the element.
    length: frames of the window.
    with_style: whether frames for a second window are looked up too; without, `style` may be short or empty.
    apart: least distance of the portrait from the window, in frames; 0 where no portrait is needed.

  Raises:
    InputError: the clip is shorter.
  """
  reach = max(_REACH, length) if with_style else _REACH
  joined, offset = _around(record, beside, length, reach)
  total, own = len(joined.frames), len(record.frames)
  starts = np.arange(max(total - length + 1, 0))
  starts = starts[(starts >= apart) | (total - length - starts >= apart)]
  if not len(starts):
    raise InputError(
      f'a window of {length} frames with a portrait from another moment needs clips of {length + apart} frames, '
      f'one has {total}: render or prepare longer clips'
    )
  # As many starts as the record has frames: its own frames, and at the end of a clip those before them.
  away = np.maximum(np.maximum(offset - starts, starts - (offset + own - 1)), 0)
  first = int(rng.choice(starts[np.argsort(away, kind='stable')[:own]]))
  frames = np.arange(total)
  frames = frames[(frames <= first - apart) | (frames >= first + length - 1 + apart)]
  return Moments(joined, first, _portrait(joined, frames, rng), other_window(first, length, total, rng))


def other_window(first: int, length: int, total: int, rng: np.random.Generator) -> slice:
  """Samples a window of at most `length` frames of a clip before or after the one from `first`.

  Returns:
    Its frames in the clip of `total` frames; an empty slice if neither side has a second of frames (or `length`, if
    that is less).
  """
  shortest = min(_SHORTEST_STYLE, length)
  before, after = min(first, length), min(total - first - length, length)
  sides = [slice(first - before, first), slice(first + length, first + length + after)]
  sides = [side for side in sides if side.stop - side.start >= shortest]
  return sides[int(rng.integers(len(sides)))] if sides else slice(0, 0)


def _around(
  record: schema.ClipRecord, beside: transforms.Beside, length: int, reach: int
) -> tuple[schema.ClipRecord, int]:
  """Joins the records around a record that windows of `length` frames and `reach` frames beyond them may need.

  Returns:
    (joined records, frames of them before `record`).
  """
  own = len(record.frames)
  joined = transforms.stretch(record, beside, own + length - 1 + reach)
  wanted = max(reach, length + reach + own - len(joined.frames))
  offset, step = 0, -1
  while record.truth is None and offset < wanted:
    before = beside(step)
    if before is None or not schema.follows(joined, before):
      break
    joined = schema.join(before, joined)
    offset, step = offset + len(before.frames), step - 1
  return joined, offset


def _portrait(record: schema.ClipRecord, frames: np.ndarray, rng: np.random.Generator) -> int:
  """The frame most like a portrait among `frames`; any of them where the motion is unknown."""
  if record.motion is None:
    return int(rng.choice(frames))
  return int(frames[np.argmin(portrait_frames.portrait_cost(record.motion[frames]))])
