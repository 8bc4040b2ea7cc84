"""Transforms from a record to an element of a batch view: frame and window sampling, decoding, augmentation.

Every function uses the random generator of the element, so an element depends only on its seed. Images are
not flipped, because hair partings, gaze and head turns are not symmetric.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
from PIL import Image

from seetalk_jax import constants
from seetalk_jax.data import schema
from seetalk_jax.errors import InputError

Element = dict[str, np.ndarray]
Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]

# Maximum distance in records (seconds) between the frames of a real pair: long enough for a head turn.
_PAIR_REACH = 4


class Neighbours(Protocol):
  """Access to the neighbors of a record."""

  def partner(self) -> schema.ClipRecord:
    """Returns the record that shares the motions of the frames after frame 0 (`faces` corpora only)."""

  def beside(self, step: int) -> schema.ClipRecord | None:
    """Returns the record `step` positions later in the corpus, or None."""


def make_element(
  view: str,
  record: schema.ClipRecord,
  neighbours: Neighbours,
  rng: np.random.Generator,
  *,
  index: int = 0,
  image_size: int | None = None,
  portraits_only: bool = False,
  augment: Augment | None = None,
) -> Element:
  """Makes one element of `view`, as described in `schema.VIEWS`.

  Args:
    view: key of `schema.VIEWS`.
    record: record of one of the kinds in `schema.VIEW_KINDS[view]`.
    neighbours: access to neighboring records.
    rng: random generator of this element.
    index: record index in the corpora; the `clip` entry of the views `sync` and `sync_face`.
    image_size: side of the images in pixels, a divisor of the stored size; None keeps the stored size.
    portraits_only: whether the view `image` uses only frame 0.
    augment: speech augmentation that keeps length and timing; None disables it.

  Raises:
    InputError: the view cannot be made from the record.
  """
  make = _MAKERS[view]
  return make(
    _Context(
      record=record,
      neighbours=neighbours,
      rng=rng,
      index=index,
      reduce=_reduction(
        record, constants.CLIP_SIZE if view == 'clip' else None if view.startswith('sync') else image_size
      ),
      portraits_only=portraits_only,
      augment=augment or (lambda waveform, _: waveform),
    )
  )


def stretch(record: schema.ClipRecord, neighbours: Neighbours, num_frames: int) -> schema.ClipRecord:
  """Joins the following records of the clip to a real record until `num_frames` frames or the end of the clip."""
  joined, step = record, 1
  while record.truth is None and len(joined.frames) < num_frames:
    further = neighbours.beside(step)
    if further is None or not schema.follows(further, joined):
      break
    joined, step = schema.join(joined, further), step + 1
  return joined


def random_window(
  record: schema.ClipRecord, neighbours: Neighbours, rng: np.random.Generator, length: int, view: str
) -> tuple[schema.ClipRecord, int]:
  """Samples a window of `length` frames that starts in `record`.

  If the clip ends too early, the window starts in the previous record.

  Returns:
    (joined records, index of the first frame of the window in them).

  Raises:
    InputError: the clip is shorter than the window.
  """
  joined = stretch(record, neighbours, len(record.frames) + length - 1)
  if len(joined.frames) < length and record.truth is None:
    before = neighbours.beside(-1)
    if before is not None and schema.follows(record, before):
      joined = schema.join(before, joined)
  if len(joined.frames) < length or joined.lip_box is None:
    raise InputError(
      f'view {view} needs {length} frames with lip boxes, a clip has {len(joined.frames)}: '
      'render or prepare longer clips'
    )
  return joined, int(rng.integers(min(len(record.frames), len(joined.frames) - length + 1)))


def same_clip(
  record: schema.ClipRecord, neighbours: Neighbours, rng: np.random.Generator, reach: int
) -> schema.ClipRecord:
  """Samples a record of the same clip, at most `reach` records away; it may be the record itself."""
  wanted, found = int(rng.integers(-reach, reach + 1)), record
  way = 1 if wanted > 0 else -1
  for step in range(way, wanted + way, way):
    other = neighbours.beside(step)
    pair = (other, found) if way > 0 else (found, other)
    if other is None or not schema.follows(*pair):
      break
    found = other
  return found


class _Context:
  """Arguments and accessors shared by the view functions below."""

  def __init__(self, *, record, neighbours, rng, index, reduce, portraits_only, augment):
    self.record, self.neighbours, self.rng, self.index = record, neighbours, rng, index
    self.reduce, self.portraits_only, self._augment = reduce, portraits_only, augment

  @property
  def is_real(self) -> bool:
    """Whether the record has no ground truth."""
    return self.record.truth is None

  @functools.cached_property
  def truth(self) -> schema.Truth:
    if self.record.truth is None:
      raise InputError('this view needs truth, which real records lack: give a corpus of the synthetic world')
    return self.record.truth

  def frame(self, index: int, record: schema.ClipRecord | None = None) -> np.ndarray:
    image = schema.decode_frame((record or self.record).frames[index])
    if self.reduce == 1:
      return image
    return np.asarray(Image.fromarray(image).reduce(self.reduce))

  def quarter(self, array: np.ndarray, index: int) -> np.ndarray:
    """Quarter-size map of frame `index`; if images are reduced, the middle pixel of each block is used."""
    first = self.reduce // 2
    return np.ascontiguousarray(array[index, first :: self.reduce, first :: self.reduce])

  def speech(self, first_sample: int, num_frames: int, record: schema.ClipRecord | None = None) -> np.ndarray:
    """Augmented speech of `num_frames` frames, zero-padded outside the record."""
    wanted = num_frames * constants.SAMPLES_PER_FRAME
    audio = (record or self.record).audio
    part = schema.to_waveform(audio[max(first_sample, 0) : first_sample + wanted])
    waveform = np.zeros([wanted], np.float32)
    before = max(-first_sample, 0)
    waveform[before : before + len(part)] = part
    return self.augment(waveform)

  def augment(self, waveform: np.ndarray) -> np.ndarray:
    changed = np.asarray(self._augment(waveform, self.rng), np.float32)
    if changed.shape != waveform.shape:
      raise ValueError(f'augmentation must keep the length: {waveform.shape} became {changed.shape}')
    return changed

  @property
  def speaker(self) -> np.ndarray:
    return np.int32(speaker_number(self.record.speaker))


def speaker_number(speaker: int | str) -> int:
  """Speaker as an int32: integers are kept, names are hashed (stable across processes and versions)."""
  if isinstance(speaker, str):
    return int.from_bytes(hashlib.blake2b(speaker.encode(), digest_size=4).digest(), 'big') >> 1
  return int(speaker)


def mouth_box(lip_boxes: np.ndarray, window: slice) -> np.ndarray:
  """Crop box of the mouth for the frames in `window`: one fixed box, in which the lips move.

  Args:
    lip_boxes: float `[k, 4]` of the whole clip, as (left, top, right, bottom).
    window: frames to crop.

  Returns:
    float32 `[4]`. The center is the mean center in the window. The width is that of the widest lip box of the
    clip, because a width that follows the lips would hide their motion. The height is half the width.
  """
  boxes = np.asarray(lip_boxes, np.float32)
  centre_x, centre_y = (boxes[window, :2] + boxes[window, 2:]).mean(0) / 2
  half = float((boxes[:, 2] - boxes[:, 0]).max()) / 2
  height, width = constants.MOUTH_SIZE
  tall = half * height / width
  return np.array([centre_x - half, centre_y - tall, centre_x + half, centre_y + tall], np.float32)


def crop_mouth(image: np.ndarray, box: np.ndarray) -> np.ndarray:
  """Crops the relative `box` `[4]` of a uint8 image to uint8 `[48, 96, 3]`; the box is moved inside the image."""
  height, width = image.shape[:2]
  left, top, right, bottom = (float(edge) for edge in box)
  across, down = min(right - left, 1.0), min(bottom - top, 1.0)
  left, top = min(max(left, 0.0), 1.0 - across), min(max(top, 0.0), 1.0 - down)
  right, bottom = min(left + across, 1.0), min(top + down, 1.0)
  pixels = (left * width, top * height, right * width, bottom * height)
  crop = Image.fromarray(image).resize(constants.MOUTH_SIZE[::-1], Image.Resampling.BILINEAR, box=pixels)
  return np.asarray(crop)


def crop_face(image: np.ndarray) -> np.ndarray:
  """Crops SyncNet's face box (`constants.FACE_BOX`) of a uint8 portrait to uint8 `[224, 224, 3]`."""
  height, width = image.shape[:2]
  left, top, right, bottom = constants.FACE_BOX
  below = math.ceil((bottom - 1.0) * height)
  whole = Image.fromarray(np.pad(image, ((0, below), (0, 0), (0, 0)), mode='edge'))
  box = (left * width, top * height, right * width, bottom * height)
  return np.asarray(whole.resize((constants.FACE_SIZE,) * 2, Image.Resampling.BILINEAR, box=box))


