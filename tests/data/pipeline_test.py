"""Batch pipeline: resumption, equal batches for any number of threads and processes, changes of pictures."""

import dataclasses
import threading

import numpy as np
import pytest
import real_records
import view_batches

from seetalk_jax import constants
from seetalk_jax.data import picture_augment, pipeline, schema, sources, transforms, views
from seetalk_jax.errors import InputError
from seetalk_jax.synthetic import sketch, source

pytestmark = pytest.mark.usefixtures('plain_augmentation')
SIZE = view_batches.SIZE


@pytest.mark.parametrize('view', list(views.VIEWS))
def test_batches_are_what_the_table_says(corpus_dir, view):
  (batch,) = view_batches.take(1, view, corpus_dir, batch_size=2, image_size=SIZE)
  spec = views.batch_spec(view, 2, image_size=SIZE)
  assert {k: (v.shape, v.dtype) for k, v in batch.items()} == {k: (v.shape, v.dtype) for k, v in spec.items()}


@pytest.mark.parametrize('view', ['motion_pair', 'speech_motion', 'sync'])
def test_same_seed_same_batches_other_seed_others(corpus_dir, view):
  first = view_batches.take(3, view, corpus_dir, batch_size=4, seed=1)
  view_batches.assert_same(first, view_batches.take(3, view, corpus_dir, batch_size=4, seed=1))
  other = view_batches.take(3, view, corpus_dir, batch_size=4, seed=2)
  assert any(np.any(first[0][name] != other[0][name]) for name in first[0])


def test_resumed_batches_are_those_that_would_have_come(corpus_dir):
  arguments = dict(batch_size=5, seed=3)  # 5 does not divide 14, so batches cross epochs
  whole = view_batches.take(8, 'portrait_speech', corpus_dir, **arguments)
  with pipeline.make_batches('portrait_speech', corpus_dir, **arguments) as batches:
    for _ in range(3):
      next(batches)
    state = batches.get_state()
  assert state == 3
  resumed = view_batches.take(5, 'portrait_speech', corpus_dir, start_index=state, **arguments)
  view_batches.assert_same(whole[3:], resumed)
  with pipeline.make_batches('portrait_speech', corpus_dir, start_index=3, **arguments) as batches:
    next(batches)
    assert batches.get_state() == 4


@pytest.mark.parametrize('options', [{'num_threads': 0}, {'num_threads': 4}])
def test_threads_do_not_change_batches(corpus_dir, options):
  plain = view_batches.take(5, 'motion_pair', corpus_dir, batch_size=4)
  view_batches.assert_same(plain, view_batches.take(5, 'motion_pair', corpus_dir, batch_size=4, **options))


@pytest.mark.parametrize('num_workers', [1, 4])
def test_worker_processes_do_not_change_batches(corpus_dir, num_workers):
  plain = view_batches.take(6, 'motion_pair', corpus_dir, batch_size=4)
  view_batches.assert_same(
    plain, view_batches.take(6, 'motion_pair', corpus_dir, batch_size=4, num_workers=num_workers)
  )


@pytest.mark.parametrize('count', [2, 3])
def test_processes_share_each_global_batch(corpus_dir, count):
  whole = view_batches.take(4, 'motion_pair', corpus_dir, batch_size=6)
  parts = [
    view_batches.take(4, 'motion_pair', corpus_dir, batch_size=6, process_index=i, process_count=count)
    for i in range(count)
  ]
  joined = [
    {name: np.concatenate([part[step][name] for part in parts]) for name in whole[0]} for step in range(4)
  ]
  view_batches.assert_same(whole, joined)


def test_one_two_one_processes_see_the_batches_of_one(corpus_dir):
  arguments = {'batch_size': 4, 'weights': (1.0,)}
  whole = view_batches.take(9, 'motion_pair', corpus_dir, **arguments)

  def between(first, stop, count):
    parts = []
    for process in range(count):
      with pipeline.make_batches(
        'motion_pair', corpus_dir, start_index=first, process_index=process, process_count=count, **arguments
      ) as batches:
        parts.append([next(batches) for _ in range(stop - first)])
        assert batches.get_state() == stop
    return [
      {name: np.concatenate([part[name] for part in step]) for name in step[0]}
      for step in zip(*parts, strict=True)
    ]

  view_batches.assert_same(whole, between(0, 3, 1) + between(3, 5, 2) + between(5, 9, 1))


def test_an_epoch_sees_every_record_once_and_epochs_differ(corpus_dir):
  speakers = np.concatenate(
    [b['speaker'] for b in view_batches.take(4, 'portrait_speech', corpus_dir, batch_size=7)]
  )
  first, second = speakers[:14], speakers[14:]
  assert sorted(first) == sorted(second) == sorted(set(first))
  assert list(first) != list(second)
  ordered = view_batches.take(1, 'portrait_speech', corpus_dir, batch_size=14, shuffle=False)[0]['speaker']
  assert list(ordered) == sorted(ordered)


