"""Endless batches in a fixed order: element = f(seed, global index), sliced by process after batching.

The order depends on the seed, the number of records and their weights alone, so the whole state of the iterator is one
integer (how many global batches were taken) and survives another number of hosts, threads or workers.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import grain
import numpy as np

from seetalk_jax.data import mixture, order, sources, transforms, views
from seetalk_jax.errors import InputError

_THREADS = 2
_AHEAD = 4  # batches held ready: decoding overlaps the device's work


class Elements:
  """Element of a view by global index, an endless random-access source for `grain.MapDataset.source`.

  Epoch e is the records in an order drawn from (seed, e); the element at global index g draws its frames,
  windows and augmentation from (seed, g). With weights every group of records has epochs of its own.
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
  ):
    self._mixture = mixture.Mixture(weights, records.group_lengths, seed) if weights else None
    self._view = views.find_view(view)
    self._records, self._seed, self._shuffle = records, seed, shuffle
    self._options = {'augment': augment, 'image_size': image_size, 'portraits_only': portraits_only}

  def __len__(self) -> int:
    return sys.maxsize

  def record_index(self, index: int) -> int:
    """Which record the element at global index `index` is made from."""
    if self._mixture is None:
      return self._in_order(index, 0, len(self._records))
    group, index = self._mixture.find(index)
    lengths = self._records.group_lengths
    return self._in_order(index, sum(lengths[:group]), lengths[group])

  def _in_order(self, index: int, first: int, length: int) -> int:
    """The record of element `index` of the records from `first` on, which are gone through epoch by epoch."""
    epoch, position = divmod(index, length)
    if self._shuffle:
      position = order.shuffled(position, seed=self._seed, epoch=epoch, length=length)
    return first + position

  def __getitem__(self, index: int) -> views.Element:
    record_index = self.record_index(index)
    rng = np.random.default_rng([self._seed, index])
    return self._view(self._records, record_index, rng, **self._options).make()


class _Rows:
  """The rows of one process: the same of every global batch in turn, from batch `first` on."""

  def __init__(self, elements: Elements, *, batch_size: int, first: int, rows: Sequence[int]):
    self._elements, self._batch_size, self._first = elements, batch_size, first
    self._rows = tuple(int(row) for row in rows)

  def __len__(self) -> int:
    return (sys.maxsize // self._batch_size - self._first) * len(self._rows)

  def __getitem__(self, row: int) -> views.Element:
    batch, inside = divmod(row, len(self._rows))
    return self._elements[(self._first + batch) * self._batch_size + self._rows[inside]]

  def __repr__(self) -> str:
    return 'Rows'


class Batches:
  """Iterator of batches (dicts of NumPy arrays); a context manager, to be closed.

  Attributes:
    num_records: in the corpora.
    records: the source of them.
  """

  def __init__(self, iterator, records, start_index: int):
    self._iterator, self._index = iterator, start_index
    self.records, self.num_records = records, len(records)

  def __iter__(self) -> Batches:
    return self

  def __next__(self) -> dict[str, np.ndarray]:
    if self._iterator is None:
      raise StopIteration
    batch = next(self._iterator)
    self._index += 1
    return batch

  def get_state(self) -> int:
    """How many global batches were taken, those before `start_index` included: the next `start_index`."""
    return self._index

  def close(self) -> None:
    """Stops threads and workers; may be called twice."""
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
  num_workers: int = 0,
  num_threads: int = _THREADS,
  image_size: int | None = None,
  portraits_only: bool = False,
  shuffle: bool = True,
  max_records: int | None = None,
  record_sources: Sequence | None = None,
  weights: Sequence[float] = (),
  needs_truth: bool = False,
) -> Batches:
  """Endless batches of a view; `views.batch_spec` gives their names, shapes and dtypes.

  Args:
    view: key of `views.VIEWS`.
    corpus_dirs: corpora, or directories that hold some; parts of other kinds or splits are passed over.
    batch_size: of the global batch; a multiple of `process_count`.
    seed: of order, choices and augmentation.
    split: `train`, `validation` or `test`.
    start_index: global batches to skip, `get_state` of an earlier iterator. Exact only over the same records:
      for a corpus that grew meanwhile, give the earlier `num_records` as `max_records`.
    process_index, process_count: of `jax.distributed`; process p gets rows [p, p + 1) * batch_size / count.
    rows: of every global batch, which this process gets, in their order, instead of that slice.
    augment: whether to change speech (room, noise, level); for training only, so never outside of `train`.
    num_workers: worker processes; 0 decodes in threads of this one, which is enough for a few cores.
    num_threads: decoding threads of each process; 0 decodes in the caller's.
    image_size: pixels of a side; None as stored, otherwise a divisor of that.
    portraits_only: view `image` gives only portraits.
    shuffle: False for records in order (evaluation).
    max_records: use only the first so many records of each corpus part.
    record_sources: random-access sources of records instead of `corpus_dirs` (e.g. `WorldSource`, no disk).
    weights: how often each of `corpus_dirs` (or `record_sources`) is drawn from, in proportion; () draws every
      record equally often.
    needs_truth: pass over real recordings, of which no truth is known.

  Raises:
    InputError: an argument that cannot be used, or no such records.
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
  if record_sources is None:
    kinds = [kind for kind in view_kinds if kind != 'real' or not needs_truth]
    records = sources.open_corpora(corpus_dirs, kinds, split, max_records)
  else:
    records = sources.ConcatenatedSource(record_sources)
  elements = Elements(
    view,
    records,
    seed=seed,
    shuffle=shuffle,
    augment=augment_speech if augment and split == 'train' else None,
    image_size=image_size,
    portraits_only=portraits_only,
    weights=weights,
  )
  source = _Rows(elements, batch_size=batch_size, first=start_index, rows=rows)
  dataset = grain.MapDataset.source(source).batch(len(rows))
  threads = grain.ReadOptions(num_threads=num_threads, prefetch_buffer_size=_AHEAD if num_threads else 0)
  stream = dataset.to_iter_dataset(threads)
  if num_workers:
    _mark_flags_parsed()
    workers = grain.MultiprocessingOptions(num_workers=num_workers, per_worker_buffer_size=2)
    stream = stream.mp_prefetch(workers)
  return Batches(iter(stream), records, start_index)


def augment_speech(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """The embedded world's changes of room, noise and level; timing and length stay."""
  from seetalk_jax.data import augment

  return augment.augment(waveform, rng)


def _mark_flags_parsed() -> None:
  # grain's workers read absl flags, which nobody parses in a notebook.
  from absl import flags

  if not flags.FLAGS.is_parsed():
    flags.FLAGS.mark_as_parsed()
