"""Entries that several views share: their descriptions, and how some are read from a record."""

from __future__ import annotations

import numpy as np

from seetalk_jax.constants import EMOTIONS, MOTION_DIM, SAMPLES_PER_FRAME
from seetalk_jax.data import schema
from seetalk_jax.data.view import Entry

SPEAKER = Entry(np.int32, (), 'which speaker; text names are numbered by a stable hash')
ATTRIBUTES = Entry(np.float32, (3,), 'sex 0..1, age in years, head size as a standard score')
HAS_TRUTH = Entry(np.float32, (), '1: ground truth is there; 0: a real recording, maps are zeros')
IMAGE = ('S', 'S', 3)
PICTURE_BOX = Entry(
  np.float32,
  (4,),
  'part that shows the recording: left, top, right, bottom, relative 0..1; edges repeat around it',
)
QUARTER = ('S/4', 'S/4')
SPEECH = 'mono speech at 16 kHz in [-1, 1]'
MOTION = 'motion vector, see constants.MOTION_FIELDS'
MOTION_WEIGHT = Entry(
  np.float32, (MOTION_DIM,), 'weight of each motion field: 1 exact, 0.3 estimated, 0 absent (the field is 0)'
)
EMOTION = Entry(
  np.float32,
  (len(EMOTIONS),),
  'mean shares of constants.EMOTIONS over the window, sum 1; zeros where the record has no labels of emotions',
)
PARTS_WEIGHT = Entry(
  np.float32, (), 'weight of the part labels in pixel weights: 1 exact, 0.3 drawn from landmarks'
)
PARTS = Entry(
  np.uint8,
  QUARTER,
  'part of the head at each pixel; 0 background; drawn from landmarks where a record has no labels',
)


def motion_of(record: schema.ClipRecord) -> np.ndarray:
  """Motion of the frames, float32 `[k, 58]`; zeros where none is known."""
  return zeros(len(record.frames), MOTION_DIM) if record.motion is None else record.motion


def emotion_of(record: schema.ClipRecord, first_sample: int, num_frames: int) -> np.ndarray:
  """Mean shares of `constants.EMOTIONS` over a window of speech, float32 `[8]`; zeros if the record has no labels.

  Args:
    record: of one clip.
    first_sample: of the window, in `record.audio`; a multiple of the samples of a frame.
    num_frames: length of the window.
  """
  if record.truth is None or record.truth.emotions is None:
    return zeros(len(EMOTIONS))
  first = first_sample // SAMPLES_PER_FRAME
  return record.truth.emotions[first : first + num_frames].mean(axis=0)


def padded_motion(track: np.ndarray | None, wanted: int) -> np.ndarray:
  """The first `wanted` frames of a motion track, float32 `[wanted, 58]`; zeros after its end."""
  padded = zeros(wanted, MOTION_DIM)
  if track is not None:
    padded[: len(track)] = track[:wanted]
  return padded


def zeros(*shape: int) -> np.ndarray:
  """Zeros of a shape, float32: an entry that a record does not have."""
  return np.zeros(shape, np.float32)