def _reduction(record: schema.ClipRecord, image_size: int | None) -> int:
  if not record.frames or image_size is None:
    return 1
  if record.size % image_size:
    raise InputError(
      f'image_size {image_size} does not divide the {record.size} pixels of the corpus: '
      'use a divisor, or render a corpus of that size'
    )
  return record.size // image_size


def _portrait_speech(c: _Context) -> Element:
  wanted = constants.SPEECH_FRAMES
  record = stretch(c.record, c.neighbours, wanted)
  speech = c.speech(record.audio_lead if c.is_real else 0, wanted, record)
  heard = len(record.frames) * constants.SAMPLES_PER_FRAME if c.is_real else len(record.audio)
  num_samples = min(heard, len(speech))
  speech[num_samples:] = 0.0
  return {
    'portrait': c.frame(_most_frontal(record) if c.is_real else 0, record),
    'speech': speech,
    'num_samples': np.int32(num_samples),
    'speech_motion': _nothing(wanted, constants.MOTION_DIM) if c.is_real else c.truth.speech_motion[:wanted],
    'speaker': c.speaker,
    'attributes': _nothing(3) if c.is_real else c.truth.attributes,
    'known': np.float32(not c.is_real),
  }


def _most_frontal(record: schema.ClipRecord) -> int:
  if record.pose is None:
    return 0
  return int(np.argmin(np.square(record.pose[:, :3]).sum(-1)))


