"""The one record of synthetic and real data, and its bytes.

A record covers about one second of one speaker: encoded frames, speech with a margin on both sides, face
annotations and, for synthetic data, the ground truth. It is stored as msgpack with `flax.serialization`,
which keeps the dtype and shape of arrays. Nothing is pickled.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence

import numpy as np
from flax import serialization
from PIL import Image

from seetalk_jax.constants import (
  EMOTIONS,
  EVENTS,
  FPS,
  MOTION_DIM,
  SAMPLES_PER_FRAME,
  STATUS_WEIGHTS,
  MotionStatus,
)
from seetalk_jax.data import schema_v1
from seetalk_jax.errors import InputError
from seetalk_jax.media.landmark_indices import NUM_LANDMARKS

SCHEMA_VERSION = 2
READABLE_VERSIONS = (1, 2)
JPEG_QUALITY = 95

CLIP_MARGIN_FRAMES = 5  # margin of speech on each side of a clip: 0.2 s


@dataclasses.dataclass(frozen=True, kw_only=True)
class Truth:
  """Ground truth of synthetic data besides the motion, for `k` frames, `t` motions and `I` identity parameters.

  Attributes:
    attributes: float32 `[3]`: sex 0..1, age in years, head size as a standard score.
    identity: float32 `[I]`, or None if no face was rendered.
    canonical: float16 `[k, s/4, s/4, 3]`, canonical coordinates of each pixel on the neutral head, or None.
    parts: uint8 `[k, s/4, s/4]`, `constants.Part` label of each pixel, or None.
    opening: float32 `[k]`, distance between the lips, or None.
    emotions: float32 `[t, 8]`, shares of `constants.EMOTIONS` in each row of `speech_motion`, sum 1: an emotion of
      intensity 0.6 has 0.6 at its height, and neutral the rest. None where emotions are absent: in records
      of older corpora. Single pictures (`faces`) have a motion without emotion besides that of speech.
    events: uint8 `[t, 5]`, 1 where one of `constants.EVENTS` sounds, or None.
    style: float32 `[S]`, motion style of the speaker, see `acting.style.style_to_array`, or None.
    weight: float32 `[1]`, body weight as a standard score, or None.
  """

  attributes: np.ndarray
  identity: np.ndarray | None = None
  canonical: np.ndarray | None = None
  parts: np.ndarray | None = None
  opening: np.ndarray | None = None
  emotions: np.ndarray | None = None
  events: np.ndarray | None = None
  style: np.ndarray | None = None
  weight: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClipRecord:
  """Record of about one second of one speaker: `k` frames of `size` x `size` pixels, `n` samples of speech.

  Attributes:
    kind: `faces`, `clips`, `talks` (synthetic) or `real`.
    speaker: integer or text, unique in a corpus.
    clip: identifies the recording of the speaker.
    start_seconds: time of the first frame (or, without frames, the first sample) in the recording.
    frames: JPEG bytes of each frame (`encode_frame`).
    size: width and height of the frames in pixels; 0 without frames.
    audio: int16 `[n]` at 16 kHz, mono, loudness-normalized.
    audio_lead: samples of `audio` before the first frame begins.
    crop_version: version of the portrait crop with which the frames were cropped.
    landmarks: float32 `[k, L, 2]` as (x, y) in relative image units 0..1, or None.
    lip_box: float32 `[k, 4]` as (left, top, right, bottom) in relative image units, or None. It is a square
      around the mouth and the range of the jaw. Its size is constant in a clip (0.34 of the image side in
      synthetic data). It may extend beyond the image border.
    picture_box: float32 `[k, 4]` as (left, top, right, bottom) in relative image units 0..1: the part of every frame
      that lies inside of the recording's picture. Around it, edge pixels are repeated. None: the whole frame.
    source_side: side of the frames in pixels of the recording, before they were resized to `size`; 0: unknown, or
      rendered at `size`.
    motion: float32 `[k, 58]`, motion vector (`constants.MOTION_FIELDS`) of every frame, or None.
    speech_motion: float32 `[t, 58]`, motion of the stored speech at 25 fps, with its margins, or None; only in
      synthetic data.
    motion_status: uint8 `[58]`, `constants.MotionStatus` of each field of `motion` and `speech_motion`: exact,
      estimated or absent.
    truth: ground truth of synthetic data; None for real data.
  """

  kind: str
  speaker: int | str
  clip: int | str
  start_seconds: float = 0.0
  frames: Sequence[bytes] = ()
  size: int = 0
  audio: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros([0], np.int16))
  audio_lead: int = 0
  crop_version: int = 1
  landmarks: np.ndarray | None = None
  lip_box: np.ndarray | None = None
  picture_box: np.ndarray | None = None
  source_side: int = 0
  motion: np.ndarray | None = None
  speech_motion: np.ndarray | None = None
  motion_status: np.ndarray = dataclasses.field(
    default_factory=lambda: np.full([MOTION_DIM], MotionStatus.ABSENT, np.uint8)
  )
  truth: Truth | None = None


# Required arrays: name -> (dtype, shape); `k` is the number of frames, None is any size.
_ARRAYS = {
  'audio': (np.int16, (None,)),
  'landmarks': (np.float32, ('k', None, 2)),
  'lip_box': (np.float32, ('k', 4)),
  'picture_box': (np.float32, ('k', 4)),
  'motion': (np.float32, ('k', MOTION_DIM)),
  'speech_motion': (np.float32, (None, MOTION_DIM)),
  'motion_status': (np.uint8, (MOTION_DIM,)),
}
_TRUTH_ARRAYS = {
  'attributes': (np.float32, (3,)),
  'identity': (np.float32, (None,)),
  'canonical': (np.float16, ('k', None, None, 3)),
  'parts': (np.uint8, ('k', None, None)),
  'opening': (np.float32, ('k',)),
  'emotions': (np.float32, (None, len(EMOTIONS))),
  'events': (np.uint8, (None, len(EVENTS))),
  'style': (np.float32, (None,)),
  'weight': (np.float32, (1,)),
}
# Fields that are left out of the bytes where they have their default, as in records written before they came.
_LATER = {'picture_box': None, 'source_side': 0}
_LATER_TRUTH = {'emotions': None, 'events': None, 'style': None, 'weight': None}


def encode(record: ClipRecord) -> bytes:
  """Serializes a record; equal records give equal bytes.

  Raises:
    ValueError: the dtype or shape of an array differs from the schema.
  """
  _check(record, _ARRAYS, len(record.frames))
  fields = _without_defaults(_fields(record), _LATER)
  fields['frames'] = [bytes(frame) for frame in record.frames]
  if record.truth is not None:
    _check(record.truth, _TRUTH_ARRAYS, len(record.frames))
    fields['truth'] = _without_defaults(_fields(record.truth), _LATER_TRUTH)
  return serialization.msgpack_serialize({'schema': SCHEMA_VERSION, **fields})


def decode(data: bytes) -> ClipRecord:
  """Deserializes a record, the inverse of `encode`; arrays are read-only views of `data`.

  Records of version 1 are translated, see `schema_v1`.

  Raises:
    InputError: `data` is not a record, is damaged, or has a schema version that is not in READABLE_VERSIONS.
  """
  try:
    fields = serialization.msgpack_restore(data)
    version = fields.pop('schema')
  except Exception as e:  # msgpack raises many kinds on damaged bytes
    raise InputError('a record is damaged or not a clip record: render or prepare its corpus again') from e
  if version not in READABLE_VERSIONS:
    raise InputError(
      f'a record has schema version {version}, this library reads {_readable()}: '
      'render or prepare its corpus again'
    )
  try:
    if version == 1:
      fields = schema_v1.upgrade(fields)
    truth = fields.pop('truth')
    record = ClipRecord(**fields, truth=None if truth is None else Truth(**truth))
    _check(record, _ARRAYS, len(record.frames))
    if record.truth is not None:
      _check(record.truth, _TRUTH_ARRAYS, len(record.frames))
  except (TypeError, KeyError, ValueError, AttributeError) as e:
    raise InputError('a record lacks fields of its schema: render or prepare its corpus again') from e
  return record


def follows(record: ClipRecord, before: ClipRecord) -> bool:
  """Whether `record` is the direct continuation of `before` in the same clip."""
  end = before.start_seconds + len(before.frames) / FPS
  same = (record.kind, record.speaker, record.clip) == (before.kind, before.speaker, before.clip)
  return same and record.size == before.size and abs(record.start_seconds - end) < 0.5 / FPS


def join(first: ClipRecord, second: ClipRecord) -> ClipRecord:
  """Joins two consecutive real records into one; the audio is joined at the exact sample.

  Raises:
    ValueError: `second` does not follow `first`, or one of them has ground truth.
  """
  if not follows(second, first) or first.truth is not None or second.truth is not None:
    raise ValueError('only records of one real clip that follow each other can be joined')

  def both(name: str):
    parts = getattr(first, name), getattr(second, name)
    return None if any(part is None for part in parts) else np.concatenate(parts)

  until = first.audio_lead + len(first.frames) * SAMPLES_PER_FRAME
  return dataclasses.replace(
    first,
    frames=[*first.frames, *second.frames],
    audio=np.concatenate([first.audio[:until], second.audio[second.audio_lead :]]),
    **{name: both(name) for name in ('landmarks', 'lip_box', 'picture_box', 'motion')},
    motion_status=np.minimum(first.motion_status, second.motion_status),
  )


def motion_weights(record: ClipRecord, track: str = 'motion') -> np.ndarray:
  """Weight of each field of a motion track in losses, float32 `[58]`, by its status: `constants.STATUS_WEIGHTS`.

  Args:
    record: of one clip.
    track: 'motion' (of the frames) or 'speech_motion'; all weights of a track that the record lacks are 0.
  """
  if getattr(record, track) is None:
    return np.zeros([MOTION_DIM], np.float32)
  weights = np.array([STATUS_WEIGHTS[status] for status in MotionStatus], np.float32)
  return weights[record.motion_status]


def landmark_weight(record: ClipRecord) -> np.float32:
  """Weight of the landmarks of a record in losses: `constants.STATUS_WEIGHTS` of exact ones in synthetic records, of
  estimated ones in real records, and of absent ones where there are none of MediaPipe's face mesh."""
  if record.landmarks is None or record.landmarks.shape[1] != NUM_LANDMARKS:
    return np.float32(STATUS_WEIGHTS[MotionStatus.ABSENT])
  status = MotionStatus.ESTIMATED if record.truth is None else MotionStatus.EXACT
  return np.float32(STATUS_WEIGHTS[status])


