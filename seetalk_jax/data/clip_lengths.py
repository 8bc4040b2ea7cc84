"""Lengths of the clips of a corpus, and the records of those clips that are long enough for a view."""

from __future__ import annotations

import array

import numpy as np

from seetalk_jax.constants import FPS
from seetalk_jax.data import schema, sources


class LongClips:
  """Numbers of the records that lie in clips of `num_frames` frames or more; memory grows with clips, not records.

  `len`, and `long_clips[i]` -> index of the record in the source, in order.

  Attributes:
    group_lengths: number of these records in each group of the source.
    longest: frames of the longest clip of the source; 0 without records.
  """

  def __init__(self, records: sources.ConcatenatedSource, num_frames: int):
    """Reads the lengths of all clips; see `clip_lengths`."""
    clips = clip_lengths(records)
    ends = np.cumsum(clips[:, 0])
    is_long = clips[:, 1] >= num_frames
    self.longest = int(clips[:, 1].max(initial=0))
    self._counts = clips[is_long, 0]
    self._first, self._ends = (ends - clips[:, 0])[is_long], np.cumsum(self._counts)
    bounds = np.cumsum([0, *records.group_lengths])
    group = np.searchsorted(bounds, self._first, side='right') - 1
    self.group_lengths = [int(self._counts[group == g].sum()) for g in range(len(records.group_lengths))]

  def __len__(self) -> int:
    return int(self._counts.sum())

  def __getitem__(self, index: int) -> int:
    if not 0 <= index < len(self):
      raise IndexError(f'record {index} of {len(self)} in long clips')
    clip = np.searchsorted(self._ends, index, side='right')
    return int(self._first[clip] + index - (self._ends[clip] - self._counts[clip]))


def clip_lengths(source) -> np.ndarray:
  """Lengths of the clips of a record source, int64 `[c, 2]`: (records, frames of a clip), in order of the records.

  Rendered records are clips of their own, all of one length, so the first one stands for all of them in one row.
  Clips of recordings run over several records. The preparation stored their lengths
  (`source.prepared_clips()`); without these, all records are read once.
  """
  if isinstance(source, sources.ConcatenatedSource):
    return np.concatenate([np.zeros([0, 2], np.int64), *map(clip_lengths, source.sources)])
  if not len(source):
    return np.zeros([0, 2], np.int64)
  first = source[0]
  if first.truth is not None:
    track = first.speech_motion if first.speech_motion is not None else ()
    return np.array([[len(source), len(first.frames) or len(track)]], np.int64)
  prepared = _prepared(source) if hasattr(source, 'prepared_clips') else None
  return _counted(source) if prepared is None else prepared


def _prepared(source) -> np.ndarray | None:
  """Lengths that the preparation stored; None if it stored none, or those of other records."""
  clips = source.prepared_clips()
  if clips is None:
    return None
  lengths = clips.astype(np.int64)
  # With `max_records` the last clip may be cut. All of its records but the last hold one second.
  ends = np.cumsum(lengths[:, 0])
  lengths = lengths[ends - lengths[:, 0] < len(source)]
  over = int(lengths[:, 0].sum()) - len(source)
  if over:
    lengths[-1, 0] -= over
    lengths[-1, 1] = lengths[-1, 0] * FPS
  return lengths


def _counted(source) -> np.ndarray:
  """Lengths counted in the records themselves."""
  lengths = array.array('q')  # records, frames, records, frames, ...
  before: schema.ClipRecord | None = None
  for index in range(len(source)):
    record = source[index]
    if before is not None and schema.follows(record, before):
      lengths[-2] += 1
      lengths[-1] += len(record.frames)
    else:
      lengths.extend([1, len(record.frames)])
    before = record
  return np.array(lengths, np.int64).reshape(-1, 2)