def _nothing(*shape: int) -> np.ndarray:
  return np.zeros(shape, np.float32)


def _image(c: _Context) -> Element:
  index = 0 if c.portraits_only else int(c.rng.integers(len(c.record.frames)))
  image = c.frame(index)
  if c.record.truth is None or c.record.truth.parts is None:
    parts = np.zeros([side // 4 for side in image.shape[:2]], np.uint8)
  else:
    parts = c.quarter(c.record.truth.parts, index)
  return {'image': image, 'parts': parts}


def _motion_pair(c: _Context) -> Element:
  if c.is_real:
    return _real_pair(c)
  truth = c.truth
  # The partner record shares the motions of all frames but frame 0, the portrait.
  target = int(c.rng.integers(1, len(c.record.frames)))
  source = int(c.rng.integers(len(c.record.frames) - 1))
  source += source >= target
  return {
    'source': c.frame(source),
    'target': c.frame(target),
    'driver': c.frame(target, c.neighbours.partner()),
    'source_motion': truth.motion[source],
    'target_motion': truth.motion[target],
    'source_canonical': c.quarter(truth.canonical, source).astype(np.float32),
    'target_canonical': c.quarter(truth.canonical, target).astype(np.float32),
    'source_parts': c.quarter(truth.parts, source),
    'target_parts': c.quarter(truth.parts, target),
    'lip_box': c.record.lip_box[target],
    'speaker': c.speaker,
    'known': np.float32(1.0),
  }


def _real_pair(c: _Context) -> Element:
  """Pair of frames of one clip, up to seconds apart. There is no second identity and no ground-truth motion."""
  if not c.record.frames or c.record.lip_box is None:
    raise InputError('view motion_pair needs frames with lip boxes in a record: prepare the recordings again')
  other = same_clip(c.record, c.neighbours, c.rng, _PAIR_REACH)
  target, source = int(c.rng.integers(len(c.record.frames))), int(c.rng.integers(len(other.frames)))
  drawn = c.frame(target)
  quarter = drawn.shape[0] // 4
  return {
    'source': c.frame(source, other),
    'target': drawn,
    'driver': drawn,
    'source_motion': _nothing(constants.MOTION_DIM),
    'target_motion': _nothing(constants.MOTION_DIM),
    'source_canonical': _nothing(quarter, quarter, 3),
    'target_canonical': _nothing(quarter, quarter, 3),
    'source_parts': np.zeros([quarter, quarter], np.uint8),
    'target_parts': np.zeros([quarter, quarter], np.uint8),
    'lip_box': c.record.lip_box[target],
    'speaker': c.speaker,
    'known': np.float32(0.0),
  }


def _speech_motion(c: _Context) -> Element:
  wanted = constants.WINDOW_FRAMES
  track = c.truth.speech_motion
  if len(track) < wanted:
    raise InputError(f'a talk has {len(track)} frames, view speech_motion needs {wanted}: render longer')
  first = int(c.rng.integers(len(track) - wanted + 1))
  return {
    'speech': c.speech(first * constants.SAMPLES_PER_FRAME, wanted),
    'motion': track[first : first + wanted],
    'speaker': c.speaker,
    'attributes': c.truth.attributes,
  }


def _sync(c: _Context) -> Element:
  record, window, sounds = _synced(c, 'sync', constants.SYNC_SAMPLES)
  box = mouth_box(record.lip_box, window)
  return {
    'mouth': np.stack([crop_mouth(schema.decode_frame(frame), box) for frame in record.frames[window]]),
    **sounds,
  }


def _sync_face(c: _Context) -> Element:
  record, window, sounds = _synced(c, 'sync_face', constants.SYNCNET_SAMPLES)
  return {'face': np.stack([crop_face(schema.decode_frame(f)) for f in record.frames[window]]), **sounds}


def _synced(c: _Context, view: str, away: int) -> tuple[schema.ClipRecord, slice, Element]:
  """Returns (record, window of five frames, aligned and shifted speech of `away` samples each)."""
  length = constants.SYNC_FRAMES
  record, first = random_window(c.record, c.neighbours, c.rng, length, view)
  here = record.audio_lead + first * constants.SAMPLES_PER_FRAME
  # Speech shifted by at least a window's length shares no sample with the aligned speech.
  last = len(record.audio) - away
  before, after = max(here - away + 1, 0), max(last - (here + away) + 1, 0)
  if before + after == 0:
    raise InputError(f'view {view} needs more speech around the frames of a record: use longer clips')
  shifted = int(c.rng.integers(before + after))
  shifted = shifted if shifted < before else shifted - before + here + away
  # Augment the whole recording once: otherwise noise or reverberation would separate aligned from shifted
  # speech.
  heard = c.augment(schema.to_waveform(record.audio))
  sounds = {
    'speech': heard[here : here + away],
    'speech_shifted': heard[shifted : shifted + away],
    'speaker': c.speaker,
    'clip': np.int32(c.index),
  }
  return record, slice(first, first + length), sounds


def _clip(c: _Context) -> Element:
  wanted = constants.CLIP_FRAMES
  record, first = random_window(c.record, c.neighbours, c.rng, wanted, 'clip')
  window = slice(first, first + wanted)
  return {
    'frames': np.stack([c.frame(i, record) for i in range(first, first + wanted)]),
    'motion': _nothing(wanted, constants.MOTION_DIM) if c.is_real else c.truth.motion[window],
    'lip_box': record.lip_box[window],
    'speech': c.speech(record.audio_lead + first * constants.SAMPLES_PER_FRAME, wanted, record),
    'known': np.float32(not c.is_real),
  }


_MAKERS: dict[str, Callable[[_Context], Element]] = {
  'portrait_speech': _portrait_speech,
  'image': _image,
  'motion_pair': _motion_pair,
  'speech_motion': _speech_motion,
  'sync': _sync,
  'sync_face': _sync_face,
  'clip': _clip,
}
