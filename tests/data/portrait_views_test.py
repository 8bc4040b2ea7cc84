"""Views of portraits: which frame is the portrait, from which recording, and the speech beside it."""

import dataclasses

import numpy as np
import pytest
import real_records
import view_batches

from seetalk_jax import constants
from seetalk_jax.data import schema
from seetalk_jax.synthetic import sketch, source

pytestmark = pytest.mark.usefixtures('plain_augmentation')
SIZE = view_batches.SIZE


def test_portraits_only_gives_frame_0(corpus_dir):
  faces = source.WorldSource('faces', 'train', 14, size=SIZE, world=sketch.SketchWorld)
  portraits = {schema.decode_frame(faces[i].frames[0]).tobytes() for i in range(14)}
  for batch in view_batches.take(3, 'image', corpus_dir, batch_size=4, portraits_only=True):
    assert all(image.tobytes() in portraits for image in batch['image'])
  mixed = [
    i.tobytes() in portraits
    for b in view_batches.take(5, 'image', corpus_dir, batch_size=6)
    for i in b['image']
  ]
  assert any(mixed) and not all(mixed)


def test_prior_and_portrait_stage_see_the_same_real_portraits():
  records = real_records.RealSource()
  arguments = {'record_sources': [records], 'batch_size': 10, 'shuffle': False, 'augment': False}
  (portraits,) = view_batches.take(1, 'portrait_speech', **arguments)
  (images,) = view_batches.take(1, 'image', portraits_only=True, **arguments)
  np.testing.assert_array_equal(portraits['portrait'], images['image'])


def test_parts_of_real_pictures_come_from_their_landmarks():
  (batch,) = view_batches.take(1, 'image', record_sources=[real_records.RealSource()], batch_size=10)
  assert batch['parts'].shape == (10, SIZE // 4, SIZE // 4)
  assert all({constants.Part.SKIN, constants.Part.MOUTH} <= set(np.unique(parts)) for parts in batch['parts'])


def test_real_portraits_are_frontal_and_speech_runs_on_over_records():
  (batch,) = view_batches.take(
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
    np.concatenate(
      [_shown(batch) for batch in view_batches.take(20, 'portrait_speech', across_clips=across, **options)]
    )
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
  for batch in view_batches.take(20, 'portrait_speech', min_side=224, **options):
    shown.extend(_shown(batch))
    np.testing.assert_allclose(batch['picture_box'][:, 3], 1 - 0.1 * _shown(batch), atol=1e-6)
  assert set(shown) == {0, 2, 3}  # recording 1 is small
  shown = [
    number
    for batch in view_batches.take(20, 'portrait_speech', max_outside=0.25, **options)
    for number in _shown(batch)
  ]
  assert set(shown) == {0, 1, 2}


def test_speakers_of_one_recording_and_synthetic_ones_keep_their_portrait(corpus_dir):
  for records in (
    real_records.RealSource(),
    _of_one_speaker(real_records.RealSource(), lambda record: 'a@0'),
  ):
    options = {'record_sources': [records], 'batch_size': 5, 'augment': False}
    view_batches.assert_same(
      view_batches.take(4, 'portrait_speech', across_clips=True, **options),
      view_batches.take(4, 'portrait_speech', **options),
    )
  view_batches.assert_same(
    view_batches.take(2, 'portrait_speech', corpus_dir, batch_size=4, across_clips=True),
    view_batches.take(2, 'portrait_speech', corpus_dir, batch_size=4),
  )
