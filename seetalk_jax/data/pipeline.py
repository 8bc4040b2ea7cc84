"""Batch pipeline: endless batches in a fixed order, element = f(seed, global index), sliced by process.

The order depends only on the seed, the number of records and their weights. The state of the iterator is one
integer, the number of global batches taken. It stays valid for another number of hosts, threads or workers.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import grain
import numpy as np

from seetalk_jax.constants import FPS
from seetalk_jax.data import (
  clip_lengths,
  mixture,
  order,
  other_recordings,
  record_filter,
  sources,
  transforms,
  views,
)
from seetalk_jax.data.view import Element, View
from seetalk_jax.errors import InputError

_THREADS = 2
# Streams of random numbers; (seed, index) is that of the element's choices.
_PICTURE_STREAM = 1
_REPLACEMENTS = 2  # records in the place of refused ones
# Records that are tried for one element before it is an error that none passes the filter.
_MAX_TRIES = 1000
# Elements of which one has a portrait from another recording, or a note says that none has.
_SAMPLED = 32
_AHEAD = 4  # prefetched batches, so that decoding overlaps with device computation


class Elements:
  """Endless random-access source of view elements by global index, for `grain.MapDataset.source`.

  Epoch e contains the records in an order seeded by (seed, e). The frames, windows and augmentation of the
  element at global index g are sampled from (seed, g). With weights, every group of records has its own
  epochs. Records of clips that are shorter than the view needs are left out. A record that the filter refuses is
  replaced by another one of its group, which follows from (seed, g) too: no table of the accepted records is needed.

  Attributes:
    needed_frames: frames that the view needs of a clip; 0: any clip serves.
    num_left_out: number of records that are left out because their clips are too short.

  Raises:
    MissingRecordsError: all clips are too short.
  """

  def __init__(
    self,
    view: str,
    records,
    *,
    seed: int,
    shuffle: bool = True,
    augment: transforms.Augment | None = None,
    image_size: int | None = None,
    portraits_only: bool = False,
    weights: Sequence[float] = (),
    camera_effects: float = 0.0,
    num_frames: int | None = None,
    conditions: Sequence[str] = (),
    flips: float = 0.0,
    color_jitter: float = 0.0,
    across_clips: bool = False,
    accepted: record_filter.RecordFilter = record_filter.RecordFilter(),  # noqa: B008 (frozen)
    only: Sequence[str] = (),
  ):
    self._view = views.find_view(view)
    self._view.check_options(num_frames, conditions)
    entries = self._view.entries_with(conditions)
    if unknown := [name for name in only if name not in entries]:
      raise InputError(f'view {view} has no entry {unknown[0]!r}: use some of {", ".join(entries)}')
    self._only = tuple(only)
    self.needed_frames = self._view.needed_frames(num_frames, conditions)
    self._long = _long_clips(view, records, self.needed_frames) if self.needed_frames else None
    self.num_left_out = 0 if self._long is None else len(records) - len(self._long)
    self._group_lengths = (records if self._long is None else self._long).group_lengths
    self._mixture = mixture.Mixture(weights, self._group_lengths, seed) if weights else None
    self._camera_effects, self._filter = camera_effects, accepted
    self._pictures = {'flips': flips, 'color_jitter': color_jitter}
    self._effects_on = [
      *self._view.encoder_inputs,
      *(
        name
        for condition in conditions
        for name, entry in self._view.conditions[condition].items()
        if entry.dtype == np.uint8
      ),
    ]
    self._records, self._seed, self._shuffle = records, seed, shuffle
    self._options = {
      'augment': augment,
      'image_size': image_size,
      'portraits_only': portraits_only,
      'num_frames': num_frames,
      'conditions': tuple(conditions),
      'across_clips': across_clips,
      'accepted': accepted,
      'only': self._only,
    }

  def __len__(self) -> int:
    return sys.maxsize

  def record_index(self, index: int, attempt: int = 0) -> int:
    """Index of the record from which the element at global index `index` is made.

    Args:
      index: global index.
      attempt: number of records that the filter has refused for this element.
    """
    attempts, lengths = (index, attempt), self._group_lengths
    if self._mixture is None:
      number = self._in_order(index, 0, sum(lengths), attempts)
    else:
      group, index = self._mixture.find(index)
      number = self._in_order(index, sum(lengths[:group]), lengths[group], attempts)
    return number if self._long is None else self._long[number]

  def _in_order(self, index: int, first: int, length: int, attempts: tuple[int, int]) -> int:
    """Record index of element `index` over epochs of the `length` records that start at `first`.

    After refused records it is a random one of these records, that depends on `attempts`, (global index, number of
    refused records); the next one in order without a shuffle.
    """
    epoch, position = divmod(index, length)
    if not self._shuffle:
      return first + (position + attempts[1]) % length
    if attempts[1]:
      return first + int(np.random.default_rng([self._seed, _REPLACEMENTS, *attempts]).integers(length))
    return first + order.shuffled(position, seed=self._seed, epoch=epoch, length=length)

  def num_without_pair(self) -> int:
    """How many of the first real elements were tried without a portrait from another recording; 0 if one has it."""
    num_real = 0
    for index in range(_SAMPLED):
      rng = np.random.default_rng([self._seed, index])
      number, view = self._accepted_view(index, rng)
      if view.record.truth is None:
        num_real += 1
        if other_recordings.find(self._records, number, rng, self._filter) is not None:
          return 0
    return num_real

  def check_filter(self) -> None:
    """Checks that records pass the filter: one is looked for in every group of a mixture, or else in all records.

    Raises:
      MissingRecordsError: none of `_MAX_TRIES` records passes.
    """
    if self._filter.accepts_all:
      return
    first = {0: 0}
    if self._mixture is not None:
      first = {self._mixture.find(index)[0]: index for index in reversed(range(mixture.PERIOD))}
    for index in first.values():
      self._accepted_view(index, np.random.default_rng([self._seed, index]))

  def _accepted_view(self, index: int, rng: np.random.Generator) -> tuple[int, View]:
    """(record index, view) of the first record for element `index` that passes the filter."""
    for attempt in range(1 if self._filter.accepts_all else _MAX_TRIES):
      number = self.record_index(index, attempt)
      view = self._view(self._records, number, rng, **self._options)
      if self._filter.accepts(view.record):
        return number, view
    raise sources.MissingRecordsError(
      f'none of {_MAX_TRIES} records has {self._filter}: lower config.data.min_side, raise config.data.max_outside, or '
      'add recordings'
    )

  def __getitem__(self, index: int) -> Element:
    rng = np.random.default_rng([self._seed, index])
    element = self._accepted_view(index, rng)[1].make()
    if self._only:
      element = {name: element[name] for name in self._only}
    # Generators of their own: all other choices stay the same with and without these changes.
    if any(self._pictures.values()):
      from seetalk_jax.data import picture_augment

      own = np.random.default_rng([self._seed, index, _PICTURE_STREAM])
      element = picture_augment.augment(element, own, **self._pictures)
    if self._camera_effects:
      from seetalk_jax.data import camera_effects

      names = self._effects_on
      for name, own in zip(names, rng.spawn(len(names)), strict=True):
        if name in element:
          element[name] = camera_effects.augment(element[name], own, self._camera_effects)
    return element


def _long_clips(view: str, records, needed: int) -> clip_lengths.LongClips:
  found = clip_lengths.LongClips(records, needed)
  if not len(found):
    raise sources.MissingRecordsError(
      f'no clip has the {needed} frames that view {view} needs, the longest of {records!r} has {found.longest}: '
      f"prepare longer recordings, render longer clips ('seetalk corpus --frames {needed}'), or use a shorter window "
      '(option num_frames of the stage)'
    )
  return found


class _Rows:
  """Elements of one process: its fixed rows of every global batch, starting with batch `first`."""

  def __init__(self, elements: Elements, *, batch_size: int, first: int, rows: Sequence[int]):
    self._elements, self._batch_size, self._first = elements, batch_size, first
    self._rows = tuple(int(row) for row in rows)

  def __len__(self) -> int:
    return (sys.maxsize // self._batch_size - self._first) * len(self._rows)

  def __getitem__(self, row: int) -> Element:
    batch, inside = divmod(row, len(self._rows))
    return self._elements[(self._first + batch) * self._batch_size + self._rows[inside]]

  def __repr__(self) -> str:
    return 'Rows'


class Batches:
  """Iterator over batches (dicts of NumPy arrays); a context manager that must be closed.

  Attributes:
    num_records: number of records in the corpora.
    records: record source.
    note: one line on records that are left out, and on portraits that come from the recording of their speech though
      they should not; '' if there is nothing to say.
  """

  def __init__(self, iterator, records, start_index: int, note: str = ''):
    self._iterator, self._index = iterator, start_index
    self.records, self.num_records, self.note = records, len(records), note

  def __iter__(self) -> Batches:
    return self

  def __next__(self) -> dict[str, np.ndarray]:
    if self._iterator is None:
      raise StopIteration
    batch = next(self._iterator)
    self._index += 1
    return batch

  def get_state(self) -> int:
    """Number of global batches taken, including the skipped ones: the `start_index` to resume from."""
    return self._index

  def close(self) -> None:
    """Stops threads and workers; may be called more than once."""
    if self._iterator is not None:
      self._iterator.close()
      self._iterator = None

  def __enter__(self) -> Batches:
    return self

  def __exit__(self, *_) -> None:
    self.close()


def make_batches(
  view: str,
  corpus_dirs: sources.PathLike | Sequence[sources.PathLike] = (),
  *,
  batch_size: int,
  seed: int = 0,
  split: str = 'train',
  start_index: int = 0,
  process_index: int = 0,
  process_count: int = 1,
  rows: Sequence[int] | None = None,
  augment: bool = True,
  camera_effects: float = 0.0,
  flips: float = 0.0,
  color_jitter: float = 0.0,
  across_clips: bool = False,
  num_workers: int = 0,
  num_threads: int = _THREADS,
  image_size: int | None = None,
  portraits_only: bool = False,
  shuffle: bool = True,
  max_records: int | None = None,
  record_sources: Sequence | None = None,
  weights: Sequence[float] = (),
  needs_truth: bool = False,
  num_frames: int | None = None,
  conditions: Sequence[str] = (),
  min_side: int = 0,
  max_outside: float = 1.0,
  only: Sequence[str] = (),
) -> Batches:
  """Creates an endless iterator over batches of a view.

  `views.batch_spec` describes the names, shapes and dtypes of the batches.

  Args:
    view: key of `views.VIEWS`.
    corpus_dirs: corpora, or directories that contain corpora. Parts of other kinds or splits are skipped.
    batch_size: size of the global batch; a multiple of `process_count`.
    seed: seed of order, frame and window choices, and augmentation.
    split: `train`, `validation` or `test`.
    start_index: number of global batches to skip, from `get_state` of an earlier iterator. The order is the
      same only for the same records. For a corpus that has grown, pass the earlier `num_records` as
      `max_records`.
    process_index: index of this process in `jax.distributed`. Process p gets rows [p, p + 1) * batch_size /
      count.
    process_count: number of processes in `jax.distributed`.
    rows: rows of every global batch for this process, in order; overrides the slice by process.
    augment: whether to augment speech. Augmentation applies only to the split `train`.
    camera_effects: strength, 0 to 1, of camera effects on `encoder_inputs` of the view: noise, blur, JPEG, H.264
      and others, see `camera_effects.augment`. 0 disables them. They apply only to the split `train`.
    flips: share of the elements, 0 to 1, that are mirrored with all their annotations, see `picture_augment`. Only
      in the split `train`.
    color_jitter: strength, 0 to 1, of a change of color that all pictures of an element share. Only in the split
      `train`.
    across_clips: whether the view `portrait_speech` takes the portrait of a real speaker from another recording
      than the speech, where the corpus has one.
    num_workers: worker processes; 0 decodes in threads of this process, which is enough for a few cores.
    num_threads: decoding threads per process; 0 decodes in the calling thread.
    image_size: side of the images in pixels, a divisor of the stored size; None keeps the stored size.
    portraits_only: whether the view `image` returns only portraits.
    shuffle: whether to shuffle records; False reads them in order, as in evaluation.
    max_records: use at most this many records of each corpus part, from its start.
    record_sources: random-access record sources to use instead of `corpus_dirs` (e.g. `WorldSource`, without
      disk).
    weights: relative sampling weight of each of `corpus_dirs` (or `record_sources`); () samples every record
      equally often.
    needs_truth: whether to skip real recordings, which have no ground truth.
    num_frames: frames of a window, for the views `clip` and `speech_motion`; None for those of the view. Clips that
      are shorter are left out, see `Batches.note`.
    conditions: entries of other moments of the clip, for the same views: `portrait`, `style`; see `View.conditions`.
    min_side: skip real records whose portrait crop has a smaller side, in pixels of the recording.
    max_outside: skip real records with a larger share of the crop outside of the picture, 0 to 1.
    only: entries of the batches; () for all. Frames are not decoded where none of these is a picture or map.

  Raises:
    InputError: an argument is invalid.
    MissingRecordsError: there are no such records, none passes the filter, or all clips are too short.
  """
  view_kinds = views.find_view(view).kinds
  if process_count < 1 or not 0 <= process_index < process_count:
    raise InputError(
      f'process_index {process_index} of {process_count} processes: use 0 to process_count - 1'
    )
  if batch_size < 1 or batch_size % process_count:
    raise InputError(f'batch_size {batch_size}: use a positive multiple of the {process_count} processes')
  if rows is None:
    local = batch_size // process_count
    rows = range(process_index * local, (process_index + 1) * local)
  if not len(rows) or not all(0 <= row < batch_size for row in rows):
    raise InputError(f'rows {list(rows)} of a batch of {batch_size}: use some of 0 to {batch_size - 1}')
  if start_index < 0 or seed < 0:
    raise InputError(f'start_index {start_index}, seed {seed}: use 0 or more')
  for name, value in (('camera_effects', camera_effects), ('flips', flips), ('color_jitter', color_jitter)):
    if not 0 <= value <= 1:
      raise InputError(f'{name} {value}: use 0 to 1')
  is_training = split == 'train'
  accepted = record_filter.RecordFilter(min_side=min_side, max_outside=max_outside)
  if record_sources is None:
    kinds = [kind for kind in view_kinds if kind != 'real' or not needs_truth]
    records = sources.open_corpora(corpus_dirs, kinds, split, max_records, accepted)
  else:
    records = sources.ConcatenatedSource(record_sources)
  elements = Elements(
    view,
    records,
    seed=seed,
    shuffle=shuffle,
    augment=augment_speech if augment and is_training else None,
    image_size=image_size,
    portraits_only=portraits_only,
    weights=weights,
    camera_effects=camera_effects if is_training else 0.0,
    num_frames=num_frames,
    conditions=conditions,
    flips=flips if is_training else 0.0,
    color_jitter=color_jitter if is_training else 0.0,
    across_clips=across_clips,
    accepted=accepted,
    only=only,
  )
  elements.check_filter()
  notes = []
  if elements.num_left_out:
    seconds = elements.needed_frames / FPS
    notes.append(
      f'{elements.num_left_out} of {len(records)} records are left out: their clips are shorter than {seconds:g} s'
    )
  if across_clips and is_training and view == 'portrait_speech' and (tried := elements.num_without_pair()):
    passing = '' if accepted.accepts_all else f' with {accepted}'
    notes.append(
      f'across_clips has no effect, portraits come from the recording of the speech: for all {tried} records that were '
      f'tried the speaker has no other recording{passing}'
    )
  source = _Rows(elements, batch_size=batch_size, first=start_index, rows=rows)
  dataset = grain.MapDataset.source(source).batch(len(rows))
  threads = grain.ReadOptions(num_threads=num_threads, prefetch_buffer_size=_AHEAD if num_threads else 0)
  stream = dataset.to_iter_dataset(threads)
  if num_workers:
    _mark_flags_parsed()
    workers = grain.MultiprocessingOptions(num_workers=num_workers, per_worker_buffer_size=2)
    stream = stream.mp_prefetch(workers)
  return Batches(iter(stream), records, start_index, '; '.join(notes))


def augment_speech(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Augments speech with `augment.augment`; timing and length are unchanged."""
  from seetalk_jax.data import augment

  return augment.augment(waveform, rng)


def _mark_flags_parsed() -> None:
  # Grain's workers read absl flags, which are not parsed in a notebook.
  from absl import flags

  if not flags.FLAGS.is_parsed():
    flags.FLAGS.mark_as_parsed()
