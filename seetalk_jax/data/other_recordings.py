"""Other recordings of a speaker: the record of a portrait that is paired with speech of another recording."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from seetalk_jax.data import record_filter, schema, speaker_runs

# Draws among all records of the speaker, before those that pass are looked up.
_DRAWS = 4


class Records(Protocol):
  """Records by index, and what is around one; see `sources.ConcatenatedSource`."""

  def __getitem__(self, index: int) -> schema.ClipRecord:
    """The record."""

  def speaker_run(self, index: int) -> speaker_runs.SpeakerRun:
    """The records around `index` that are of the same speaker."""

  def accepted_in_run(
    self, run: speaker_runs.SpeakerRun, accepted: record_filter.RecordFilter
  ) -> speaker_runs.AcceptedRecords:
    """The records of a run that have frames and pass a filter."""


def find(
  records: Records, index: int, rng: np.random.Generator, accepted: record_filter.RecordFilter
) -> int | None:
  """Samples a record of another recording of the speaker of a real record.

  It has frames of the same size and passes the filter. The result depends on the records, the index and the generator
  only.

  Args:
    records: the records of a speaker follow each other.
    index: of the record.
    rng: random generator of the element.
    accepted: filter.

  Returns:
    Its index; None for a synthetic record, and where no other recording of the speaker has such a record.
  """
  record = records[index]
  if record.truth is not None:
    return None
  run = records.speaker_run(index)
  if not run.several:
    return None
  own = speaker_runs.recording_of(record)
  draws = (int(rng.integers(run.first, run.stop)) for _ in range(_DRAWS))
  # The ends of the run are of different recordings, so that one of them is of another one.
  for number in (*draws, *((run.first, run.stop - 1) if accepted.accepts_all else ())):
    other = records[number]
    fits = other.frames and other.size == record.size and accepted.accepts(other)
    if fits and speaker_runs.recording_of(other) != own:
      return number
  found = records.accepted_in_run(run, accepted)
  is_other = found.recordings != speaker_runs.recording_number(record)
  numbers = found.numbers[is_other & (found.sizes == record.size)]
  return int(rng.choice(numbers)) if len(numbers) else None
