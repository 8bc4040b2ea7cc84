"""Runs of speakers: ends, recordings, and the number of records that are read."""

import types

import pytest

from seetalk_jax.data import sources, speaker_runs


class Counted:
  """Records with a speaker and a clip; counts those that are read."""

  def __init__(self, names):
    self.records = [types.SimpleNamespace(speaker=speaker, clip=clip) for speaker, clip in names]
    self.num_read = 0

  def __len__(self):
    return len(self.records)

  def __getitem__(self, index):
    assert 0 <= index < len(self.records)
    self.num_read += 1
    return self.records[index]


NAMES = [('a', 'x@0')] + 7 * [('b', 'y@0')] + 2 * [('b', 'z@0')] + 3 * [('c', 'y@0')] + 2 * [('c', 'y@90')]


def test_recordings_have_the_name_of_the_clip_without_its_start():
  names = [
    speaker_runs.recording_of(types.SimpleNamespace(clip=clip))
    for clip in ('v/1@0', 'v/1@90', 'a@b@7', 'x', 3)
  ]
  assert names == ['v/1', 'v/1', 'a@b', 'x', '3']


@pytest.mark.parametrize('index', range(len(NAMES)))
def test_runs_are_found_from_each_of_their_records(index):
  first, stop, several = {'a': (0, 1, False), 'b': (1, 10, True), 'c': (10, 15, False)}[NAMES[index][0]]
  assert speaker_runs.find_run(Counted(NAMES), index) == (first, stop, several)


def test_long_runs_are_found_with_few_reads():
  source = Counted(5 * [('a', '1')] + 5000 * [('b', '2')] + 5 * [('c', '3')])
  assert speaker_runs.find_run(source, 1234) == (5, 5005, False)
  assert source.num_read < 70


def test_runs_end_with_their_source_and_are_kept():
  parts = [Counted(NAMES), Counted(NAMES)]
  both = sources.ConcatenatedSource(parts)
  assert both.speaker_run(12) == (10, 15, False)
  assert both.speaker_run(16) == (16, 25, True)  # 'b' of the second source
  before = parts[1].num_read
  assert both.speaker_run(20) == (16, 25, True)
  assert parts[1].num_read == before + 1
