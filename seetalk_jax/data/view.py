"""Base class of the views of the data: what an element is read from, and the entries that describe it."""

from __future__ import annotations

import abc
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

import numpy as np
from PIL import Image

from seetalk_jax.constants import SAMPLES_PER_FRAME
from seetalk_jax.data import (
  landmark_parts,
  other_recordings,
  portrait_frames,
  record_filter,
  schema,
  transforms,
)
from seetalk_jax.errors import InputError

Element = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Entry:
  """One entry of a batch view.

  Attributes:
    dtype: dtype of the array.
    shape: shape of one element, without the batch axis; 'S' is the image size, 'S/4' a quarter of it, 'T' the frames
      of a window, '640 T' their samples.
    meaning: description with unit and range.
  """

  dtype: type
  shape: tuple[int | str, ...]
  meaning: str


class Records(other_recordings.Records, Protocol):
  """Records by index, and the records around one; see `sources.ConcatenatedSource`."""

  def partner(self, index: int) -> schema.ClipRecord:
    """The record that shares the motions of the frames after frame 0 (`faces` corpora only)."""

  def beside(self, index: int, step: int) -> schema.ClipRecord | None:
    """The record `step` positions later in the corpus, or None."""


class View(abc.ABC):
  """A view, instantiated for one element: the record and how to read it.

  Attributes:
    name: of the view.
    entries: what an element holds, by name.
    encoder_inputs: entries that encoders read; camera effects are applied to these.
    kinds: record kinds from which the view can be made.
    num_frames: frames of a window unless an option gives another number; None: the view has no such option.
    conditions: entries of other moments of the clip, by the name that asks for them in the option `conditions`.
    record: the record of the element.
    rng: random generator of the element.
  """

  name: ClassVar[str]
  entries: ClassVar[Mapping[str, Entry]]
  encoder_inputs: ClassVar[tuple[str, ...]] = ()
  kinds: ClassVar[tuple[str, ...]]
  num_frames: ClassVar[int | None] = None
  conditions: ClassVar[Mapping[str, Mapping[str, Entry]]] = {}

  def __init__(
    self,
    records: Records,
    index: int,
    rng: np.random.Generator,
    *,
    image_size: int | None = None,
    portraits_only: bool = False,
    augment: transforms.Augment | None = None,
    num_frames: int | None = None,
    conditions: Sequence[str] = (),
    across_clips: bool = False,
    accepted: record_filter.RecordFilter = record_filter.RecordFilter(),  # noqa: B008 (frozen)
    only: Sequence[str] = (),
  ):
    """The element of record `index`.

    Args:
      records: of the kinds of the view.
      index: record index; the entry `clip` of the views `sync` and `sync_face`.
      rng: random generator of this element.
      image_size: side of the images in pixels, a divisor of the stored size; None keeps the stored size.
      portraits_only: whether the view `image` uses only portraits, see `portrait_frames`.
      augment: speech augmentation that keeps length and timing; None disables it.
      num_frames: frames of a window; None for those of the view.
      conditions: keys of `conditions` whose entries the element also has.
      across_clips: whether the view `portrait_speech` takes a real portrait from another recording of the speaker.
      accepted: filter of the records that portraits, and the sources of real pairs, are taken from.
      only: entries that are needed; () for all. Where none of them is a picture or map, no frame is decoded, and
        pictures of the element are zeros. All random choices stay the same.

    Raises:
      InputError: `image_size` does not divide the stored size.
    """
    self.record, self.rng = records[index], rng
    self._records, self._index = records, index
    self._reduce = _reduction(self.record, self.frame_size(image_size))
    self._portraits_only, self._augment = portraits_only, augment
    self._window = num_frames or self.num_frames
    self._conditions = tuple(conditions)
    self._across_clips, self._accepted = across_clips, accepted
    self._only = frozenset(only)

  @classmethod
  def check_options(cls, num_frames: int | None, conditions: Sequence[str]) -> None:
    """Checks the options `num_frames` and `conditions`.

    Raises:
      InputError: the view does not have them, or an unknown condition or a length below 2.
    """
    if num_frames is not None and cls.num_frames is None:
      raise InputError(f'num_frames={num_frames}: view {cls.name} has one length, leave it out')
    if num_frames is not None and num_frames < 2:
      raise InputError(f'num_frames={num_frames}: use at least 2')
    for name in conditions:
      if name not in cls.conditions:
        raise InputError(
          f'condition {name!r} is unknown: view {cls.name} has {", ".join(cls.conditions) or "none"}'
        )

  @classmethod
  def needed_frames(cls, num_frames: int | None, conditions: Sequence[str]) -> int:
    """Frames that a clip needs so that the view can be made of each of its records; 0 if any clip serves."""
    del conditions
    return num_frames or cls.num_frames or 0

  @classmethod
  def frame_size(cls, image_size: int | None) -> int | None:
    """Side of the frames of an element with the option `image_size`, in pixels; None for the stored one."""
    return image_size

  @abc.abstractmethod
  def make(self) -> Element:
    """The element: an array for each of `entries` and of the chosen `conditions`.

    Shapes and dtypes are those of `Entry`, without a batch axis: a picture is uint8 `[S, S, 3]`, a motion track float32
    `[T, 58]`, its speech float32 `[640 T]`.

    Raises:
      InputError: the view cannot be made from the record.
    """

  @property
  def _is_real(self) -> bool:
    """Whether the record has no ground truth."""
    return self.record.truth is None

  @functools.cached_property
  def _truth(self) -> schema.Truth:
    if self.record.truth is None:
      raise InputError('this view needs ground truth, which real records do not have: add a synthetic corpus')
    return self.record.truth

  def _beside(self, step: int) -> schema.ClipRecord | None:
    return self._records.beside(self._index, step)

  @classmethod
  def entries_with(cls, conditions: Sequence[str]) -> dict[str, Entry]:
    """All entries of an element with these conditions."""
    entries = dict(cls.entries)
    for name in conditions:
      entries |= cls.conditions[name]
    return entries

  def _wants(self, name: str) -> bool:
    """Whether an entry is needed."""
    return not self._only or name in self._only

  @functools.cached_property
  def _wants_pictures(self) -> bool:
    entries = self.entries_with(self._conditions)
    return any(entry.dtype == np.uint8 for name, entry in entries.items() if self._wants(name))

  def _decoded(self, index: int, record: schema.ClipRecord) -> np.ndarray:
    """Frame `index` in the stored size; zeros if no pictures are needed."""
    if self._wants_pictures:
      return schema.decode_frame(record.frames[index])
    return np.zeros([record.size, record.size, 3], np.uint8)

  def _frame(self, index: int, record: schema.ClipRecord | None = None) -> np.ndarray:
    image = self._decoded(index, record or self.record)
    if self._reduce == 1:
      return image
    return np.asarray(Image.fromarray(image).reduce(self._reduce))

  def _portrait(self, index: int | None = None) -> tuple[schema.ClipRecord, int]:
    """The portrait in the clip of record `index`, by default of this element: (record, number of the frame)."""
    index = self._index if index is None else index
    record = self.record if index == self._index else self._records[index]
    beside = functools.partial(self._records.beside, index)
    return portrait_frames.find_portrait(record, beside, self._accepted)

  def _quarter(self, array: np.ndarray, index: int) -> np.ndarray:
    """Quarter-size map of frame `index`; if images are reduced, the middle pixel of each block is used."""
    first = self._reduce // 2
    return np.ascontiguousarray(array[index, first :: self._reduce, first :: self._reduce])

  def _parts(self, record: schema.ClipRecord, index: int, side: int) -> tuple[np.ndarray, np.float32]:
    """Part labels of frame `index`, uint8 `[side, side]`, and their weight, see `schema.parts_weight`.

    They are those of the record, or else drawn from its landmarks or its lip box.
    """
    if record.truth is not None and record.truth.parts is not None:
      labels = self._quarter(record.truth.parts, index)
    else:
      landmarks, boxes = (None if x is None else x[index] for x in (record.landmarks, record.lip_box))
      labels = landmark_parts.estimated_parts(landmarks, boxes, side)
    return labels, schema.parts_weight(record)

  def _speech(
    self, first_sample: int, num_frames: int, record: schema.ClipRecord | None = None
  ) -> np.ndarray:
    """Augmented speech of `num_frames` frames, zero-padded outside the record."""
    wanted = num_frames * SAMPLES_PER_FRAME
    audio = (record or self.record).audio
    part = schema.to_waveform(audio[max(first_sample, 0) : first_sample + wanted])
    waveform = np.zeros([wanted], np.float32)
    before = max(-first_sample, 0)
    waveform[before : before + len(part)] = part
    return self._augmented(waveform)

  def _augmented(self, waveform: np.ndarray) -> np.ndarray:
    changed = waveform if self._augment is None else np.asarray(self._augment(waveform, self.rng), np.float32)
    if changed.shape != waveform.shape:
      raise ValueError(f'augmentation must keep the length: {waveform.shape} became {changed.shape}')
    return changed

  def _picture_box(self, index: int, record: schema.ClipRecord | None = None) -> np.ndarray:
    """Part of frame `index` that shows the recording's picture, float32 `[4]`: `[0, 0, 1, 1]` is all of it."""
    boxes = (record or self.record).picture_box
    return np.array([0.0, 0.0, 1.0, 1.0], np.float32) if boxes is None else boxes[index]

  def _speaker(self) -> np.ndarray:
    return np.int32(transforms.speaker_number(self.record.speaker))


def _reduction(record: schema.ClipRecord, image_size: int | None) -> int:
  if not record.frames or image_size is None:
    return 1
  if record.size % image_size:
    raise InputError(
      f'image_size {image_size} does not divide the {record.size} pixels of the corpus: '
      'use a divisor, or render a corpus of that size'
    )
  return record.size // image_size
