"""Real records for tests: clips whose sound, pictures and motion hold the number of every frame."""

import dataclasses

import numpy as np

from seetalk_jax import constants
from seetalk_jax.data import schema

SIZE = 32
# All coefficients but tongueOut, and the pose.
STATUS = np.full(constants.MOTION_DIM, constants.MotionStatus.ESTIMATED, np.uint8)
STATUS[constants.MOTION_FIELDS.index('tongueOut')] = constants.MotionStatus.ABSENT


def _motion(first):
  """Motion of 25 frames from frame `first` of a clip: frame n has jawOpen n / 100; frame 12 is the most frontal."""
  motion = np.zeros([25, constants.MOTION_DIM], np.float32)
  frames = np.arange(25)
  motion[:, constants.POSE] = 0.1 * np.abs(frames - 12.0)[:, None]
  motion[:, constants.MOTION_FIELDS.index('jawOpen')] = (first + frames) / 100
  return motion


class RealSource:
  """Clips of several seconds: the sound of frame n of a clip is n / 1000, its picture has brightness 2 n."""

  def __init__(self, seconds=(3, 2, 1, 4), size=SIZE, short_end=False):
    self.records = []
    if short_end:  # a last second of 13 frames
      seconds = (*seconds, 2)
    for speaker, count in enumerate(seconds):
      sound = np.repeat(np.arange(25 * count), 640).astype(np.float32) / 1000.0
      for second in range(count):
        begin, lead = second * 16_000, min(second * 16_000, 3200)
        shades = 2 * (25 * second + np.arange(25))
        self.records.append(
          schema.ClipRecord(
            kind='real',
            speaker=f'speaker {speaker}',
            clip='clip@0',
            start_seconds=float(second),
            frames=[schema.encode_frame(np.full([size, size, 3], shade, np.uint8)) for shade in shades],
            size=size,
            audio=schema.to_int16(sound[begin - lead : begin + 16_000 + 3200]),
            audio_lead=lead,
            lip_box=np.tile(np.float32([0.2, 0.2, 0.8, 0.8]), [25, 1]),
            motion=_motion(25 * second),
            motion_status=STATUS,
          )
        )

    if short_end:
      last = self.records[-1]
      cut = {name: getattr(last, name)[:13] for name in ('frames', 'lip_box', 'motion')}
      self.records[-1] = dataclasses.replace(last, audio=last.audio[: last.audio_lead + 13 * 640], **cut)

  def __len__(self):
    return len(self.records)

  def __getitem__(self, index):
    return self.records[index]


def frame_number(image):
  return np.round(np.mean(image, axis=(-3, -2, -1)) / 2).astype(int)
