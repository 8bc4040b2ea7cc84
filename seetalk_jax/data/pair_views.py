"""Views of two frames of one person, for the motion between them."""

from __future__ import annotations

import numpy as np
from PIL import Image

from seetalk_jax.constants import CLIP_SIZE, MOTION_DIM, SAMPLES_PER_FRAME, SYNC_FRAMES, SYNCNET_SAMPLES
from seetalk_jax.data import landmark_parts, schema, transforms, view_entries
from seetalk_jax.data.view import Element, Entry, View
from seetalk_jax.errors import InputError
from seetalk_jax.media.landmark_indices import NUM_LANDMARKS

# Maximum distance in records (seconds) between the frames of a real pair: long enough for a head turn.
_PAIR_REACH = 4

_LANDMARKS = Entry(
  np.float32, (NUM_LANDMARKS, 2), "MediaPipe's face mesh as (x, y), relative 0..1; zeros where absent"
)
_CANONICAL = Entry(np.float32, (*view_entries.QUARTER, 3), 'place on the resting head, head units')


class MotionPair(View):
  """Two frames of one person, and another person with the motion of the second."""

  name = 'motion_pair'
  kinds = ('faces', 'real')
  encoder_inputs = ('source', 'driver')
  entries = {
    'source': Entry(np.uint8, view_entries.IMAGE, 'a frame of a look'),
    'target': Entry(np.uint8, view_entries.IMAGE, 'another frame of the same look'),
    'driver': Entry(
      np.uint8,
      view_entries.IMAGE,
      'another look with exactly the motion of target; target where none is known',
    ),
    'source_motion': Entry(np.float32, (MOTION_DIM,), view_entries.MOTION),
    'target_motion': Entry(np.float32, (MOTION_DIM,), view_entries.MOTION + '; also that of driver'),
    'motion_weight': view_entries.MOTION_WEIGHT,
    'source_canonical': _CANONICAL,
    'target_canonical': _CANONICAL,
    'source_parts': view_entries.PARTS,
    'target_parts': view_entries.PARTS,
    'parts_weight': view_entries.PARTS_WEIGHT,
    'source_landmarks': _LANDMARKS,
    'target_landmarks': _LANDMARKS,
    'landmark_weight': Entry(np.float32, (), 'weight of the landmarks: 1 exact, 0.3 estimated, 0 absent'),
    'lip_box': Entry(np.float32, (4,), 'of target: left, top, right, bottom, relative 0..1'),
    'picture_box': view_entries.PICTURE_BOX,
    'speaker': view_entries.SPEAKER,
    'has_truth': view_entries.HAS_TRUTH,
  }

  def make(self) -> Element:
    return self._real() if self._is_real else self._synthetic()

  def _synthetic(self) -> Element:
    truth, count = self._truth, len(self.record.frames)
    # The partner record shares the motions of all frames but frame 0, the portrait.
    target = int(self.rng.integers(1, count))
    source = int(self.rng.integers(count - 1))
    source += source >= target
    image = self._frame(target)
    source_parts, weight = self._parts(self.record, source, image.shape[0] // 4)
    target_parts, _ = self._parts(self.record, target, image.shape[0] // 4)
    return {
      'source': self._frame(source),
      'target': image,
      'driver': self._frame(target, self._records.partner(self._index)) if self._wants('driver') else image,
      'source_motion': self.record.motion[source],
      'target_motion': self.record.motion[target],
      'motion_weight': schema.motion_weights(self.record),
      'source_canonical': self._quarter(truth.canonical, source).astype(np.float32),
      'target_canonical': self._quarter(truth.canonical, target).astype(np.float32),
      'source_parts': source_parts,
      'target_parts': target_parts,
      'parts_weight': weight,
      'source_landmarks': _landmarks_of(self.record, source),
      'target_landmarks': _landmarks_of(self.record, target),
      'landmark_weight': schema.landmark_weight(self.record),
      'lip_box': self.record.lip_box[target],
      'picture_box': self._picture_box(target),
      'speaker': self._speaker(),
      'has_truth': np.float32(1.0),
    }

  def _real(self) -> Element:
    """Pair of frames of one clip, up to seconds apart. There is no second identity; the motion is estimated."""
    if not self.record.frames or self.record.lip_box is None:
      raise InputError(
        'view motion_pair needs frames with lip boxes in a record: prepare the recordings again'
      )
    other = transforms.same_clip(self.record, self._beside, self.rng, _PAIR_REACH, self._accepted.accepts)
    target, source = (
      int(self.rng.integers(len(self.record.frames))),
      int(self.rng.integers(len(other.frames))),
    )
    image = self._frame(target)
    quarter = image.shape[0] // 4
    source_parts, source_weight = self._parts(other, source, quarter)
    target_parts, target_weight = self._parts(self.record, target, quarter)
    return {
      'source': self._frame(source, other),
      'target': image,
      'driver': image,
      'source_motion': view_entries.motion_of(other)[source],
      'target_motion': view_entries.motion_of(self.record)[target],
      'motion_weight': np.minimum(schema.motion_weights(self.record), schema.motion_weights(other)),
      'source_canonical': view_entries.zeros(quarter, quarter, 3),
      'target_canonical': view_entries.zeros(quarter, quarter, 3),
      'source_parts': source_parts,
      'target_parts': target_parts,
      'parts_weight': np.minimum(source_weight, target_weight),
      'source_landmarks': _landmarks_of(other, source),
      'target_landmarks': _landmarks_of(self.record, target),
      'landmark_weight': np.minimum(schema.landmark_weight(self.record), schema.landmark_weight(other)),
      'lip_box': self.record.lip_box[target],
      'picture_box': self._picture_box(target),
      'speaker': self._speaker(),
      'has_truth': np.float32(0.0),
    }


class TalkingPair(MotionPair):
  """A pair of frames as of `motion_pair`, and five successive frames of the same clip with their speech.

  Single pictures (`faces`) have no such frames: theirs are zeros, and `has_clip` is 0.
  """

  name = 'talking_pair'
  kinds = ('faces', 'clips', 'real')
  encoder_inputs = (*MotionPair.encoder_inputs, 'clip_frames')
  entries = {
    **MotionPair.entries,
    'clip_frames': Entry(
      np.uint8, (SYNC_FRAMES, CLIP_SIZE, CLIP_SIZE, 3), 'successive small frames at 25 fps, for their motion'
    ),
    'clip_mouth': Entry(np.float32, (2,), 'mean center (x, y) of their lip boxes, relative 0..1'),
    'clip_speech': Entry(
      np.float32, (SYNCNET_SAMPLES,), view_entries.SPEECH + ', from the first of those frames on'
    ),
    'has_clip': Entry(np.float32, (), '1: these frames are there; 0: single pictures, zeros'),
  }

  def make(self) -> Element:
    if self.record.kind == 'faces':
      pair, clip = self._synthetic(), self._no_clip()
    else:
      pair, clip = self._real(), self._clip()
    return {**pair, **clip}

  def _clip(self) -> Element:
    record, first = transforms.random_window(self.record, self._beside, self.rng, SYNC_FRAMES, self.name)
    window = slice(first, first + SYNC_FRAMES)
    left, top, right, bottom = transforms.mouth_box(record.lip_box, window)
    here = record.audio_lead + first * SAMPLES_PER_FRAME
    speech = schema.to_waveform(record.audio[here : here + SYNCNET_SAMPLES])
    return {
      'clip_frames': np.stack([_small(self._decoded(i, record)) for i in range(window.start, window.stop)]),
      'clip_mouth': np.array([left + right, top + bottom], np.float32) / 2,
      'clip_speech': np.pad(speech, (0, SYNCNET_SAMPLES - len(speech))),
      'has_clip': np.float32(1.0),
    }

  def _no_clip(self) -> Element:
    return {
      'clip_frames': np.zeros([SYNC_FRAMES, CLIP_SIZE, CLIP_SIZE, 3], np.uint8),
      'clip_mouth': view_entries.zeros(2),
      'clip_speech': view_entries.zeros(SYNCNET_SAMPLES),
      'has_clip': np.float32(0.0),
    }


def _landmarks_of(record: schema.ClipRecord, index: int) -> np.ndarray:
  """Landmarks of a frame, float32 `[478, 2]`; zeros where there are none of this mesh."""
  if not landmark_parts.has_landmarks(record.landmarks):
    return view_entries.zeros(NUM_LANDMARKS, 2)
  return record.landmarks[index]


def _small(image: np.ndarray) -> np.ndarray:
  """The image in the size of small clips, uint8 `[128, 128, 3]`."""
  return np.asarray(Image.fromarray(image).resize((CLIP_SIZE, CLIP_SIZE), Image.Resampling.BOX))
