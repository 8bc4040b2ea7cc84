"""Batch pipeline: entries of every view, resumption, equal batches for any number of threads and processes."""

import dataclasses

import numpy as np
import pytest
import real_records

from seetalk_jax import constants
from seetalk_jax.data import picture_augment, pipeline, schema, sources, transforms, views
from seetalk_jax.errors import InputError
from seetalk_jax.media import landmark_indices
from seetalk_jax.synthetic import corpus, sketch, source

SIZE = 32


@pytest.fixture(scope='module')
def corpus_dir(tmp_path_factory):
  path = tmp_path_factory.mktemp('corpus')
  for kind, num, size in (('faces', 14, SIZE), ('clips', 4, constants.CLIP_SIZE), ('talks', 6, None)):
    corpus.render_corpus(
      path, kind, 'train', num, size=size, shard_size=4, processes=0, progress=False, world=sketch.SketchWorld
    )
  return path


@pytest.fixture(autouse=True)
def _plain_augmentation(monkeypatch):
  monkeypatch.setattr(
    pipeline, 'augment_speech', lambda waveform, rng: waveform + rng.standard_normal(1).astype(np.float32)
  )


def _take(count, *args, **kwargs):
  with pipeline.make_batches(*args, **kwargs) as batches:
    return [next(batches) for _ in range(count)]


def _assert_same(a, b):
  assert len(a) == len(b)
  for x, y in zip(a, b, strict=True):
    assert x.keys() == y.keys()
    for name in x:
      np.testing.assert_array_equal(x[name], y[name], err_msg=name)


@pytest.mark.parametrize('view', list(views.VIEWS))
def test_batches_are_what_the_table_says(corpus_dir, view):
  (batch,) = _take(1, view, corpus_dir, batch_size=2, image_size=SIZE)
  spec = views.batch_spec(view, 2, image_size=SIZE)
  assert {k: (v.shape, v.dtype) for k, v in batch.items()} == {k: (v.shape, v.dtype) for k, v in spec.items()}


@pytest.mark.parametrize('view', ['motion_pair', 'speech_motion', 'sync'])
def test_same_seed_same_batches_other_seed_others(corpus_dir, view):
  first = _take(3, view, corpus_dir, batch_size=4, seed=1)
  _assert_same(first, _take(3, view, corpus_dir, batch_size=4, seed=1))
  other = _take(3, view, corpus_dir, batch_size=4, seed=2)
  assert any(np.any(first[0][name] != other[0][name]) for name in first[0])


def test_resumed_batches_are_those_that_would_have_come(corpus_dir):
  arguments = dict(batch_size=5, seed=3)  # 5 does not divide 14, so batches cross epochs
  whole = _take(8, 'portrait_speech', corpus_dir, **arguments)
  with pipeline.make_batches('portrait_speech', corpus_dir, **arguments) as batches:
    for _ in range(3):
      next(batches)
    state = batches.get_state()
  assert state == 3
  resumed = _take(5, 'portrait_speech', corpus_dir, start_index=state, **arguments)
  _assert_same(whole[3:], resumed)
  with pipeline.make_batches('portrait_speech', corpus_dir, start_index=3, **arguments) as batches:
    next(batches)
    assert batches.get_state() == 4


@pytest.mark.parametrize('options', [{'num_threads': 0}, {'num_threads': 4}])
def test_threads_do_not_change_batches(corpus_dir, options):
  plain = _take(5, 'motion_pair', corpus_dir, batch_size=4)
  _assert_same(plain, _take(5, 'motion_pair', corpus_dir, batch_size=4, **options))


@pytest.mark.parametrize('num_workers', [1, 4])
def test_worker_processes_do_not_change_batches(corpus_dir, num_workers):
  plain = _take(6, 'motion_pair', corpus_dir, batch_size=4)
  _assert_same(plain, _take(6, 'motion_pair', corpus_dir, batch_size=4, num_workers=num_workers))


