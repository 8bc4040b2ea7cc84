"""Views of the data: for each, the entries of a batch, the record kinds that serve it, and how an element is made.

An element depends only on its records, its random generator and the options of the pipeline. Frame and window
sampling is in `transforms`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import jax
import numpy as np
from PIL import Image

from seetalk_jax.constants import (
  CLIP_FRAMES,
  CLIP_SIZE,
  FACE_SIZE,
  MOTION_DIM,
  MOUTH_SIZE,
  SAMPLES_PER_FRAME,
  SPEECH_FRAMES,
  SPEECH_SAMPLES,
  SYNC_FRAMES,
  SYNC_SAMPLES,
  SYNCNET_SAMPLES,
  WINDOW_FRAMES,
)
from seetalk_jax.data import clip_moments, landmark_parts, other_recordings, schema, transforms
from seetalk_jax.data.view import Element, Entry, View
from seetalk_jax.errors import InputError
from seetalk_jax.media.landmark_indices import NUM_LANDMARKS

# Maximum distance in records (seconds) between the frames of a real pair: long enough for a head turn.
_PAIR_REACH = 4


_SPEAKER = Entry(np.int32, (), 'which speaker; text names are numbered by a stable hash')
_ATTRIBUTES = Entry(np.float32, (3,), 'sex 0..1, age in years, head size as a standard score')
_HAS_TRUTH = Entry(np.float32, (), '1: ground truth is there; 0: a real recording, maps are zeros')
_IMAGE = ('S', 'S', 3)
_PICTURE_BOX = Entry(
  np.float32,
  (4,),
  'part that shows the recording: left, top, right, bottom, relative 0..1; edges repeat around it',
)
_QUARTER = ('S/4', 'S/4')
_SPEECH = 'mono speech at 16 kHz in [-1, 1]'
_MOTION = 'motion vector, see constants.MOTION_FIELDS'
_MOTION_WEIGHT = Entry(
  np.float32, (MOTION_DIM,), 'weight of each motion field: 1 exact, 0.3 estimated, 0 absent (the field is 0)'
)
_STYLE_LENGTH = Entry(np.int32, (), 'frames of the other window; 0: the clip has no other second')
_PARTS = Entry(
  np.uint8, _QUARTER, 'part of the head at each pixel; 0 background; of real frames drawn from landmarks'
)
_LANDMARKS = Entry(
  np.float32, (NUM_LANDMARKS, 2), "MediaPipe's face mesh as (x, y), relative 0..1; zeros where absent"
)
_CANONICAL = Entry(np.float32, (*_QUARTER, 3), 'place on the resting head, head units')


class PortraitSpeech(View):
  """A portrait and three seconds of its speaker's speech."""

  name = 'portrait_speech'
  kinds = ('faces', 'real')
  encoder_inputs = ('portrait',)
  entries = {
    'portrait': Entry(
      np.uint8, _IMAGE, 'frontal, neutral, mouth closed; of real clips the frame that comes closest'
    ),
    'speech': Entry(np.float32, (SPEECH_SAMPLES,), _SPEECH + '; zeros after num_samples'),
    'picture_box': _PICTURE_BOX,
    'num_samples': Entry(np.int32, (), 'how many samples of speech are real'),
    'speech_motion': Entry(np.float32, (SPEECH_FRAMES, MOTION_DIM), _MOTION + ', of the speech'),
    'motion_weight': _MOTION_WEIGHT,
    'speaker': _SPEAKER,
    'attributes': _ATTRIBUTES,
    'has_truth': _HAS_TRUTH,
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
      'speech_motion': _padded(getattr(record, track), wanted),
      'motion_weight': schema.motion_weights(record, track),
      'speaker': self._speaker(),
      'attributes': _zeros(3) if real else self._truth.attributes,
      'has_truth': np.float32(not real),
    }


