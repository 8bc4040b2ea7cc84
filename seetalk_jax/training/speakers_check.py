"""Check of the number of speakers: a stage that compares speakers needs records of two."""

from __future__ import annotations

from seetalk_jax.data import record_filter, speaker_runs
from seetalk_jax.errors import InputError
from seetalk_jax.stages import base


def check(config, records, accepted: record_filter.RecordFilter) -> None:
  """Checks that the records of a stage have as many speakers as it needs.

  It reads a few records of each speaker, and with a filter those of a speaker until one passes.

  Args:
    config: of the stage.
    records: of the train split, of the kinds of the stage's view; see `sources.ConcatenatedSource`.
    accepted: filter of the stage.

  Raises:
    InputError: they have fewer.
  """
  needed = base.uses(config).num_speakers
  if needed < 2:
    return
  found = speaker_runs.first_speakers(records, needed, accepted)
  if 0 < len(found) < needed:
    passing = '' if accepted.accepts_all else f' with {accepted}'
    raise InputError(
      f'stage {config.stage} compares speakers, and all its recordings{passing} are of one, {str(found[0])!r}, '
      f'{", ".join(config.data.corpora)}: add speakers, a folder for each, or for one person '
      "use 'seetalk adapt VIDEO -o RELEASE --consent TEXT' or configs/all.py:real-person"
    )