@pytest.mark.parametrize('count', [2, 3])
def test_processes_share_each_global_batch(corpus_dir, count):
  whole = _take(4, 'motion_pair', corpus_dir, batch_size=6)
  parts = [
    _take(4, 'motion_pair', corpus_dir, batch_size=6, process_index=i, process_count=count)
    for i in range(count)
  ]
  joined = [
    {name: np.concatenate([part[step][name] for part in parts]) for name in whole[0]} for step in range(4)
  ]
  _assert_same(whole, joined)


def test_one_two_one_processes_see_the_batches_of_one(corpus_dir):
  arguments = {'batch_size': 4, 'weights': (1.0,)}
  whole = _take(9, 'motion_pair', corpus_dir, **arguments)

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

  _assert_same(whole, between(0, 3, 1) + between(3, 5, 2) + between(5, 9, 1))


def test_an_epoch_sees_every_record_once_and_epochs_differ(corpus_dir):
  speakers = np.concatenate([b['speaker'] for b in _take(4, 'portrait_speech', corpus_dir, batch_size=7)])
  first, second = speakers[:14], speakers[14:]
  assert sorted(first) == sorted(second) == sorted(set(first))
  assert list(first) != list(second)
  ordered = _take(1, 'portrait_speech', corpus_dir, batch_size=14, shuffle=False)[0]['speaker']
  assert list(ordered) == sorted(ordered)


def test_the_driver_moves_as_the_target_and_looks_like_the_partner(corpus_dir):
  faces = source.WorldSource('faces', 'train', 14, size=SIZE, world=sketch.SketchWorld)
  records = {int(record.speaker): (i, record) for i, record in enumerate(faces[i] for i in range(14))}
  for batch in _take(4, 'motion_pair', corpus_dir, batch_size=7):
    for row, speaker in enumerate(batch['speaker']):
      index, record = records[int(speaker)]
      partner = faces[index ^ 1]
      frame = [i for i, m in enumerate(record.motion) if np.array_equal(m, batch['target_motion'][row])]
      assert len(frame) == 1 and frame[0] > 0
      np.testing.assert_array_equal(partner.motion[frame[0]], batch['target_motion'][row])
      np.testing.assert_array_equal(schema.decode_frame(partner.frames[frame[0]]), batch['driver'][row])
      np.testing.assert_array_equal(record.lip_box[frame[0]], batch['lip_box'][row])
      assert not np.array_equal(batch['source_motion'][row], batch['target_motion'][row])
      np.testing.assert_array_equal(record.truth.parts[frame[0]], batch['target_parts'][row])


def test_speech_motion_windows_are_in_step(corpus_dir):
  for batch in _take(3, 'speech_motion', corpus_dir, batch_size=4, augment=False):
    loudness = np.sqrt(np.mean(batch['speech'].reshape(4, 100, 640) ** 2, axis=-1))
    jaw = batch['motion'][
      ..., constants.MOTION_FIELDS.index('jawOpen')
    ]  # in the sketched world, loudness follows the jaw
    assert min(np.corrcoef(loudness[i], jaw[i])[0, 1] for i in range(4)) > 0.97


def test_sync_speech_belongs_to_its_frames_and_shifted_speech_does_not(corpus_dir):
  clips = source.WorldSource('clips', 'train', 4, size=constants.CLIP_SIZE, world=sketch.SketchWorld)
  for batch in _take(5, 'sync', corpus_dir, batch_size=4, augment=False):
    for row in range(4):
      audio = schema.to_waveform(clips[int(batch['clip'][row])].audio)
      starts = []
      for name in ('speech', 'speech_shifted'):
        windows = np.lib.stride_tricks.sliding_window_view(audio, 3200)
        errors = np.abs(windows[:, ::400] - batch[name][row, ::400]).max(axis=1)
        starts.append(set(np.flatnonzero(errors == 0)))
      frames = {start for start in starts[0] if (start - 3200) % 640 == 0}
      assert frames and min(abs(a - b) for a in frames for b in starts[1]) >= 3200
      assert batch['mouth'][row].shape == (5, 48, 96, 3)


def test_faces_come_with_speech_for_all_their_cepstra(corpus_dir):
  for batch in _take(2, 'sync_face', corpus_dir, batch_size=3, augment=False):
    assert batch['face'].shape == (3, 5, 224, 224, 3) and batch['face'].std() > 5
    assert batch['speech'].shape == batch['speech_shifted'].shape == (3, 3440)
    assert (np.abs(batch['speech']).max(axis=1) > 0).all()


