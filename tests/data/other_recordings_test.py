"""Other recordings of a speaker: which records serve as portraits, and what a run says where none does."""

import dataclasses

import numpy as np
import pytest
import real_records

from seetalk_jax.data import other_recordings, pipeline, record_filter, sources

ANY = record_filter.RecordFilter()
LARGE = record_filter.RecordFilter(min_side=384)


class Speaker:
  """Records of one speaker of `counts` seconds a recording, those of `large` of 512 pixels and the others of 224."""

  def __init__(self, counts, large):
    base = real_records.RealSource((1,)).records[0]
    names = [f'video{n}@0' for n, count in enumerate(counts) for _ in range(count)]
    self.records = [
      dataclasses.replace(base, clip=name, source_side=512 if i in large else 224)
      for i, name in enumerate(names)
    ]
    self.num_read = 0

  def __len__(self):
    return len(self.records)

  def __getitem__(self, index):
    self.num_read += 1
    return self.records[index]


def draw(speaker, index, accepted, count=60):
  records = sources.ConcatenatedSource([Speaker((1,), ()), speaker])
  return [other_recordings.find(records, 1 + index, np.random.default_rng(i), accepted) for i in range(count)]


def test_rare_records_that_pass_are_found_every_time():
  # Two of 300 records of the other recording pass: a few draws would nearly always miss them.
  speaker = Speaker((200, 300), {*range(200), 333, 444})
  found = draw(speaker, 7, LARGE)
  assert set(found) == {1 + 333, 1 + 444} and 15 < found.count(334) < 45
  assert speaker.num_read < 2000  # the records of the speaker once, and a few for each draw
  assert draw(speaker, 7, LARGE) == found  # a function of the generator alone


def test_without_a_filter_nothing_is_looked_up():
  speaker = Speaker((400, 1), ())
  assert set(draw(speaker, 7, ANY)) == {1 + 400}
  assert set(draw(speaker, 400, ANY)) <= set(range(1, 401))
  assert speaker.num_read < 3000


def test_no_other_recording_that_passes():
  assert set(draw(Speaker((20, 30), range(20)), 3, LARGE)) == {None}
  assert set(draw(Speaker((20,), range(20)), 3, ANY)) == {None}
  other_size = Speaker((2, 2), range(4))
  other_size.records[2:] = [dataclasses.replace(record, size=64) for record in other_size.records[2:]]
  assert set(draw(other_size, 0, LARGE)) == set(draw(other_size, 0, ANY)) == {None}


def note(speaker, **options):
  options = {'record_sources': [speaker], 'batch_size': 2, 'num_threads': 0, 'across_clips': True} | options
  with pipeline.make_batches('portrait_speech', **options) as batches:
    return batches.note


@pytest.mark.parametrize(
  ('counts', 'large', 'min_side', 'ending'),
  [
    ((20,), range(20), 0, 'for all 32 records that were tried the speaker has no other recording'),
    ((20, 30), range(20), 384, 'has no other recording with portrait crops of 384 pixels or more'),
    ((20, 30), range(20), 0, ''),
    ((20, 30), [*range(20), 40], 384, ''),
  ],
)
def test_a_corpus_without_pairs_is_one_line(counts, large, min_side, ending):
  found = note(Speaker(counts, set(large)), min_side=min_side)
  assert found.startswith('across_clips has no effect') == bool(ending)
  assert found.endswith(ending) and '\n' not in found
  assert not note(Speaker(counts, set(large)), min_side=min_side, across_clips=False)
