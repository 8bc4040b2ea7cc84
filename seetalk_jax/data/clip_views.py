"""Views of successive frames of a clip: their motion, small frames, or crops for the sync of lips and speech."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from seetalk_jax.constants import (
  CLIP_FRAMES,
  CLIP_SIZE,
  FACE_SIZE,
  MOTION_DIM,
  MOUTH_SIZE,
  SAMPLES_PER_FRAME,
  SYNC_FRAMES,
  SYNC_SAMPLES,
  SYNCNET_SAMPLES,
  WINDOW_FRAMES,
)
from seetalk_jax.data import clip_moments, schema, transforms, view_entries
from seetalk_jax.data.view import Element, Entry, View
from seetalk_jax.errors import InputError

_STYLE_LENGTH = Entry(np.int32, (), 'frames of the other window; 0: the clip has no other second')


class SpeechMotion(View):
  """Some seconds of speech (4 if not asked otherwise) and the motion track that goes with it; no frames."""

  name = 'speech_motion'
  kinds = ('talks', 'real')
  num_frames = WINDOW_FRAMES
  entries = {
    'speech': Entry(np.float32, ('640 T',), view_entries.SPEECH),
    'motion': Entry(np.float32, ('T', MOTION_DIM), view_entries.MOTION + ', 25 fps'),
    'motion_weight': view_entries.MOTION_WEIGHT,
    'emotion': view_entries.EMOTION,
    'speaker': view_entries.SPEAKER,
    'attributes': view_entries.ATTRIBUTES,
    'has_truth': view_entries.HAS_TRUTH,
  }
  conditions = {
    'style': {
      'style_motion': Entry(
        np.float32, ('T', MOTION_DIM), view_entries.MOTION + ', of another window; zeros after style_length'
      ),
      'style_length': _STYLE_LENGTH,
    }
  }

  def make(self) -> Element:
    return self._real() if self._is_real else self._synthetic()

  def _real(self) -> Element:
    """A window of a clip, over the border of records, with its estimated motion."""
    wanted, style = self._window, slice(0, 0)
    if 'style' in self._conditions:
      moments = clip_moments.choose(self.record, self._beside, self.rng, wanted, with_style=True, apart=0)
      record, first, style = moments.record, moments.first, moments.style
    else:
      record, first = transforms.random_window(self.record, self._beside, self.rng, wanted, self.name)
    if record.motion is None:
      raise InputError('view speech_motion needs the motion of frames: prepare the recordings again')
    sample = record.audio_lead + first * SAMPLES_PER_FRAME
    element = {
      'speech': self._speech(sample, wanted, record),
      'motion': record.motion[first : first + wanted],
      'motion_weight': schema.motion_weights(record),
      'emotion': view_entries.emotion_of(record, sample, wanted),
      'speaker': self._speaker(),
      'attributes': view_entries.zeros(3),
      'has_truth': np.float32(0.0),
    }
    return element | (self._style(record.motion[style]) if 'style' in self._conditions else {})

  def _style(self, track: np.ndarray) -> Element:
    """The entries of the condition `style`, from the motion of another window."""
    return {
      'style_motion': view_entries.padded_motion(track, self._window),
      'style_length': np.int32(len(track)),
    }

  def _synthetic(self) -> Element:
    wanted, track = self._window, self.record.speech_motion
    if track is None:
      raise InputError('view speech_motion needs records with speech motion: add a synthetic corpus of talks')
    if len(track) < wanted:
      raise InputError(f'a talk has {len(track)} frames, view speech_motion needs {wanted}: render longer')
    first = int(self.rng.integers(len(track) - wanted + 1))
    sample = first * SAMPLES_PER_FRAME
    element = {
      'speech': self._speech(sample, wanted),
      'motion': track[first : first + wanted],
      'motion_weight': schema.motion_weights(self.record, 'speech_motion'),
      'emotion': view_entries.emotion_of(self.record, sample, wanted),
      'speaker': self._speaker(),
      'attributes': self._truth.attributes,
      'has_truth': np.float32(1.0),
    }
    if 'style' in self._conditions:
      element |= self._style(track[clip_moments.other_window(first, wanted, len(track), self.rng)])
    return element


class Clip(View):
  """Small frames (of one second if not asked otherwise) with their speech."""

  name = 'clip'
  kinds = ('clips', 'real')
  encoder_inputs = ('frames',)
  num_frames = CLIP_FRAMES
  entries = {
    'frames': Entry(np.uint8, ('T', CLIP_SIZE, CLIP_SIZE, 3), 'successive frames at 25 fps'),
    'motion': Entry(np.float32, ('T', MOTION_DIM), view_entries.MOTION),
    'motion_weight': view_entries.MOTION_WEIGHT,
    'emotion': view_entries.EMOTION,
    'lip_box': Entry(np.float32, ('T', 4), 'left, top, right, bottom, relative 0..1'),
    'speech': Entry(np.float32, ('640 T',), view_entries.SPEECH + ', of those frames'),
    'has_truth': view_entries.HAS_TRUTH,
  }
  conditions = {
    'portrait': {
      'portrait': Entry(
        np.uint8,
        (CLIP_SIZE, CLIP_SIZE, 3),
        'frame of the clip, a second or more before or after the window: frontal, mouth closed, as far as there is one',
      )
    },
    'style': {
      'style_frames': Entry(
        np.uint8, ('T', CLIP_SIZE, CLIP_SIZE, 3), 'frames of another window; zeros after style_length'
      ),
      'style_length': _STYLE_LENGTH,
    },
  }

  @classmethod
  def needed_frames(cls, num_frames: int | None, conditions: Sequence[str]) -> int:
    return super().needed_frames(num_frames, ()) + (clip_moments.APART if conditions else 0)

  @classmethod
  def frame_size(cls, image_size: int | None) -> int:
    return CLIP_SIZE

  def make(self) -> Element:
    if not self._conditions:
      return self._of_window(
        *transforms.random_window(self.record, self._beside, self.rng, self._window, self.name)
      )
    with_style = 'style' in self._conditions
    moments = clip_moments.choose(self.record, self._beside, self.rng, self._window, with_style=with_style)
    element = self._of_window(moments.record, moments.first)
    if 'portrait' in self._conditions and self._wants('portrait'):
      element['portrait'] = self._frame(moments.portrait, moments.record)
    if with_style:
      style = range(moments.style.start, moments.style.stop)
      frames = np.zeros_like(element['frames'])
      for i, frame in enumerate(style if self._wants('style_frames') else ()):
        frames[i] = self._frame(frame, moments.record)
      element |= {'style_frames': frames, 'style_length': np.int32(len(style))}
    return element

  def _of_window(self, record: schema.ClipRecord, first: int) -> Element:
    """The entries of a window that begins in frame `first` of joined records."""
    wanted = self._window
    window = slice(first, first + wanted)
    sample = record.audio_lead + first * SAMPLES_PER_FRAME
    return {
      'frames': np.stack([self._frame(i, record) for i in range(first, first + wanted)]),
      'motion': view_entries.motion_of(record)[window],
      'motion_weight': schema.motion_weights(record),
      'emotion': view_entries.emotion_of(record, sample, wanted),
      'lip_box': record.lip_box[window],
      'speech': self._speech(sample, wanted, record),
      'has_truth': np.float32(not self._is_real),
    }


class Sync(View):
  """Mouth crops of five frames with their speech, and speech from elsewhere in the clip."""

  name = 'sync'
  kinds = ('clips', 'real')
  encoder_inputs = ('mouth',)
  num_samples: ClassVar[int] = SYNC_SAMPLES
  entries = {
    'mouth': Entry(np.uint8, (SYNC_FRAMES, *MOUTH_SIZE, 3), 'mouth crops of successive frames'),
    'speech': Entry(np.float32, (SYNC_SAMPLES,), view_entries.SPEECH + ', of those frames'),
    'speech_shifted': Entry(
      np.float32, (SYNC_SAMPLES,), view_entries.SPEECH + ', same clip, 0.2 s or more off'
    ),
    'speaker': view_entries.SPEAKER,
    'clip': Entry(np.int32, (), 'which clip of the corpus'),
  }

  @classmethod
  def frame_size(cls, image_size: int | None) -> None:
    """Crops are cut from the stored frames."""

  def make(self) -> Element:
    """Crops of a window of five frames, with aligned and shifted speech of `num_samples` samples each."""
    record, first = transforms.random_window(self.record, self._beside, self.rng, SYNC_FRAMES, self.name)
    window, length = slice(first, first + SYNC_FRAMES), self.num_samples
    here = record.audio_lead + first * SAMPLES_PER_FRAME
    # Speech shifted by at least a window's length shares no sample with the aligned speech.
    last = len(record.audio) - length
    before, after = max(here - length + 1, 0), max(last - (here + length) + 1, 0)
    if before + after == 0:
      raise InputError(f'view {self.name} needs more speech around the frames of a record: use longer clips')
    shifted = int(self.rng.integers(before + after))
    shifted = shifted if shifted < before else shifted - before + here + length
    # Augment the whole recording once: otherwise noise or reverberation would separate aligned from shifted
    # speech.
    speech = self._augmented(schema.to_waveform(record.audio))
    return {
      **self._crops(record, window),
      'speech': speech[here : here + length],
      'speech_shifted': speech[shifted : shifted + length],
      'speaker': self._speaker(),
      'clip': np.int32(self._index),
    }

  def _crops(self, record: schema.ClipRecord, window: slice) -> Element:
    box = transforms.mouth_box(record.lip_box, window)
    frames = (self._decoded(i, record) for i in range(window.start, window.stop))
    return {'mouth': np.stack([transforms.crop_mouth(frame, box) for frame in frames])}


class SyncFace(Sync):
  """The same for SyncNet: face crops, and the speech that it reads."""

  name = 'sync_face'
  encoder_inputs = ('face',)
  num_samples = SYNCNET_SAMPLES
  entries = {
    'face': Entry(np.uint8, (SYNC_FRAMES, FACE_SIZE, FACE_SIZE, 3), 'face crops of successive frames'),
    'speech': Entry(
      np.float32, (SYNCNET_SAMPLES,), view_entries.SPEECH + ', from the first of those frames on'
    ),
    'speech_shifted': Entry(
      np.float32, (SYNCNET_SAMPLES,), view_entries.SPEECH + ', same clip, 0.215 s or more off'
    ),
    'speaker': view_entries.SPEAKER,
    'clip': Entry(np.int32, (), 'which clip of the corpus'),
  }

  def _crops(self, record: schema.ClipRecord, window: slice) -> Element:
    frames = (self._decoded(i, record) for i in range(window.start, window.stop))
    return {'face': np.stack([transforms.crop_face(frame) for frame in frames])}