def test_mouth_crops_hold_the_mouth_and_its_motion():
  boxes = np.array([[0.4, 0.6, 0.6, 0.65], [0.4, 0.6, 0.6, 0.8], [0.42, 0.6, 0.58, 0.8]], np.float32)
  box = transforms.mouth_box(boxes, slice(0, 3))
  assert np.isclose(box[2] - box[0], 0.2) and np.isclose((box[2] - box[0]) / (box[3] - box[1]), 2)
  image = np.zeros([128, 128, 3], np.uint8)
  image[80:90, 59:69] = 255
  crop = transforms.crop_mouth(image, box)
  assert crop.shape == (48, 96, 3)
  assert crop[:, 48].max() == 255 and crop[:, :8].max() == 0
  for outside in ([-0.2, 0.9, 0.2, 1.1], [0.9, -0.1, 1.3, 0.1]):
    assert transforms.crop_mouth(image, np.array(outside)).shape == (48, 96, 3)


def test_augmentation_is_for_training_alone(corpus_dir):
  plain = _take(1, 'speech_motion', corpus_dir, batch_size=4, augment=False)[0]
  changed = _take(1, 'speech_motion', corpus_dir, batch_size=4)[0]
  np.testing.assert_array_equal(plain['motion'], changed['motion'])
  assert np.any(plain['speech'] != changed['speech'])
  assert len(set(np.round(changed['speech'][:, 0] - plain['speech'][:, 0], 6))) == 4  # one per sample


def test_portraits_only_gives_frame_0(corpus_dir):
  faces = source.WorldSource('faces', 'train', 14, size=SIZE, world=sketch.SketchWorld)
  portraits = {schema.decode_frame(faces[i].frames[0]).tobytes() for i in range(14)}
  for batch in _take(3, 'image', corpus_dir, batch_size=4, portraits_only=True):
    assert all(image.tobytes() in portraits for image in batch['image'])
  mixed = [i.tobytes() in portraits for b in _take(5, 'image', corpus_dir, batch_size=6) for i in b['image']]
  assert any(mixed) and not all(mixed)


def test_prior_and_portrait_stage_see_the_same_real_portraits():
  records = real_records.RealSource()
  arguments = {'record_sources': [records], 'batch_size': 10, 'shuffle': False, 'augment': False}
  (portraits,) = _take(1, 'portrait_speech', **arguments)
  (images,) = _take(1, 'image', portraits_only=True, **arguments)
  np.testing.assert_array_equal(portraits['portrait'], images['image'])


