"""The typed trees that say everything about a synthetic speaker's voice, look and motion.

Three things are kept apart so that any look renders with any motion:

* `Speaker`: what voice and face share (sex, age, head size).
* `Identity` (in `head`): one look of a speaker; shape and colours.
* `Motion` (here): what changes from frame to frame.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class Speaker:
  """What drives voice and face together.

  Attributes:
    speaker_id: unique integer; the seed of everything about this speaker.
    sex: 0 female voice and face traits, 1 male; continuous in [0, 1], mostly near the ends.
    age: years, 18 to 80.
    head_size: standard score, about -2 to 2; larger heads have longer vocal tracts (lower formants).
  """

  speaker_id: int
  sex: float
  age: float
  head_size: float

  @property
  def attributes(self) -> np.ndarray:
    """float32 [3]: sex in [0, 1], age in years, head size as a standard score."""
    return np.array([self.sex, self.age, self.head_size], np.float32)


class Motion(NamedTuple):
  """Per-frame controls of the head; every field an array of one common shape `[*b]`, 0 at rest.

  Attributes:
    jaw: 0 closed, 1 dropped as in a wide "ah".
    spread: mouth corners pulled apart, -0.3 to 1.
    rounding: lips protruded and narrowed, 0 to 1.
    closure: lips pressed together (m, b, p), 0 to 1; 1 means closed whatever the jaw does.
    upper_lip: upper lip raised, 0 to 1.
    tuck: lower lip under the upper teeth (f, v), 0 to 1.
    tongue: tongue tip raised and visible, 0 to 1.
    smile: corners up, -1 (frown) to 1.
    blink_left, blink_right: lids, 0 open to 1 closed. Left is the subject's left.
    squint: 0 to 1.
    gaze_yaw, gaze_pitch: radians, about -0.4 to 0.4; positive is to the subject's left, and up.
    brow_raise: -1 to 1.
    brow_furrow: 0 to 1.
    yaw, pitch, roll: head pose in radians; positive turns to the subject's left, looks up, tilts to the
      subject's left shoulder.
    shift_x, shift_y: head translation across the picture in units of the head's half width.
  """

  jaw: np.ndarray
  spread: np.ndarray
  rounding: np.ndarray
  closure: np.ndarray
  upper_lip: np.ndarray
  tuck: np.ndarray
  tongue: np.ndarray
  smile: np.ndarray
  blink_left: np.ndarray
  blink_right: np.ndarray
  squint: np.ndarray
  gaze_yaw: np.ndarray
  gaze_pitch: np.ndarray
  brow_raise: np.ndarray
  brow_furrow: np.ndarray
  yaw: np.ndarray
  pitch: np.ndarray
  roll: np.ndarray
  shift_x: np.ndarray
  shift_y: np.ndarray


MOTION_DIM = len(Motion._fields)
LIP_FIELDS = ('jaw', 'spread', 'rounding', 'closure', 'upper_lip', 'tuck', 'tongue', 'smile')
POSE_FIELDS = ('yaw', 'pitch', 'roll', 'shift_x', 'shift_y')


def motion_to_array(motion: Motion) -> np.ndarray:
  """Stacks the fields of `motion`, each `[*b]`, into float32 `[*b, MOTION_DIM]`."""
  return np.stack([np.asarray(field, np.float32) for field in motion], axis=-1)


def array_to_motion(array) -> Motion:
  """The inverse of `motion_to_array`: `[*b, MOTION_DIM]` (numpy or jax) to a `Motion` of `[*b]` fields."""
  if array.shape[-1] != MOTION_DIM:
    raise ValueError(f'motion arrays have {MOTION_DIM} channels, got shape {array.shape}')
  return Motion(*(array[..., i] for i in range(MOTION_DIM)))
