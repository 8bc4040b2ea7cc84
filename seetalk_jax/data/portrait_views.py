"""Views of portraits: with the speech of the person, or alone."""

from __future__ import annotations

import numpy as np

from seetalk_jax.constants import MOTION_DIM, SAMPLES_PER_FRAME, SPEECH_FRAMES, SPEECH_SAMPLES
from seetalk_jax.data import other_recordings, schema, transforms, view_entries
from seetalk_jax.data.view import Element, Entry, View


class PortraitSpeech(View):
  """A portrait and three seconds of its speaker's speech."""

  name = 'portrait_speech'
  kinds = ('faces', 'real')
  encoder_inputs = ('portrait',)
  entries = {
    'portrait': Entry(
      np.uint8,
      view_entries.IMAGE,
      'frontal, neutral, mouth closed; of real clips the frame that comes closest',
    ),
    'speech': Entry(np.float32, (SPEECH_SAMPLES,), view_entries.SPEECH + '; zeros after num_samples'),
    'picture_box': view_entries.PICTURE_BOX,
    'num_samples': Entry(np.int32, (), 'how many samples of speech are real'),
    'speech_motion': Entry(np.float32, (SPEECH_FRAMES, MOTION_DIM), view_entries.MOTION + ', of the speech'),
    'motion_weight': view_entries.MOTION_WEIGHT,
    'speaker': view_entries.SPEAKER,
    'attributes': view_entries.ATTRIBUTES,
    'has_truth': view_entries.HAS_TRUTH,
  }

  def make(self) -> Element:
    wanted, real = SPEECH_FRAMES, self._is_real
    record = transforms.stretch(self.record, self._beside, wanted)
    track = 'motion' if real else 'speech_motion'
    speech = self._speech(record.audio_lead if real else 0, wanted, record)
    spoken = len(record.frames) * SAMPLES_PER_FRAME if real else len(record.audio)
    num_samples = min(spoken, len(speech))
    speech[num_samples:] = 0.0
    other = None
    if self._across_clips:
      other = other_recordings.find(self._records, self._index, self.rng, self._accepted)
    portrait_record, portrait = self._portrait(other)
    return {
      'portrait': self._frame(portrait, portrait_record),
      'picture_box': self._picture_box(portrait, portrait_record),
      'speech': speech,
      'num_samples': np.int32(num_samples),
      'speech_motion': view_entries.padded_motion(getattr(record, track), wanted),
      'motion_weight': schema.motion_weights(record, track),
      'speaker': self._speaker(),
      'attributes': view_entries.zeros(3) if real else self._truth.attributes,
      'has_truth': np.float32(not real),
    }


class ImageView(View):
  """Any frame, or the portraits alone."""

  name = 'image'
  kinds = ('faces', 'real')
  entries = {
    'image': Entry(
      np.uint8, view_entries.IMAGE, 'any frame; with portraits_only the portrait, as in portrait_speech'
    ),
    'picture_box': view_entries.PICTURE_BOX,
    'parts': view_entries.PARTS,
    'parts_weight': view_entries.PARTS_WEIGHT,
  }

  def make(self) -> Element:
    if self._portraits_only:
      record, index = self._portrait()
    else:
      record, index = self.record, int(self.rng.integers(len(self.record.frames)))
    image = self._frame(index, record)
    parts, parts_weight = self._parts(record, index, image.shape[0] // 4)
    return {
      'image': image,
      'picture_box': self._picture_box(index, record),
      'parts': parts,
      'parts_weight': parts_weight,
    }
