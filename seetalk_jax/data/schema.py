"""The one record of synthetic and real data, and its bytes.

A record is about one second of one speaker: encoded frames, the speech around them, where the face is, and,
for the embedded world, the truth. It is stored as msgpack (through `flax.serialization`, so arrays keep
dtype and shape; nothing is pickled).
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence

import numpy as np
from flax import serialization
from PIL import Image

from seetalk_jax.constants import (
  FPS,
  MOTION_DIM,
  SAMPLES_PER_FRAME,
)
from seetalk_jax.errors import InputError

SCHEMA_VERSION = 1
JPEG_QUALITY = 95

CLIP_MARGIN_FRAMES = 5  # speech kept on each side of a clip: 0.2 s


@dataclasses.dataclass(frozen=True, kw_only=True)
class Truth:
  """What only the embedded world knows. `k` frames, `t` frames of speech, `I` numbers of an identity.

  Attributes:
    attributes: float32 [3]: sex 0..1, age in years, head size as a standard score.
    motion: float32 [k, 20], the motion of every stored frame.
    speech_motion: float32 [t, 20], the motion track of the stored speech at 25 fps, or None.
    identity: float32 [I], or None where no face was drawn.
    canonical: float16 [k, s/4, s/4, 3], where on the resting head each pixel lies, or None.
    parts: uint8 [k, s/4, s/4], which part of the head each pixel shows, or None.
    opening: float32 [k], how far the lips are apart, or None.
  """

  attributes: np.ndarray
  motion: np.ndarray
  speech_motion: np.ndarray | None = None
  identity: np.ndarray | None = None
  canonical: np.ndarray | None = None
  parts: np.ndarray | None = None
  opening: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClipRecord:
  """About one second of one speaker: `k` frames of `size` x `size` pixels, `n` samples of speech.

  Attributes:
    kind: `faces`, `clips`, `talks` (embedded world) or `real`.
    speaker: integer or text, unique over a corpus.
    clip: which recording of the speaker.
    start_seconds: where the first frame (or, without frames, the first sample) lies in the recording.
    frames: JPEG bytes of each frame (`encode_frame`).
    size: width and height of the frames in pixels; 0 without frames.
    audio: int16 [n] at 16 kHz, mono, loudness-normalised.
    audio_lead: samples of `audio` before the first frame begins.
    crop_version: version of the portrait crop that cut the frames out.
    landmarks: float32 [k, L, 2] as (x, y) in relative picture units 0..1, or None.
    lip_box: float32 [k, 4] as (left, top, right, bottom) in relative picture units, or None: a square around
      the mouth with room for the jaw, of one size through the clip (0.34 of the picture's side in the
      embedded world); it may reach over the picture's border.
    pose: float32 [k, 5] as yaw, pitch, roll (radians) and shift x, y, or None.
    blendshapes: float32 [k, 52], or None where nobody measured them.
    truth: of the embedded world, else None.
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
  pose: np.ndarray | None = None
  blendshapes: np.ndarray | None = None
  truth: Truth | None = None


# What each array must look like: name -> (dtype, shape with `k` for the number of frames and None for any).
_ARRAYS = {
  'audio': (np.int16, (None,)),
  'landmarks': (np.float32, ('k', None, 2)),
  'lip_box': (np.float32, ('k', 4)),
  'pose': (np.float32, ('k', 5)),
  'blendshapes': (np.float32, ('k', 52)),
}
_TRUTH_ARRAYS = {
  'attributes': (np.float32, (3,)),
  'motion': (np.float32, ('k', MOTION_DIM)),
  'speech_motion': (np.float32, (None, MOTION_DIM)),
  'identity': (np.float32, (None,)),
  'canonical': (np.float16, ('k', None, None, 3)),
  'parts': (np.uint8, ('k', None, None)),
  'opening': (np.float32, ('k',)),
}


def encode(record: ClipRecord) -> bytes:
  """The bytes of a record; the same record gives the same bytes.

  Raises:
    ValueError: an array of another dtype or shape than the schema says.
  """
  _check(record, _ARRAYS, len(record.frames))
  fields = _fields(record)
  fields['frames'] = [bytes(frame) for frame in record.frames]
  if record.truth is not None:
    _check(record.truth, _TRUTH_ARRAYS, len(record.frames))
    fields['truth'] = _fields(record.truth)
  return serialization.msgpack_serialize({'schema': SCHEMA_VERSION, **fields})


def decode(data: bytes) -> ClipRecord:
  """The inverse of `encode`; arrays are read-only views of `data`.

  Raises:
    InputError: not a record, damaged, or of another schema version.
  """
  try:
    fields = serialization.msgpack_restore(data)
    version = fields.pop('schema')
  except Exception as e:  # msgpack raises many kinds on damaged bytes
    raise InputError('a record is damaged or not a clip record: render or prepare its corpus again') from e
  if version != SCHEMA_VERSION:
    raise InputError(
      f'a record has schema version {version}, this library reads {SCHEMA_VERSION}: '
      'render or prepare its corpus again'
    )
  try:
    truth = fields.pop('truth')
    record = ClipRecord(**fields, truth=None if truth is None else Truth(**truth))
    _check(record, _ARRAYS, len(record.frames))
    if record.truth is not None:
      _check(record.truth, _TRUTH_ARRAYS, len(record.frames))
  except (TypeError, KeyError, ValueError, AttributeError) as e:
    raise InputError('a record lacks fields of its schema: render or prepare its corpus again') from e
  return record


def follows(record: ClipRecord, before: ClipRecord) -> bool:
  """Whether `record` goes on where `before` ends: the next second of one clip."""
  end = before.start_seconds + len(before.frames) / FPS
  same = (record.kind, record.speaker, record.clip) == (before.kind, before.speaker, before.clip)
  return same and record.size == before.size and abs(record.start_seconds - end) < 0.5 / FPS


def join(first: ClipRecord, second: ClipRecord) -> ClipRecord:
  """Two records without truth as one; `second` must follow `first`. Sound is cut to the sample.

  Raises:
    ValueError: it does not follow, or one has truth.
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
    **{name: both(name) for name in ('landmarks', 'lip_box', 'pose', 'blendshapes')},
  )


def encode_frame(image: np.ndarray) -> bytes:
  """JPEG bytes of a uint8 [h, w, 3] picture: quality 95, no chroma subsampling (lips are small and red)."""
  buffer = io.BytesIO()
  Image.fromarray(image).save(buffer, 'JPEG', quality=JPEG_QUALITY, subsampling=0)
  return buffer.getvalue()


def decode_frame(data: bytes) -> np.ndarray:
  """uint8 [h, w, 3] from `encode_frame`'s bytes.

  Raises:
    InputError: the bytes are not a whole picture.
  """
  try:
    with Image.open(io.BytesIO(data)) as image:
      return np.asarray(image.convert('RGB'))
  except OSError as e:
    raise InputError('a frame of a record is damaged: render or prepare its corpus again') from e


def to_int16(waveform: np.ndarray) -> np.ndarray:
  """float [-1, 1] to int16; values outside are clipped."""
  return np.round(np.clip(waveform, -1.0, 1.0) * 32767.0).astype(np.int16)


def to_waveform(audio: np.ndarray) -> np.ndarray:
  """int16 to float32 [-1, 1], the inverse of `to_int16`."""
  return audio.astype(np.float32) / np.float32(32767.0)


def _fields(instance) -> dict:
  return {field.name: getattr(instance, field.name) for field in dataclasses.fields(instance)}


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
