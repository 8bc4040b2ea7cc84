"""Portrait frames: frontal, neutral, open eyes, closed mouth, over the whole clip."""

import dataclasses

import numpy as np
import pytest
import real_records

from seetalk_jax import constants
from seetalk_jax.data import portrait_frames, record_filter


def vector(**fields):
  motion = np.zeros(constants.MOTION_DIM, np.float32)
  for name, value in fields.items():
    motion[constants.MOTION_FIELDS.index(name)] = value
  return motion


@pytest.mark.parametrize(
  'better, worse',
  [
    (vector(), vector(yaw=0.1)),
    (vector(yaw=0.1), vector(yaw=-0.5)),
    (vector(yaw=0.1), vector(jawOpen=0.3)),  # a closed mouth rather than a perfectly frontal face
    (vector(pitch=0.05), vector(eyeBlinkLeft=0.7, eyeBlinkRight=0.7)),  # open eyes
    (vector(roll=0.05), vector(eyeBlinkRight=0.8)),
    (vector(yaw=0.1), vector(mouthSmileLeft=0.6, mouthSmileRight=0.6)),  # neutral
    (vector(yaw=0.05), vector(mouthLowerDownLeft=0.4, mouthLowerDownRight=0.4)),  # lips together
    (vector(), vector(eyeLookOutLeft=0.6, eyeLookInRight=0.6)),  # looks into the camera
    (vector(jawOpen=0.05), vector(yaw=0.6)),  # but no profile
  ],
)
def test_better_portraits_cost_less(better, worse):
  costs = portrait_frames.portrait_cost(np.stack([worse, better]))
  assert costs[1] < costs[0]


def test_the_place_in_the_picture_does_not_count():
  assert portrait_frames.portrait_cost(vector(shift_x=0.3, shift_y=0.1, shift_z=0.2)[None]) == 0


def records_of(*clips):
  """Records of clips, a second each, from motions of 25 frames."""
  source = real_records.RealSource(seconds=[len(clip) for clip in clips])
  motions = [motion for clip in clips for motion in clip]
  pairs = zip(source.records, motions, strict=True)
  return [dataclasses.replace(record, motion=motion) for record, motion in pairs]


def found(records, index, **limits):
  def beside(step):
    return records[index + step] if 0 <= index + step < len(records) else None

  record, frame = portrait_frames.find_portrait(records[index], beside, record_filter.RecordFilter(**limits))
  return next(i for i, each in enumerate(records) if each is record), frame


def talking(frame=None, **fields):
  """A second of a turned head with an open mouth, with one frame of the given fields."""
  motion = np.tile(vector(yaw=0.3, jawOpen=0.4), (25, 1))
  if frame is not None:
    motion[frame] = vector(**fields)
  return motion


def test_every_record_of_a_clip_has_the_same_portrait():
  records = records_of(
    [talking(frame=3, jawOpen=0.5), talking(), talking(frame=20, yaw=0.05)],  # frame 3 is frontal, and speaks
    [talking(frame=7, yaw=0.01), talking()],
  )
  assert [found(records, i) for i in range(5)] == [(2, 20)] * 3 + [(3, 7)] * 2


def test_the_earliest_of_equal_frames_and_unknown_motion():
  records = records_of([talking(frame=3, yaw=0.0), talking(frame=1, yaw=0.0)])
  assert [found(records, i) for i in (0, 1)] == [(0, 3)] * 2
  records[0] = dataclasses.replace(records[0], motion=None)
  assert [found(records, i) for i in (0, 1)] == [(1, 1)] * 2
  records[1] = dataclasses.replace(records[1], motion=None)
  assert [found(records, i) for i in (0, 1)] == [(0, 0), (1, 0)]


def test_records_that_the_filter_refuses_have_no_portrait():
  records = records_of([talking(frame=3, yaw=0.0), talking(frame=1, yaw=0.1)])
  records[0] = dataclasses.replace(records[0], picture_box=np.tile(np.float32([0, 0, 1, 0.6]), (25, 1)))
  assert found(records, 1) == found(records, 1, max_outside=0.5) == (0, 3)
  assert found(records, 1, max_outside=0.3) == (1, 1)


def test_long_clips_are_not_read_whole():
  reach = portrait_frames.REACH
  records = records_of(
    [talking(frame=0, yaw=0.0), *[talking() for _ in range(reach)], talking(frame=4, yaw=0.1)]
  )
  assert found(records, reach) == (0, 0)
  assert found(records, reach + 1) == (reach + 1, 4)
