"""Record filter: limits of single records and of parts of a corpus."""

import dataclasses

import numpy as np
import pytest
import real_records

from seetalk_jax.data import pipeline, record_filter, schema, sources
from seetalk_jax.errors import InputError

RECORD = real_records.RealSource().records[0]


def cut(outside, **changes):
  """A record with this share of its last frame outside of the picture, and less in the others."""
  boxes = np.tile(np.float32([0.0, 0.0, 1.0, 1.0 - outside / 2]), (25, 1))
  boxes[-1, 3] = 1.0 - outside
  return dataclasses.replace(RECORD, picture_box=boxes, **changes)


@pytest.mark.parametrize(
  ('record', 'limits', 'accepted'),
  [
    (RECORD, {'min_side': 512, 'max_outside': 0.0}, True),  # nothing was measured
    (cut(0.3), {}, True),
    (cut(0.3), {'max_outside': 0.31}, True),
    (cut(0.3), {'max_outside': 0.29}, False),
    (dataclasses.replace(RECORD, source_side=224), {'min_side': 224}, True),
    (dataclasses.replace(RECORD, source_side=223), {'min_side': 224}, False),
  ],
)
def test_limits(record, limits, accepted):
  found = record_filter.RecordFilter(**limits)
  assert found.accepts(record) == accepted and found.accepts_all == (not limits)


@pytest.mark.parametrize('limits', [{'min_side': -1}, {'max_outside': 1.1}, {'max_outside': float('nan')}])
def test_limits_have_a_range(limits):
  with pytest.raises(InputError, match='use 0 or more'):
    record_filter.RecordFilter(**limits)


class Faces:
  """Records of many speakers, one each; one of four has a portrait crop of 512 pixels, one of 224 pixels."""

  def __init__(self, count):
    self.sides = [(512, 96, 200, 224)[i % 4] for i in range(count)]

  def __len__(self):
    return len(self.sides)

  def __getitem__(self, index):
    return dataclasses.replace(RECORD, speaker=index, source_side=self.sides[index])


def take(count, **options):
  """Batches of 8 of 40 records."""
  options = {'record_sources': [Faces(40)], 'batch_size': 8, **options}
  with pipeline.make_batches('motion_pair', **options) as batches:
    return [next(batches) for _ in range(count)]


def speakers(batches):
  return np.concatenate([batch['speaker'] for batch in batches])


def same(a, b):
  for x, y in zip(a, b, strict=True):
    for name in x:
      np.testing.assert_array_equal(x[name], y[name], err_msg=name)


def test_small_faces_are_replaced_by_others_in_an_order_that_resumes():
  found = take(100, min_side=224)
  counts = np.bincount(speakers(found), minlength=40)
  large = np.arange(40) % 4 % 3 == 0  # 512 and 224 pixels
  assert not counts[~large].any() and counts[large].min() > 20  # 40 on average
  # Elements whose record passes stay as they are without the limit.
  before, after = (speakers(batches) for batches in (take(100), found))
  np.testing.assert_array_equal(before[large[before]], after[large[before]])
  same(found[3:6], take(3, min_side=224, start_index=3))
  halves = [take(4, min_side=224, process_index=i, process_count=2) for i in (0, 1)]
  same(found[:4], [{k: np.concatenate([a[k], b[k]]) for k in a} for a, b in zip(*halves, strict=True)])
  in_order = speakers(take(1, min_side=224, shuffle=False))
  np.testing.assert_array_equal(in_order, [0, 3, 3, 3, 4, 7, 7, 7])


def test_replacements_stay_in_their_corpus():
  groups = [Faces(40), real_records.RealSource()]
  found = take(50, record_sources=groups, weights=(1.0, 1.0), min_side=224)
  share = np.mean(speakers(found) < 40)
  assert 0.4 < share < 0.6


def test_both_frames_of_a_pair_pass_the_filter():
  clip = real_records.RealSource((5,)).records
  boxes = np.tile(np.float32([0.0, 0.0, 1.0, 0.5]), (25, 1))
  refused = [dataclasses.replace(record, picture_box=boxes) for record in clip]
  records = [refused[i] if i in (1, 3) else record for i, record in enumerate(clip)]
  options = {'record_sources': [records], 'batch_size': 10, 'augment': False}
  with pipeline.make_batches('motion_pair', max_outside=0.25, **options) as batches:
    taken = [next(batches) for _ in range(20)]
  shown = {
    name: {int(n) // 25 for batch in taken for n in real_records.frame_number(batch[name])}
    for name in ('source', 'target')
  }
  assert shown['source'] == shown['target'] == {0, 2, 4}
  # Sources of other records than the target's are still drawn.
  pairs = [real_records.frame_number(batch[name]) // 25 for batch in taken for name in ('source', 'target')]
  assert np.mean(np.concatenate(pairs[::2]) != np.concatenate(pairs[1::2])) > 0.3


def test_no_record_that_passes_is_the_users_error(monkeypatch):
  monkeypatch.setattr(pipeline, '_MAX_TRIES', 20)
  words = 'none of 20 records has portrait crops of 600 pixels or more: lower'
  options = {'batch_size': 2, 'min_side': 600}
  with pytest.raises(sources.MissingRecordsError, match=words):  # before the first batch
    pipeline.make_batches('image', record_sources=[Faces(8)], **options)
  # With weights, every corpus that is drawn from must have some.
  both = [Faces(8), real_records.RealSource()]
  with pytest.raises(sources.MissingRecordsError, match=words):
    pipeline.make_batches('image', record_sources=both, weights=(1.0, 1.0), **options)
  pipeline.make_batches('image', record_sources=both, weights=(0.0, 1.0), **options).close()


def test_parts_without_a_record_that_passes_are_left_out(tmp_path):
  for name, largest in (('small', 224), ('large', 512), ('unknown', None)):
    corpus = tmp_path / name
    sources.add_part(corpus, 'real', 'train', {} if largest is None else {'largest_side': largest})
    shard = corpus / sources.shard_name('real', 'train', 0, 1)
    sources.write_shard(shard, [schema.encode(RECORD)] * 2)
  accepted = record_filter.RecordFilter(min_side=384)
  found = sources.open_corpora(
    [tmp_path / n for n in ('small', 'large', 'unknown')], ['real'], 'train', None, accepted
  )
  assert found.group_lengths == [0, 2, 2]
  with pytest.raises(sources.MissingRecordsError, match='384 pixels or more in .*small:real-train: lower'):
    sources.open_corpora(tmp_path / 'small', ['real'], 'train', None, accepted)
