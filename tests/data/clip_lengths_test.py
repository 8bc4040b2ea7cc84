"""Lengths of clips: from the records, from the report of a preparation, and which records are in long clips."""

import json

import numpy as np
import pytest
import real_records

from seetalk_jax.data import clip_lengths, schema, sources
from seetalk_jax.synthetic import sketch, source

REAL = [[3, 75], [2, 50], [1, 25], [4, 100], [2, 38]]


def test_clips_are_counted_in_records_that_follow_each_other():
  real = real_records.RealSource(short_end=True)
  np.testing.assert_array_equal(clip_lengths.clip_lengths(real), REAL)
  assert clip_lengths.clip_lengths([]).shape == (0, 2)


def test_rendered_records_are_clips_of_one_length():
  clips = source.WorldSource('clips', 'train', 6, size=32, frames=30, world=sketch.SketchWorld)
  talks = source.WorldSource('talks', 'train', 4, world=sketch.SketchWorld)
  assert clip_lengths.clip_lengths(clips).tolist() == [[6, 30]]
  both = sources.ConcatenatedSource([sources.ConcatenatedSource([clips]), talks])
  assert clip_lengths.clip_lengths(both).tolist() == [[6, 30], [4, 200]]


@pytest.fixture
def prepared(tmp_path):
  """A corpus of real records with a report whose last clip is two seconds longer than its records."""
  real = real_records.RealSource()
  sources.add_part(tmp_path, 'real', 'train', {})
  shard = tmp_path / sources.shard_name('real', 'train', 0, 1)
  sources.write_shard(shard, [schema.encode(record) for record in real.records])

  def entry(records, seconds, split='train'):
    clips = [{'records': n, 'start': 3.2, 'stop': 3.2 + s} for n, s in zip(records, seconds, strict=True)]
    return {'status': 'kept', 'split': split, 'clips': clips}

  report = [entry([3, 2], [3.0, 2.0]), {'status': 'rejected', 'split': 'train'}, entry([9], [9.0], 'test')]
  report.append(entry([1, 4], [1.0, 6.0]))
  (tmp_path / sources.REPORT_FILE).write_text(json.dumps(report))
  return tmp_path


def test_the_report_of_a_preparation_gives_the_lengths_without_reading_records(prepared):
  opened = sources.RecordSource(prepared, 'real', 'train')
  assert clip_lengths.clip_lengths(opened).tolist() == [[3, 75], [2, 50], [1, 25], [4, 150]]
  some = sources.RecordSource(prepared, 'real', 'train', max_records=8)
  assert clip_lengths.clip_lengths(some).tolist() == [[3, 75], [2, 50], [1, 25], [2, 50]]


@pytest.mark.parametrize('text', ['', '[]', '{}', '[{"status": "kept", "split": "train"}]'])
def test_without_a_report_of_these_records_they_are_counted(prepared, text):
  (prepared / sources.REPORT_FILE).write_text(text)
  opened = sources.RecordSource(prepared, 'real', 'train')
  assert clip_lengths.clip_lengths(opened).tolist() == REAL[:4]
  (prepared / sources.REPORT_FILE).unlink()
  assert clip_lengths.clip_lengths(opened).tolist() == REAL[:4]


def test_records_of_long_clips_are_numbered_in_order_and_by_group():
  real = real_records.RealSource(short_end=True)
  records = sources.ConcatenatedSource([real, real])
  kept = clip_lengths.LongClips(records, 50)
  wanted = [0, 1, 2, 3, 4, 6, 7, 8, 9]
  assert [kept[i] for i in range(len(kept))] == [*wanted, *(12 + i for i in wanted)]
  assert kept.group_lengths == [9, 9] and kept.longest == 100
  with pytest.raises(IndexError):
    kept[18]
  assert len(clip_lengths.LongClips(records, 101)) == 0
  assert clip_lengths.LongClips(records, 101).group_lengths == [0, 0]