def test_augmentation_is_for_training_alone(corpus_dir):
  plain = view_batches.take(1, 'speech_motion', corpus_dir, batch_size=4, augment=False)[0]
  changed = view_batches.take(1, 'speech_motion', corpus_dir, batch_size=4)[0]
  np.testing.assert_array_equal(plain['motion'], changed['motion'])
  assert np.any(plain['speech'] != changed['speech'])
  assert len(set(np.round(changed['speech'][:, 0] - plain['speech'][:, 0], 6))) == 4  # one per sample


def test_smaller_pictures(corpus_dir):
  (batch,) = view_batches.take(1, 'motion_pair', corpus_dir, batch_size=2, image_size=SIZE // 2)
  assert batch['source'].shape == (2, 16, 16, 3) and batch['source_canonical'].shape == (2, 4, 4, 3)
  with pytest.raises(InputError, match='image_size'):
    view_batches.take(1, 'motion_pair', corpus_dir, batch_size=2, image_size=24)


def test_the_world_itself_can_be_the_source(corpus_dir):
  live = source.WorldSource('faces', 'train', 14, size=SIZE, world=sketch.SketchWorld)
  arguments = dict(batch_size=4, augment=False)
  view_batches.assert_same(
    view_batches.take(2, 'motion_pair', record_sources=[live], **arguments),
    view_batches.take(2, 'motion_pair', corpus_dir, **arguments),
  )


@pytest.mark.parametrize(
  'change',
  [
    {'view': 'nothing'},
    {'batch_size': 0},
    {'batch_size': 3, 'process_count': 2},
    {'process_index': 2, 'process_count': 2},
    {'start_index': -1},
    {'split': 'test'},
  ],
)
def test_wrong_arguments_are_the_users_error(corpus_dir, change):
  arguments = {'view': 'image', 'corpus_dirs': corpus_dir, 'batch_size': 2, **change}
  with pytest.raises(InputError):
    pipeline.make_batches(**arguments)


def test_batches_say_which_part_of_a_picture_shows_the_recording(corpus_dir):
  real, box = real_records.RealSource(), np.float32([0.25, 0.0, 1.0, 0.5])
  real.records = [dataclasses.replace(r, picture_box=np.tile(box, (25, 1))) for r in real.records]
  whole = np.float32([0, 0, 1, 1])
  for view in ('portrait_speech', 'image', 'motion_pair'):
    (cut,) = view_batches.take(1, view, record_sources=[real], batch_size=4)
    np.testing.assert_array_equal(cut['picture_box'], np.tile(box, (4, 1)))
    (rendered,) = view_batches.take(1, view, corpus_dir, batch_size=4)
    np.testing.assert_array_equal(rendered['picture_box'], np.tile(whole, (4, 1)))


def test_records_of_short_clips_are_left_out_from_the_start():
  real = real_records.RealSource((3, 2, 1, 4), size=constants.CLIP_SIZE)
  speakers = {name: transforms.speaker_number(f'speaker {name}') for name in range(4)}
  options = dict(record_sources=[real, real], batch_size=7, augment=False, num_frames=51)
  with pipeline.make_batches('clip', weights=(1.0, 1.0), **options) as batches:
    assert batches.note == '6 of 20 records are left out: their clips are shorter than 2.04 s'
  elements = pipeline.Elements('clip', sources.ConcatenatedSource([real]), seed=0, num_frames=51)
  epoch = [elements.record_index(i) for i in range(7)]
  assert sorted(epoch) == [0, 1, 2, 6, 7, 8, 9] and epoch != sorted(epoch)
  assert {transforms.speaker_number(real[i].speaker) for i in epoch} == {speakers[0], speakers[3]}
  mixed = pipeline.Elements(
    'clip', sources.ConcatenatedSource([real, real]), seed=0, num_frames=51, weights=(0.0, 1.0)
  )
  assert sorted(mixed.record_index(i) for i in range(7)) == [10, 11, 12, 16, 17, 18, 19]
  with pipeline.make_batches('clip', **{**options, 'num_frames': 25}) as batches:
    assert batches.note == ''


@pytest.mark.parametrize(
  ('view', 'options', 'message'),
  [
    (
      'clip',
      {'num_frames': 100},
      'no clip has the 100 frames that view clip needs, the longest .* has 25: .*--frames 100',
    ),
    ('clip', {'conditions': ('portrait',)}, 'no clip has the 50 frames'),
    ('speech_motion', {'num_frames': 201}, 'no clip has the 201 frames .* has 200'),
    ('sync', {'num_frames': 10}, 'num_frames=10: view sync has one length'),
    ('clip', {'num_frames': 1}, 'use at least 2'),
    (
      'speech_motion',
      {'conditions': ('portrait',)},
      "condition 'portrait' is unknown: view speech_motion has style",
    ),
    ('image', {'conditions': ('style',)}, 'view image has none'),
  ],
)
def test_windows_that_no_clip_holds_are_refused_when_the_corpus_is_opened(corpus_dir, view, options, message):
  with pytest.raises(InputError, match=message):
    pipeline.make_batches(view, corpus_dir, batch_size=2, **options)


def test_camera_effects_change_the_conditions_too():
  real = real_records.RealSource((4,), size=constants.CLIP_SIZE)
  options = dict(record_sources=[real], batch_size=2, num_frames=5, conditions=('portrait', 'style'))
  plain, changed = (view_batches.take(3, 'clip', camera_effects=effects, **options) for effects in (0.0, 1.0))
  for name in ('frames', 'portrait', 'style_frames'):
    assert any(np.any(a[name] != b[name]) for a, b in zip(plain, changed, strict=True)), name


def test_real_and_embedded_records_mix_in_one_batch(corpus_dir):
  faces = source.WorldSource('faces', 'train', 14, size=SIZE, world=sketch.SketchWorld)
  for view in ('motion_pair', 'portrait_speech'):
    arguments = {'record_sources': [faces, real_records.RealSource()], 'weights': (1.0, 3.0), 'batch_size': 8}
    batches = view_batches.take(16, view, **arguments)
    has_truth = np.concatenate([batch['has_truth'] for batch in batches])
    assert 0.15 < has_truth.mean() < 0.35
    weight = np.concatenate([batch['motion_weight'] for batch in batches])
    np.testing.assert_array_equal(weight[has_truth == 1], 1.0)
    assert weight[has_truth == 0].max() == np.float32(0.3)
    view_batches.assert_same(batches[5:], view_batches.take(11, view, start_index=5, **arguments))
    halves = [view_batches.take(16, view, process_index=i, process_count=2, **arguments) for i in (0, 1)]
    view_batches.assert_same(
      batches, [{k: np.concatenate([a[k], b[k]]) for k in a} for a, b in zip(*halves, strict=True)]
    )


def test_stages_that_need_truth_pass_over_real_records(tmp_path):
  real = real_records.RealSource()
  sources.add_part(tmp_path, 'real', 'train', {})
  shard = tmp_path / sources.shard_name('real', 'train', 0, 1)
  sources.write_shard(shard, [schema.encode(record) for record in real.records])
  assert not view_batches.take(1, 'motion_pair', tmp_path, batch_size=2)[0]['has_truth'].any()
  with pytest.raises(InputError, match='no faces records'):
    pipeline.make_batches('motion_pair', tmp_path, batch_size=2, needs_truth=True)


def test_closed_batches_end(corpus_dir):
  batches = pipeline.make_batches('image', corpus_dir, batch_size=2)
  next(batches)
  batches.close()
  batches.close()
  with pytest.raises(StopIteration):
    next(batches)


@pytest.mark.parametrize('view', list(views.VIEWS))
def test_camera_effects_change_only_what_encoders_read(corpus_dir, view):
  options = dict(batch_size=4, image_size=SIZE)
  clean = view_batches.take(2, view, corpus_dir, **options)
  changed = view_batches.take(2, view, corpus_dir, camera_effects=1.0, **options)
  view_batches.assert_same(
    changed, view_batches.take(2, view, corpus_dir, camera_effects=1.0, num_threads=0, **options)
  )
  inputs = views.VIEWS[view].encoder_inputs
  assert set(inputs) <= set(views.VIEWS[view].entries)
  for a, b in zip(clean, changed, strict=True):
    for name in a:
      assert (a[name].shape, a[name].dtype) == (b[name].shape, b[name].dtype)
      assert name in inputs or np.array_equal(a[name], b[name])
  for name in inputs:
    assert any(np.any(a[name] != b[name]) for a, b in zip(clean, changed, strict=True))


@pytest.mark.parametrize('view', list(views.VIEWS))
def test_flips_mirror_elements_and_change_nothing_else(corpus_dir, view):
  options = dict(batch_size=4, image_size=SIZE)
  clean = view_batches.take(2, view, corpus_dir, **options)
  for batch, seen in zip(clean, view_batches.take(2, view, corpus_dir, flips=1.0, **options), strict=True):
    view_batches.assert_same([seen], [picture_augment.mirrored(batch)])
  some = view_batches.take(8, view, corpus_dir, flips=0.5, **options)
  view_batches.assert_same(some, view_batches.take(8, view, corpus_dir, flips=0.5, num_threads=0, **options))
  plain = view_batches.take(8, view, corpus_dir, **options)
  turned = [picture_augment.mirrored(batch) for batch in plain]

  def same_rows(name, others):
    return [
      np.array_equal(a, b)
      for batch, other in zip(plain, others, strict=True)
      for a, b in zip(batch[name], other[name], strict=True)
    ]

  # Sketched portraits are symmetric: rows are counted by an entry that the mirror changes in all of them.
  name = next(name for name in plain[0] if not any(same_rows(name, turned)))
  assert 6 < sum(same_rows(name, some)) < 26


def test_flips_mirror_the_conditions_too():
  real = real_records.RealSource((4,), size=constants.CLIP_SIZE)
  options = dict(record_sources=[real], batch_size=2, num_frames=5, conditions=('portrait', 'style'))
  (clean,), (seen,) = (view_batches.take(1, 'clip', flips=flips, **options) for flips in (0.0, 1.0))
  view_batches.assert_same([seen], [picture_augment.mirrored(clean)])
  np.testing.assert_array_equal(seen['portrait'], clean['portrait'][:, :, ::-1])
  np.testing.assert_array_equal(seen['style_frames'], clean['style_frames'][:, :, :, ::-1])


@pytest.mark.parametrize('view', list(views.VIEWS))
def test_color_jitter_changes_pictures_alone(corpus_dir, view):
  options = dict(batch_size=4, image_size=SIZE)
  clean = view_batches.take(2, view, corpus_dir, **options)
  changed = view_batches.take(2, view, corpus_dir, color_jitter=1.0, **options)
  view_batches.assert_same(
    changed, view_batches.take(2, view, corpus_dir, color_jitter=1.0, num_threads=0, **options)
  )
  names = [
    {name for name in a if not np.array_equal(a[name], b[name])} for a, b in zip(clean, changed, strict=True)
  ]
  # A batch may have no sample with the frames of a clip.
  assert set().union(*names) == set(picture_augment.pictures_of(clean[0]))
  assert all(batch - {'clip_frames'} == names[0] - {'clip_frames'} for batch in names)


@pytest.mark.parametrize('option', ['camera_effects', 'flips', 'color_jitter'])
def test_changes_of_pictures_are_for_training_only_and_have_a_range(corpus_dir, option):
  options = {'record_sources': [sources.open_corpora(corpus_dir, ['faces'], 'train')], 'batch_size': 2}
  held_out = view_batches.take(2, 'motion_pair', split='validation', **{option: 1.0}, **options)
  view_batches.assert_same(held_out, view_batches.take(2, 'motion_pair', split='validation', **options))
  with pytest.raises(InputError, match=f'{option} 2: use 0 to 1'):
    view_batches.take(1, 'motion_pair', corpus_dir, batch_size=2, **{option: 2})


@pytest.mark.parametrize('view', list(views.VIEWS))
def test_without_pictures_no_frame_is_decoded_and_the_choices_stay(corpus_dir, view, monkeypatch):
  options = dict(batch_size=2, image_size=SIZE, seed=3, flips=0.5, color_jitter=0.5, camera_effects=0.5)
  whole = view_batches.take(2, view, corpus_dir, **options)
  only = [name for name, entry in views.VIEWS[view].entries.items() if entry.dtype != np.uint8]
  monkeypatch.setattr(schema, 'decode_frame', None)
  seen = view_batches.take(2, view, corpus_dir, only=only, **options)
  view_batches.assert_same(seen, [{name: batch[name] for name in only} for batch in whole])


def test_pictures_of_other_moments_are_decoded_only_where_they_are_needed(monkeypatch):
  real = real_records.RealSource((4,), size=constants.CLIP_SIZE)
  options = dict(
    record_sources=[real], batch_size=2, num_frames=5, conditions=('portrait', 'style'), num_threads=0
  )
  (whole,) = view_batches.take(1, 'clip', **options)
  decoded, decode, this_thread = [], schema.decode_frame, threading.get_ident()

  def count(frame):
    if threading.get_ident() == this_thread:  # not a thread that an earlier test's pipeline is still ending
      decoded.append(frame)
    return decode(frame)

  monkeypatch.setattr(schema, 'decode_frame', count)
  (seen,) = view_batches.take(1, 'clip', only=('frames',), **options)
  view_batches.assert_same([seen], [{'frames': whole['frames']}])
  assert len(decoded) == 2 * 5
  with pytest.raises(InputError, match="has no entry 'face': use some of frames"):
    view_batches.take(1, 'clip', only=('face',), **options)
