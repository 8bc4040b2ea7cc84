"""Real records for tests: clips whose sound, pictures, landmarks and motion hold the number of every frame."""

import dataclasses

import numpy as np

from seetalk_jax import constants
from seetalk_jax.data import schema
from seetalk_jax.media import landmark_indices as indices

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


def _landmarks(first):
  """Landmarks of 25 frames from frame `first` of a clip: the mouth of frame n opens by n / 1000."""
  return np.stack([face_landmarks(opening=(first + n) / 1000) for n in range(25)])


def face_landmarks(opening=0.0, eyes=0.02, shift=(0.0, 0.0)):
  """A frontal face of 478 landmarks: mouth at (0.5, 0.7) with `opening`, eyes at y 0.43, all moved by `shift`.

  Args:
    opening: distance of the inner lips, relative to the picture.
    eyes: distance of the lids.
  """
  rng = np.random.default_rng(0)
  points = rng.uniform([0.3, 0.5], [0.7, 0.6], [indices.NUM_LANDMARKS, 2])

  def ellipse(contour, x, y, half_x, half_y, start):
    angle = start + np.arange(len(contour)) * 2 * np.pi / len(contour)
    points[list(contour)] = np.stack([x + half_x * np.cos(angle), y + half_y * np.sin(angle)], -1)

  ellipse(indices.FACE_OUTLINE, 0.5, 0.55, 0.25, 0.35, -np.pi / 2)
  # Contours of lips and eyes begin at a corner and go over the upper edge.
  ellipse(indices.OUTER_LIP_CONTOUR, 0.5, 0.7, 0.11, 0.04 + opening / 2, np.pi)
  ellipse(indices.INNER_LIP_CONTOUR, 0.5, 0.7, 0.09, opening / 2, np.pi)
  ellipse(indices.RIGHT_EYE_CONTOUR, 0.4, 0.43, 0.05, eyes / 2, np.pi)
  points[list(indices.LEFT_EYE_CONTOUR)] = points[list(indices.RIGHT_EYE_CONTOUR)] * [-1, 1] + [1, 0]
  for brow, x in ((indices.RIGHT_BROW, 0.46), (indices.LEFT_BROW, 0.54)):
    along = np.tile(np.linspace(0, 0.12, 5), 2) * np.sign(x - 0.5)
    points[list(brow)] = np.stack([x + along, np.repeat([0.36, 0.38], 5)], -1)
  return (points + shift).astype(np.float32)


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
            landmarks=_landmarks(25 * second),
            lip_box=np.tile(np.float32([0.2, 0.2, 0.8, 0.8]), [25, 1]),
            motion=_motion(25 * second),
            motion_status=STATUS,
          )
        )

    if short_end:
      last = self.records[-1]
      cut = {name: getattr(last, name)[:13] for name in ('frames', 'landmarks', 'lip_box', 'motion')}
      self.records[-1] = dataclasses.replace(last, audio=last.audio[: last.audio_lead + 13 * 640], **cut)

  def __len__(self):
    return len(self.records)

  def __getitem__(self, index):
    return self.records[index]


def frame_number(image):
  return np.round(np.mean(image, axis=(-3, -2, -1)) / 2).astype(int)