class ImageView(View):
  """Any frame, or the portraits alone."""

  name = 'image'
  kinds = ('faces', 'real')
  entries = {
    'image': Entry(np.uint8, _IMAGE, 'any frame; with portraits_only the portrait, as in portrait_speech'),
    'picture_box': _PICTURE_BOX,
    'parts': _PARTS,
  }

  def make(self) -> Element:
    if self._portraits_only:
      record, index = self._portrait()
    else:
      record, index = self.record, int(self.rng.integers(len(self.record.frames)))
    image = self._frame(index, record)
    if record.truth is None or record.truth.parts is None:
      parts = _estimated_parts(record, index, image.shape[0] // 4)
    else:
      parts = self._quarter(record.truth.parts, index)
    return {'image': image, 'picture_box': self._picture_box(index, record), 'parts': parts}


class MotionPair(View):
  """Two frames of one person, and another person with the motion of the second."""

  name = 'motion_pair'
  kinds = ('faces', 'real')
  encoder_inputs = ('source', 'driver')
  entries = {
    'source': Entry(np.uint8, _IMAGE, 'a frame of a look'),
    'target': Entry(np.uint8, _IMAGE, 'another frame of the same look'),
    'driver': Entry(
      np.uint8, _IMAGE, 'another look with exactly the motion of target; target where none is known'
    ),
    'source_motion': Entry(np.float32, (MOTION_DIM,), _MOTION),
    'target_motion': Entry(np.float32, (MOTION_DIM,), _MOTION + '; also that of driver'),
    'motion_weight': _MOTION_WEIGHT,
    'source_canonical': _CANONICAL,
    'target_canonical': _CANONICAL,
    'source_parts': _PARTS,
    'target_parts': _PARTS,
    'source_landmarks': _LANDMARKS,
    'target_landmarks': _LANDMARKS,
    'landmark_weight': Entry(np.float32, (), 'weight of the landmarks: 1 exact, 0.3 estimated, 0 absent'),
    'lip_box': Entry(np.float32, (4,), 'of target: left, top, right, bottom, relative 0..1'),
    'picture_box': _PICTURE_BOX,
    'speaker': _SPEAKER,
    'has_truth': _HAS_TRUTH,
  }

  def make(self) -> Element:
    return self._real() if self._is_real else self._synthetic()

  def _synthetic(self) -> Element:
    truth, count = self._truth, len(self.record.frames)
    # The partner record shares the motions of all frames but frame 0, the portrait.
    target = int(self.rng.integers(1, count))
    source = int(self.rng.integers(count - 1))
    source += source >= target
    return {
      'source': self._frame(source),
      'target': self._frame(target),
      'driver': self._frame(target, self._records.partner(self._index)),
      'source_motion': self.record.motion[source],
      'target_motion': self.record.motion[target],
      'motion_weight': schema.motion_weights(self.record),
      'source_canonical': self._quarter(truth.canonical, source).astype(np.float32),
      'target_canonical': self._quarter(truth.canonical, target).astype(np.float32),
      'source_parts': self._quarter(truth.parts, source),
      'target_parts': self._quarter(truth.parts, target),
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
    return {
      'source': self._frame(source, other),
      'target': image,
      'driver': image,
      'source_motion': _motion_of(other)[source],
      'target_motion': _motion_of(self.record)[target],
      'motion_weight': np.minimum(schema.motion_weights(self.record), schema.motion_weights(other)),
      'source_canonical': _zeros(quarter, quarter, 3),
      'target_canonical': _zeros(quarter, quarter, 3),
      'source_parts': _estimated_parts(other, source, quarter),
      'target_parts': _estimated_parts(self.record, target, quarter),
      'source_landmarks': _landmarks_of(other, source),
      'target_landmarks': _landmarks_of(self.record, target),
      'landmark_weight': np.minimum(schema.landmark_weight(self.record), schema.landmark_weight(other)),
      'lip_box': self.record.lip_box[target],
      'picture_box': self._picture_box(target),
      'speaker': self._speaker(),
      'has_truth': np.float32(0.0),
    }


class SpeechMotion(View):
  """Some seconds of speech (4 if not asked otherwise) and the motion track that goes with it; no frames."""

  name = 'speech_motion'
  kinds = ('talks', 'real')
  num_frames = WINDOW_FRAMES
  entries = {
    'speech': Entry(np.float32, ('640 T',), _SPEECH),
    'motion': Entry(np.float32, ('T', MOTION_DIM), _MOTION + ', 25 fps'),
    'motion_weight': _MOTION_WEIGHT,
    'speaker': _SPEAKER,
    'attributes': _ATTRIBUTES,
    'has_truth': _HAS_TRUTH,
  }
  conditions = {
    'style': {
      'style_motion': Entry(
        np.float32, ('T', MOTION_DIM), _MOTION + ', of another window; zeros after style_length'
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
    element = {
      'speech': self._speech(record.audio_lead + first * SAMPLES_PER_FRAME, wanted, record),
      'motion': record.motion[first : first + wanted],
      'motion_weight': schema.motion_weights(record),
      'speaker': self._speaker(),
      'attributes': _zeros(3),
      'has_truth': np.float32(0.0),
    }
    return element | (self._style(record.motion[style]) if 'style' in self._conditions else {})

  def _style(self, track: np.ndarray) -> Element:
    """The entries of the condition `style`, from the motion of another window."""
    return {'style_motion': _padded(track, self._window), 'style_length': np.int32(len(track))}

  def _synthetic(self) -> Element:
    wanted, track = self._window, self.record.speech_motion
    if track is None:
      raise InputError('view speech_motion needs records with speech motion: add a synthetic corpus of talks')
    if len(track) < wanted:
      raise InputError(f'a talk has {len(track)} frames, view speech_motion needs {wanted}: render longer')
    first = int(self.rng.integers(len(track) - wanted + 1))
    element = {
      'speech': self._speech(first * SAMPLES_PER_FRAME, wanted),
      'motion': track[first : first + wanted],
      'motion_weight': schema.motion_weights(self.record, 'speech_motion'),
      'speaker': self._speaker(),
      'attributes': self._truth.attributes,
      'has_truth': np.float32(1.0),
    }
    if 'style' in self._conditions:
      element |= self._style(track[clip_moments.other_window(first, wanted, len(track), self.rng)])
    return element


class Sync(View):
  """Mouth crops of five frames with their speech, and speech from elsewhere in the clip."""

  name = 'sync'
  kinds = ('clips', 'real')
  encoder_inputs = ('mouth',)
  num_samples: ClassVar[int] = SYNC_SAMPLES
  entries = {
    'mouth': Entry(np.uint8, (SYNC_FRAMES, *MOUTH_SIZE, 3), 'mouth crops of successive frames'),
    'speech': Entry(np.float32, (SYNC_SAMPLES,), _SPEECH + ', of those frames'),
    'speech_shifted': Entry(np.float32, (SYNC_SAMPLES,), _SPEECH + ', same clip, 0.2 s or more off'),
    'speaker': _SPEAKER,
    'clip': Entry(np.int32, (), 'which clip of the corpus'),
  }

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

  def _frame_size(self, image_size: int | None) -> None:
    """Crops are cut from the stored frames."""

  def _crops(self, record: schema.ClipRecord, window: slice) -> Element:
    box = transforms.mouth_box(record.lip_box, window)
    frames = map(schema.decode_frame, record.frames[window])
    return {'mouth': np.stack([transforms.crop_mouth(frame, box) for frame in frames])}


class SyncFace(Sync):
  """The same for SyncNet: face crops, and the speech that it reads."""

  name = 'sync_face'
  encoder_inputs = ('face',)
  num_samples = SYNCNET_SAMPLES
  entries = {
    'face': Entry(np.uint8, (SYNC_FRAMES, FACE_SIZE, FACE_SIZE, 3), 'face crops of successive frames'),
    'speech': Entry(np.float32, (SYNCNET_SAMPLES,), _SPEECH + ', from the first of those frames on'),
    'speech_shifted': Entry(np.float32, (SYNCNET_SAMPLES,), _SPEECH + ', same clip, 0.215 s or more off'),
    'speaker': _SPEAKER,
    'clip': Entry(np.int32, (), 'which clip of the corpus'),
  }

  def _crops(self, record: schema.ClipRecord, window: slice) -> Element:
    return {'face': np.stack([transforms.crop_face(schema.decode_frame(f)) for f in record.frames[window]])}


class Clip(View):
  """Small frames (of one second if not asked otherwise) with their speech."""

  name = 'clip'
  kinds = ('clips', 'real')
  encoder_inputs = ('frames',)
  num_frames = CLIP_FRAMES
  entries = {
    'frames': Entry(np.uint8, ('T', CLIP_SIZE, CLIP_SIZE, 3), 'successive frames at 25 fps'),
    'motion': Entry(np.float32, ('T', MOTION_DIM), _MOTION),
    'motion_weight': _MOTION_WEIGHT,
    'lip_box': Entry(np.float32, ('T', 4), 'left, top, right, bottom, relative 0..1'),
    'speech': Entry(np.float32, ('640 T',), _SPEECH + ', of those frames'),
    'has_truth': _HAS_TRUTH,
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

  def make(self) -> Element:
    if not self._conditions:
      return self._of_window(
        *transforms.random_window(self.record, self._beside, self.rng, self._window, self.name)
      )
    with_style = 'style' in self._conditions
    moments = clip_moments.choose(self.record, self._beside, self.rng, self._window, with_style=with_style)
    element = self._of_window(moments.record, moments.first)
    if 'portrait' in self._conditions:
      element['portrait'] = self._frame(moments.portrait, moments.record)
    if with_style:
      style = range(moments.style.start, moments.style.stop)
      frames = np.zeros_like(element['frames'])
      for i, frame in enumerate(style):
        frames[i] = self._frame(frame, moments.record)
      element |= {'style_frames': frames, 'style_length': np.int32(len(style))}
    return element

  def _of_window(self, record: schema.ClipRecord, first: int) -> Element:
    """The entries of a window that begins in frame `first` of joined records."""
    wanted = self._window
    window = slice(first, first + wanted)
    return {
      'frames': np.stack([self._frame(i, record) for i in range(first, first + wanted)]),
      'motion': _motion_of(record)[window],
      'motion_weight': schema.motion_weights(record),
      'lip_box': record.lip_box[window],
      'speech': self._speech(record.audio_lead + first * SAMPLES_PER_FRAME, wanted, record),
      'has_truth': np.float32(not self._is_real),
    }

  def _frame_size(self, image_size: int | None) -> int:
    return CLIP_SIZE


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
    'clip_speech': Entry(np.float32, (SYNCNET_SAMPLES,), _SPEECH + ', from the first of those frames on'),
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
      'clip_frames': np.stack([_small(schema.decode_frame(frame)) for frame in record.frames[window]]),
      'clip_mouth': np.array([left + right, top + bottom], np.float32) / 2,
      'clip_speech': np.pad(speech, (0, SYNCNET_SAMPLES - len(speech))),
      'has_clip': np.float32(1.0),
    }

  def _no_clip(self) -> Element:
    return {
      'clip_frames': np.zeros([SYNC_FRAMES, CLIP_SIZE, CLIP_SIZE, 3], np.uint8),
      'clip_mouth': _zeros(2),
      'clip_speech': _zeros(SYNCNET_SAMPLES),
      'has_clip': np.float32(0.0),
    }


VIEWS: dict[str, type[View]] = {
  view.name: view
  for view in (PortraitSpeech, ImageView, MotionPair, SpeechMotion, Sync, SyncFace, Clip, TalkingPair)
}


def find_view(name: str) -> type[View]:
  """The view of a name.

  Raises:
    InputError: no such view.
  """
  if name not in VIEWS:
    raise InputError(f'view {name!r} is unknown: use one of {", ".join(VIEWS)}')
  return VIEWS[name]


def batch_spec(
  view: str,
  batch_size: int,
  image_size: int = 256,
  *,
  only: Sequence[str] = (),
  num_frames: int | None = None,
  conditions: Sequence[str] = (),
) -> dict[str, jax.ShapeDtypeStruct]:
  """Returns names, shapes and dtypes of a batch of `view`; the first axis of every shape is `batch_size`.

  Args:
    view: key of `VIEWS`.
    batch_size: number of elements in the batch.
    image_size: side of the images in pixels; a multiple of 4.
    only: the entries to describe; () for all.
    num_frames: frames of a window; None for those of the view.
    conditions: keys of the view's `conditions` whose entries are included.

  Raises:
    InputError: no such view, or one without these options.
    KeyError: an entry in `only` that the view does not have.
  """
  cls = find_view(view)
  cls.check_options(num_frames, conditions)
  frames = num_frames or cls.num_frames or 0
  sizes = {'S': image_size, 'S/4': image_size // 4, 'T': frames, '640 T': frames * SAMPLES_PER_FRAME}
  entries = dict(cls.entries)
  for name in conditions:
    entries |= cls.conditions[name]

  def spec(entry: Entry) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((batch_size, *(sizes.get(size, size) for size in entry.shape)), entry.dtype)

  return {name: spec(entries[name]) for name in only or entries}


def _landmarks_of(record: schema.ClipRecord, index: int) -> np.ndarray:
  """Landmarks of a frame, float32 `[478, 2]`; zeros where there are none of this mesh."""
  if not landmark_parts.has_landmarks(record.landmarks):
    return _zeros(NUM_LANDMARKS, 2)
  return record.landmarks[index]


def _estimated_parts(record: schema.ClipRecord, index: int, side: int) -> np.ndarray:
  """Part labels of a real frame, uint8 `[side, side]`, as far as its landmarks or its lip box show them."""
  landmarks, boxes = (None if x is None else x[index] for x in (record.landmarks, record.lip_box))
  return landmark_parts.estimated_parts(landmarks, boxes, side)


def _motion_of(record: schema.ClipRecord) -> np.ndarray:
  """Motion of the frames, float32 `[k, 58]`; zeros where none is known."""
  return _zeros(len(record.frames), MOTION_DIM) if record.motion is None else record.motion


def _small(image: np.ndarray) -> np.ndarray:
  """The image in the size of small clips, uint8 `[128, 128, 3]`."""
  return np.asarray(Image.fromarray(image).resize((CLIP_SIZE, CLIP_SIZE), Image.Resampling.BOX))


def _padded(track: np.ndarray | None, wanted: int) -> np.ndarray:
  """The first `wanted` frames of a motion track, float32 `[wanted, 58]`; zeros after its end."""
  padded = _zeros(wanted, MOTION_DIM)
  if track is not None:
    padded[: len(track)] = track[:wanted]
  return padded


def _zeros(*shape: int) -> np.ndarray:
  return np.zeros(shape, np.float32)
