"""Runs of speakers: successive records of one speaker in a corpus, and the recordings that they come from.

Corpora of `seetalk prepare` are in the order of their files, so the recordings of a speaker follow each other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seetalk_jax.data import record_filter, schema, transforms


class SpeakerRun(NamedTuple):
  """Records `first` to `stop - 1` of one speaker; `several`: the two ends are of different recordings."""

  first: int
  stop: int
  several: bool

  def moved(self, by: int) -> SpeakerRun:
    """The run with indices that are larger by a number."""
    return SpeakerRun(self.first + by, self.stop + by, self.several)


class AcceptedRecords(NamedTuple):
  """Records of a run that have frames and pass a filter, in order.

  Attributes:
    numbers: int64 `[k]`, their indices.
    recordings: int64 `[k]`, `recording_number` of each.
    sizes: int64 `[k]`, side of their frames in pixels.
  """

  numbers: np.ndarray
  recordings: np.ndarray
  sizes: np.ndarray


def recording_of(record: schema.ClipRecord) -> str:
  """Recording that a record comes from: its clip, without the first frame that `seetalk prepare` writes after '@'."""
  clip = str(record.clip)
  return clip.rpartition('@')[0] or clip


def recording_number(record: schema.ClipRecord) -> int:
  """A number of the recording that a record comes from, a stable hash of its name."""
  return transforms.speaker_number(recording_of(record))


def accepted_in(source, run: SpeakerRun, accepted: record_filter.RecordFilter) -> AcceptedRecords:
  """Lists the records of a run that have frames and pass a filter. Reads the whole run.

  Args:
    source: `source[i]` -> ClipRecord.
    run: of the source.
    accepted: filter.
  """
  rows = []
  for number in range(run.first, run.stop):
    record = source[number]
    if record.frames and accepted.accepts(record):
      rows.append((number, recording_number(record), record.size))
  return AcceptedRecords(*np.array(rows, np.int64).reshape(-1, 3).T)


def first_speakers(source, count: int, accepted: record_filter.RecordFilter) -> list[int | str]:
  """The first `count` different speakers with a record that passes a filter, or fewer if there are no more.

  Args:
    source: `len` and `source[i]` -> ClipRecord; the records of a speaker lie together.
    count: how many.
    accepted: filter.
  """
  found: list[int | str] = []
  index = 0
  while index < len(source) and len(found) < count:
    run = find_run(source, index)
    speaker = source[index].speaker
    if speaker not in found and any(accepted.accepts(source[i]) for i in range(run.first, run.stop)):
      found.append(speaker)
    index = run.stop
  return found


def find_run(source, index: int) -> SpeakerRun:
  """Finds the run of record `index`; the number of records that are read grows with the logarithm of its length.

  Args:
    source: `len` and `source[i]` -> ClipRecord; the records of a speaker lie together.
    index: of a record.
  """
  low, high = (_end_of_run(source, index, direction) for direction in (-1, 1))
  return SpeakerRun(low, high + 1, recording_of(source[low]) != recording_of(source[high]))


def _end_of_run(source, start: int, direction: int) -> int:
  """Last index in a direction (1 or -1) up to which the speaker is that of record `start`."""
  speaker = source[start].speaker

  def is_same(steps: int) -> bool:
    index = start + direction * steps
    return 0 <= index < len(source) and source[index].speaker == speaker

  # Steps double until they are too far, then the interval is halved.
  reached, beyond = 0, 1
  while is_same(beyond):
    reached, beyond = beyond, 2 * beyond
  while beyond - reached > 1:
    middle = (reached + beyond) // 2
    reached, beyond = (middle, beyond) if is_same(middle) else (reached, middle)
  return start + direction * reached