def test_smaller_pictures(corpus_dir):
  (batch,) = _take(1, 'motion_pair', corpus_dir, batch_size=2, image_size=SIZE // 2)
  assert batch['source'].shape == (2, 16, 16, 3) and batch['source_canonical'].shape == (2, 4, 4, 3)
  with pytest.raises(InputError, match='image_size'):
    _take(1, 'motion_pair', corpus_dir, batch_size=2, image_size=24)


def test_the_world_itself_can_be_the_source(corpus_dir):
  live = source.WorldSource('faces', 'train', 14, size=SIZE, world=sketch.SketchWorld)
  arguments = dict(batch_size=4, augment=False)
  _assert_same(
    _take(2, 'motion_pair', record_sources=[live], **arguments),
    _take(2, 'motion_pair', corpus_dir, **arguments),
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


def test_real_pairs_are_of_one_clip_and_have_estimated_motion():
  apart = []
  for batch in _take(30, 'motion_pair', record_sources=[real_records.RealSource()], batch_size=10):
    spec = views.batch_spec('motion_pair', 10, image_size=SIZE)
    assert {k: (v.shape, v.dtype) for k, v in batch.items()} == {
      k: (v.shape, v.dtype) for k, v in spec.items()
    }
    assert not batch['has_truth'].any()
    np.testing.assert_array_equal(batch['landmark_weight'], np.float32(0.3))
    for side in ('source', 'target'):
      lips = batch[f'{side}_landmarks'][:, list(landmark_indices.INNER_LIPS), 1]
      np.testing.assert_allclose(
        1000 * (lips[:, 1] - lips[:, 0]), real_records.frame_number(batch[side]), atol=1e-3
      )
      assert {constants.Part.SKIN, constants.Part.MOUTH} <= set(np.unique(batch[f'{side}_parts']))
    jaw = constants.MOTION_FIELDS.index('jawOpen')
    for side in ('source', 'target'):
      np.testing.assert_allclose(
        100 * batch[f'{side}_motion'][:, jaw], real_records.frame_number(batch[side]), atol=1e-3
      )
    np.testing.assert_array_equal(
      batch['motion_weight'], np.tile(np.where(real_records.STATUS, np.float32(0.3), 0), [10, 1])
    )
    np.testing.assert_array_equal(batch['driver'], batch['target'])
    source, target = real_records.frame_number(batch['source']), real_records.frame_number(batch['target'])
    lengths = {transforms.speaker_number(f'speaker {i}'): 25 * n for i, n in enumerate((3, 2, 1, 4))}
    limits = np.array([lengths[int(speaker)] for speaker in batch['speaker']])
    assert np.all(source < limits) and np.all(target < limits)
    apart.append(np.abs(source - target))
  apart = np.concatenate(apart)
  assert apart.max() > 50 and np.mean(apart > 25) > 0.2  # across record boundaries


def test_batches_say_which_part_of_a_picture_shows_the_recording(corpus_dir):
  real, box = real_records.RealSource(), np.float32([0.25, 0.0, 1.0, 0.5])
  real.records = [dataclasses.replace(r, picture_box=np.tile(box, (25, 1))) for r in real.records]
  whole = np.float32([0, 0, 1, 1])
  for view in ('portrait_speech', 'image', 'motion_pair'):
    (cut,) = _take(1, view, record_sources=[real], batch_size=4)
    np.testing.assert_array_equal(cut['picture_box'], np.tile(box, (4, 1)))
    (rendered,) = _take(1, view, corpus_dir, batch_size=4)
    np.testing.assert_array_equal(rendered['picture_box'], np.tile(whole, (4, 1)))


def test_parts_of_real_pictures_come_from_their_landmarks():
  (batch,) = _take(1, 'image', record_sources=[real_records.RealSource()], batch_size=10)
  assert batch['parts'].shape == (10, SIZE // 4, SIZE // 4)
  assert all({constants.Part.SKIN, constants.Part.MOUTH} <= set(np.unique(parts)) for parts in batch['parts'])


def test_windows_of_motion_run_over_real_records():
  real = real_records.RealSource(seconds=(5, 6))
  jaw = constants.MOTION_FIELDS.index('jawOpen')
  for batch in _take(10, 'speech_motion', record_sources=[real], batch_size=4, augment=False):
    first = np.round(100 * batch['motion'][:, 0, jaw]).astype(int)
    frames = first[:, None] + np.arange(100)
    np.testing.assert_allclose(100 * batch['motion'][..., jaw], frames, atol=1e-3)
    sound = np.round(batch['speech'].reshape(4, 100, 640) * 1000).astype(int)
    np.testing.assert_array_equal(sound, np.broadcast_to(frames[..., None], sound.shape))
    assert set(batch['motion_weight'][0]) == {0.0, np.float32(0.3)} and not batch['has_truth'].any()
  for record in real.records:
    object.__setattr__(record, 'motion', None)
  with pytest.raises(InputError, match='needs the motion of frames'):
    _take(1, 'speech_motion', record_sources=[real], batch_size=2)


def test_the_style_of_a_real_window_is_that_of_another_window():
  real = real_records.RealSource(seconds=(2, 6))  # the shorter clip has no other window
  options = dict(record_sources=[real], batch_size=8, augment=False, num_frames=50, conditions=('style',))
  jaw, lengths = constants.MOTION_FIELDS.index('jawOpen'), []
  for batch in _take(5, 'speech_motion', **options):
    spec = views.batch_spec('speech_motion', 8, num_frames=50, conditions=('style',))
    assert {name: x.shape for name, x in batch.items()} == {name: x.shape for name, x in spec.items()}
    window, style = (np.round(100 * batch[name][..., jaw]).astype(int) for name in ('motion', 'style_motion'))
    assert np.all(np.diff(window, axis=1) == 1)
    for row, length in enumerate(batch['style_length']):
      assert not set(style[row, :length]) & set(window[row]) and not batch['style_motion'][row, length:].any()
      lengths.append(int(length))
  assert set(lengths) <= {0, *range(25, 51)} and 0 in lengths and 50 in lengths


def test_talking_pairs_are_pairs_and_frames_with_the_speech_of_those_frames():
  options = dict(record_sources=[real_records.RealSource()], batch_size=10)
  batches = _take(6, 'talking_pair', **options)
  for batch, pair in zip(batches, _take(6, 'motion_pair', **options), strict=True):
    _assert_same([{name: batch[name] for name in pair}], [pair])
    frames = real_records.frame_number(batch['clip_frames'])
    assert frames.shape == (10, 5) and np.all(np.diff(frames, axis=1) == 1)
    sound = np.round(batch['clip_speech'][:, : 5 * 640].reshape(10, 5, 640) * 1000).astype(int)
    np.testing.assert_array_equal(sound, np.broadcast_to(frames[..., None], sound.shape))
    np.testing.assert_allclose(batch['clip_mouth'], 0.5, atol=1e-6)
    assert batch['has_clip'].all()


def test_talking_pairs_of_synthetic_clips_have_speech_and_of_single_pictures_have_none(corpus_dir):
  seen = set()
  for batch in _take(6, 'talking_pair', corpus_dir, batch_size=6, image_size=SIZE):
    for i, has_clip in enumerate(batch['has_clip']):
      # Only single pictures come with canonical maps.
      assert batch['has_truth'][i] == 1 - has_clip and batch['clip_frames'][i].any() == bool(has_clip)
      assert batch['clip_speech'][i].any() == bool(has_clip)
      seen.add(float(has_clip))
  assert seen == {0.0, 1.0}
  with pytest.raises(InputError, match='does not divide the 32 pixels of the corpus'):
    _take(20, 'talking_pair', corpus_dir, batch_size=6, image_size=64)


def test_windows_of_real_clips_run_over_records_and_keep_sound_in_step():
  starts = []
  for batch in _take(20, 'sync', record_sources=[real_records.RealSource()], batch_size=10, augment=False):
    first = real_records.frame_number(batch['mouth'])
    assert np.all(np.diff(first, axis=1) == 1)
    sound = np.round(batch['speech'].reshape(10, 5, 640) * 1000).astype(int)
    np.testing.assert_array_equal(sound, np.broadcast_to(first[..., None], sound.shape))
    away = np.round(batch['speech_shifted'][:, 0] * 1000).astype(int)
    assert np.all(np.abs(away - first[:, 0]) >= 4)
    starts.append(first[:, 0])
  starts = np.concatenate(starts)
  assert np.any(starts % 25 > 20)  # such a window ends in the next record
  real = real_records.RealSource(size=constants.CLIP_SIZE, short_end=True)
  for batch in _take(10, 'clip', record_sources=[real], batch_size=4, augment=False):
    first = real_records.frame_number(batch['frames'])
    sound = np.round(batch['speech'].reshape(4, 25, 640) * 1000).astype(int)
    np.testing.assert_array_equal(sound, np.broadcast_to(first[..., None], sound.shape))


@pytest.mark.parametrize('view', ['clip', 'speech_motion'])
def test_windows_have_the_length_that_is_asked_for(corpus_dir, view):
  (batch,) = _take(
    1, view, corpus_dir, batch_size=2, num_frames=20, conditions=('style',)[: view == 'speech_motion']
  )
  spec = views.batch_spec(view, 2, num_frames=20, conditions=('style',)[: view == 'speech_motion'])
  assert {k: (v.shape, v.dtype) for k, v in batch.items()} == {k: (v.shape, v.dtype) for k, v in spec.items()}
  assert batch['motion'].shape == (2, 20, constants.MOTION_DIM) and batch['speech'].shape == (2, 20 * 640)


def test_long_windows_run_over_as_many_records_as_they_need():
  real = real_records.RealSource((4,), size=constants.CLIP_SIZE)
  (batch,) = _take(
    1, 'clip', record_sources=[real], batch_size=4, shuffle=False, augment=False, num_frames=90
  )
  first = real_records.frame_number(batch['frames'])
  assert first.shape == (4, 90) and np.all(np.diff(first, axis=1) == 1) and first[:, 0].max() <= 10
  sound = np.round(batch['speech'].reshape(4, 90, 640) * 1000).astype(int)
  np.testing.assert_array_equal(sound, np.broadcast_to(first[..., None], sound.shape))


def test_conditions_are_of_other_moments_of_the_clip():
  real = real_records.RealSource((3, 2, 5, 4), size=constants.CLIP_SIZE)
  asked = {'num_frames': 50, 'conditions': ('portrait', 'style')}
  arguments = dict(record_sources=[real], batch_size=6, augment=False, **asked)
  for batch in _take(4, 'clip', **arguments):
    spec = views.batch_spec('clip', 6, **asked)
    assert {k: (v.shape, v.dtype) for k, v in batch.items()} == {
      k: (v.shape, v.dtype) for k, v in spec.items()
    }
    window, portrait = (real_records.frame_number(batch[name]) for name in ('frames', 'portrait'))
    assert np.all(np.diff(window, axis=1) == 1)
    assert np.abs(window - portrait[:, None]).min() >= 25
    style = real_records.frame_number(batch['style_frames'])
    for row, length in enumerate(batch['style_length']):
      assert not set(style[row, :length]) & set(window[row]) and not style[row, length:].any()
    assert batch['style_length'].max() > 24
    sound = np.round(batch['speech'].reshape(6, 50, 640) * 1000).astype(int)
    np.testing.assert_array_equal(sound, np.broadcast_to(window[..., None], sound.shape))
  _assert_same(_take(4, 'clip', **arguments)[2:], _take(2, 'clip', start_index=2, **arguments))


def test_the_style_of_a_talk_is_that_of_another_window(corpus_dir):
  plain = _take(3, 'speech_motion', corpus_dir, batch_size=4)
  styled = _take(3, 'speech_motion', corpus_dir, batch_size=4, conditions=('style',))
  yaw = constants.MOTION_FIELDS.index('yaw')
  of_frame = np.float32(
    0.1 * np.sin((np.arange(200) + 0.5) / 25)
  )  # in the sketched world, yaw follows the time

  def frame_numbers(track):
    return [int(np.argmin(np.abs(of_frame - value))) for value in track[:, yaw]]

  for batch, same in zip(styled, plain, strict=True):
    assert set(batch['style_length']) <= set(range(25, 101))
    for row, length in enumerate(batch['style_length']):
      window = frame_numbers(batch['motion'][row])
      style = frame_numbers(batch['style_motion'][row, :length])
      assert np.all(np.diff(window) == 1) and np.all(np.diff(style) == 1) and not set(window) & set(style)
      assert not batch['style_motion'][row, length:].any()
    _assert_same([{name: batch[name] for name in same}], [same])  # the rest is as without it


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
  plain, changed = (_take(3, 'clip', camera_effects=effects, **options) for effects in (0.0, 1.0))
  for name in ('frames', 'portrait', 'style_frames'):
    assert any(np.any(a[name] != b[name]) for a, b in zip(plain, changed, strict=True)), name


def test_real_portraits_are_frontal_and_speech_runs_on_over_records():
  (batch,) = _take(
    1,
    'portrait_speech',
    record_sources=[real_records.RealSource()],
    batch_size=10,
    shuffle=False,
    augment=False,
  )
  # One portrait for every second of a clip: frame 12, the most frontal one of the second with the least open mouth.
  np.testing.assert_array_equal(real_records.frame_number(batch['portrait']), 12)
  assert not batch['has_truth'].any()
  seconds = np.array([3, 2, 1, 2, 1, 1, 3, 3, 2, 1])  # left in the clip, 3 at most
  np.testing.assert_array_equal(batch['num_samples'], 16_000 * seconds)
  np.testing.assert_array_equal(
    np.round(batch['speech'][1, :32_000].reshape(50, 640) * 1000),
    np.repeat(np.arange(25, 75), 640).reshape(50, 640),
  )
  assert not batch['speech'][1, 32_000:].any()
  jaw = batch['speech_motion'][1, :, constants.MOTION_FIELDS.index('jawOpen')]
  np.testing.assert_allclose(100 * jaw[:50], np.arange(25, 75), atol=1e-3)
  assert not jaw[50:].any()
  assert set(batch['motion_weight'][0]) == {0.0, np.float32(0.3)}


def test_real_and_embedded_records_mix_in_one_batch(corpus_dir):
  faces = source.WorldSource('faces', 'train', 14, size=SIZE, world=sketch.SketchWorld)
  for view in ('motion_pair', 'portrait_speech'):
    arguments = {'record_sources': [faces, real_records.RealSource()], 'weights': (1.0, 3.0), 'batch_size': 8}
    batches = _take(16, view, **arguments)
    has_truth = np.concatenate([batch['has_truth'] for batch in batches])
    assert 0.15 < has_truth.mean() < 0.35
    weight = np.concatenate([batch['motion_weight'] for batch in batches])
    np.testing.assert_array_equal(weight[has_truth == 1], 1.0)
    assert weight[has_truth == 0].max() == np.float32(0.3)
    _assert_same(batches[5:], _take(11, view, start_index=5, **arguments))
    halves = [_take(16, view, process_index=i, process_count=2, **arguments) for i in (0, 1)]
    _assert_same(
      batches, [{k: np.concatenate([a[k], b[k]]) for k in a} for a, b in zip(*halves, strict=True)]
    )


def test_stages_that_need_truth_pass_over_real_records(tmp_path):
  real = real_records.RealSource()
  sources.add_part(tmp_path, 'real', 'train', {})
  shard = tmp_path / sources.shard_name('real', 'train', 0, 1)
  sources.write_shard(shard, [schema.encode(record) for record in real.records])
  assert not _take(1, 'motion_pair', tmp_path, batch_size=2)[0]['has_truth'].any()
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
  clean = _take(2, view, corpus_dir, **options)
  changed = _take(2, view, corpus_dir, camera_effects=1.0, **options)
  _assert_same(changed, _take(2, view, corpus_dir, camera_effects=1.0, num_threads=0, **options))
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
  clean = _take(2, view, corpus_dir, **options)
  for batch, seen in zip(clean, _take(2, view, corpus_dir, flips=1.0, **options), strict=True):
    _assert_same([seen], [picture_augment.mirrored(batch)])
  some = _take(8, view, corpus_dir, flips=0.5, **options)
  _assert_same(some, _take(8, view, corpus_dir, flips=0.5, num_threads=0, **options))
  plain = _take(8, view, corpus_dir, **options)
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
  (clean,), (seen,) = (_take(1, 'clip', flips=flips, **options) for flips in (0.0, 1.0))
  _assert_same([seen], [picture_augment.mirrored(clean)])
  np.testing.assert_array_equal(seen['portrait'], clean['portrait'][:, :, ::-1])
  np.testing.assert_array_equal(seen['style_frames'], clean['style_frames'][:, :, :, ::-1])


@pytest.mark.parametrize('view', list(views.VIEWS))
def test_color_jitter_changes_pictures_alone(corpus_dir, view):
  options = dict(batch_size=4, image_size=SIZE)
  clean = _take(2, view, corpus_dir, **options)
  changed = _take(2, view, corpus_dir, color_jitter=1.0, **options)
  _assert_same(changed, _take(2, view, corpus_dir, color_jitter=1.0, num_threads=0, **options))
  names = [
    {name for name in a if not np.array_equal(a[name], b[name])} for a, b in zip(clean, changed, strict=True)
  ]
  # A batch may have no sample with the frames of a clip.
  assert set().union(*names) == set(picture_augment.pictures_of(clean[0]))
  assert all(batch - {'clip_frames'} == names[0] - {'clip_frames'} for batch in names)


@pytest.mark.parametrize('option', ['camera_effects', 'flips', 'color_jitter'])
def test_changes_of_pictures_are_for_training_only_and_have_a_range(corpus_dir, option):
  options = {'record_sources': [sources.open_corpora(corpus_dir, ['faces'], 'train')], 'batch_size': 2}
  held_out = _take(2, 'motion_pair', split='validation', **{option: 1.0}, **options)
  _assert_same(held_out, _take(2, 'motion_pair', split='validation', **options))
  with pytest.raises(InputError, match=f'{option} 2: use 0 to 1'):
    _take(1, 'motion_pair', corpus_dir, batch_size=2, **{option: 2})


def _of_one_speaker(source, clip_of=lambda record: f'video/{record.speaker[-1]}@0'):
  """The source with one speaker, whose recordings are what was a speaker before."""
  source.records = [
    dataclasses.replace(record, speaker='one', clip=clip_of(record)) for record in source.records
  ]
  return source


def _red_recordings(seconds):
  """Recordings of one speaker; the red of a picture is 60 times the number of its recording, which also cuts it."""
  real = _of_one_speaker(real_records.RealSource(seconds))
  recordings = np.repeat(np.arange(len(seconds)), seconds)
  for index, (record, number) in enumerate(zip(real.records, recordings, strict=True)):
    frames = [schema.decode_frame(frame).copy() for frame in record.frames]
    for frame in frames:
      frame[..., 0] = 60 * number
    frames = [schema.encode_frame(frame) for frame in frames]
    box = np.tile(np.float32([0, 0, 1, 1 - 0.1 * number]), (25, 1))
    real.records[index] = dataclasses.replace(record, frames=frames, picture_box=box)
  return real, recordings


def _shown(batch):
  """Recordings of the portraits of a batch of `_red_recordings`."""
  return np.round(batch['portrait'][..., 0].mean((1, 2)) / 60).astype(int)


def test_portraits_come_from_another_recording_than_the_speech():
  real, recordings = _red_recordings((3, 2, 1, 4))
  options = {'record_sources': [real], 'batch_size': 10, 'augment': False, 'shuffle': False}
  same, across = (
    np.concatenate([_shown(batch) for batch in _take(20, 'portrait_speech', across_clips=across, **options)])
    for across in (False, True)
  )
  speech = np.tile(recordings, 20)
  np.testing.assert_array_equal(same, speech)
  assert not np.any(across == speech)
  for own in range(4):  # all others are chosen
    assert set(across[speech == own]) == set(range(4)) - {own}


def test_portraits_of_other_recordings_pass_the_filter_and_bring_their_picture_box():
  real, _ = _red_recordings((3, 2, 1, 4))
  real.records[:] = [
    dataclasses.replace(record, source_side=96 if index in (3, 4) else 512)
    for index, record in enumerate(real.records)
  ]
  options = {'record_sources': [real], 'batch_size': 10, 'augment': False, 'across_clips': True}
  shown = []
  for batch in _take(20, 'portrait_speech', min_side=224, **options):
    shown.extend(_shown(batch))
    np.testing.assert_allclose(batch['picture_box'][:, 3], 1 - 0.1 * _shown(batch), atol=1e-6)
  assert set(shown) == {0, 2, 3}  # recording 1 is small
  shown = [
    number for batch in _take(20, 'portrait_speech', max_outside=0.25, **options) for number in _shown(batch)
  ]
  assert set(shown) == {0, 1, 2}


def test_speakers_of_one_recording_and_synthetic_ones_keep_their_portrait(corpus_dir):
  for records in (
    real_records.RealSource(),
    _of_one_speaker(real_records.RealSource(), lambda record: 'a@0'),
  ):
    options = {'record_sources': [records], 'batch_size': 5, 'augment': False}
    _assert_same(
      _take(4, 'portrait_speech', across_clips=True, **options), _take(4, 'portrait_speech', **options)
    )
  _assert_same(
    _take(2, 'portrait_speech', corpus_dir, batch_size=4, across_clips=True),
    _take(2, 'portrait_speech', corpus_dir, batch_size=4),
  )