def parts_weight(record: ClipRecord) -> np.float32:
  """Weight of the part labels of a record in pixel weights: `constants.STATUS_WEIGHTS` of exact ones if the record has
  labels, of estimated ones if not."""
  has_labels = record.truth is not None and record.truth.parts is not None
  return np.float32(STATUS_WEIGHTS[MotionStatus.EXACT if has_labels else MotionStatus.ESTIMATED])


def check_version(version: int, where: str) -> None:
  """Checks the schema version of a corpus.

  Raises:
    InputError: this library cannot read records of that version.
  """
  if version not in READABLE_VERSIONS:
    raise InputError(
      f'{where} has schema version {version}, this library reads {_readable()}: render or prepare it again'
    )


def encode_frame(image: np.ndarray) -> bytes:
  """Encodes a uint8 `[h, w, 3]` image as JPEG: quality 95, no chroma subsampling (lips are small and red)."""
  buffer = io.BytesIO()
  Image.fromarray(image).save(buffer, 'JPEG', quality=JPEG_QUALITY, subsampling=0)
  return buffer.getvalue()


def decode_frame(data: bytes) -> np.ndarray:
  """Decodes the bytes of `encode_frame` to uint8 `[h, w, 3]`.

  Raises:
    InputError: the bytes are not a complete image.
  """
  try:
    with Image.open(io.BytesIO(data)) as image:
      return np.asarray(image.convert('RGB'))
  except OSError as e:
    raise InputError('a frame of a record is damaged: render or prepare its corpus again') from e


def to_int16(waveform: np.ndarray) -> np.ndarray:
  """Converts float samples in [-1, 1] to int16; values outside the range are clipped."""
  return np.round(np.clip(waveform, -1.0, 1.0) * 32767.0).astype(np.int16)


def to_waveform(audio: np.ndarray) -> np.ndarray:
  """Converts int16 samples to float32 in [-1, 1], the inverse of `to_int16`."""
  return audio.astype(np.float32) / np.float32(32767.0)


def _readable() -> str:
  return ' and '.join(map(str, READABLE_VERSIONS))


def _fields(instance) -> dict:
  return {field.name: getattr(instance, field.name) for field in dataclasses.fields(instance)}


def _without_defaults(fields: dict, defaults: Mapping) -> dict:
  def stored(name, x) -> bool:
    return name not in defaults or isinstance(x, np.ndarray) or x != defaults[name]

  return {name: x for name, x in fields.items() if stored(name, x)}


def _check(instance, arrays: Mapping, num_frames: int) -> None:
  for name, (dtype, shape) in arrays.items():
    value = getattr(instance, name)
    if value is None:
      continue
    wanted = tuple(num_frames if size == 'k' else size for size in shape)
    fits = len(value.shape) == len(wanted) and all(
      w is None or w == s for w, s in zip(wanted, value.shape, strict=True)
    )
    if value.dtype != dtype or not fits:
      raise ValueError(
        f'{name} is {value.dtype}{list(value.shape)}; a record has {np.dtype(dtype)}{list(wanted)}'
      )
