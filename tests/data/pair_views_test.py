"""Views of two frames: pairs of one person, their drivers, and the frames of a clip beside them."""

import dataclasses

import numpy as np
import pytest
import real_records
import view_batches

from seetalk_jax import constants
from seetalk_jax.data import schema, transforms, views
from seetalk_jax.errors import InputError
from seetalk_jax.media import landmark_indices
from seetalk_jax.synthetic import sketch, source

pytestmark = pytest.mark.usefixtures('plain_augmentation')
SIZE = view_batches.SIZE


def test_the_driver_moves_as_the_target_and_looks_like_the_partner(corpus_dir):
  faces = source.WorldSource('faces', 'train', 14, size=SIZE, world=sketch.SketchWorld)
  records = {int(record.speaker): (i, record) for i, record in enumerate(faces[i] for i in range(14))}
  for batch in view_batches.take(4, 'motion_pair', corpus_dir, batch_size=7):
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


def test_real_pairs_are_of_one_clip_and_have_estimated_motion():
  apart = []
  for batch in view_batches.take(
    30, 'motion_pair', record_sources=[real_records.RealSource()], batch_size=10
  ):
    spec = views.batch_spec('motion_pair', 10, image_size=SIZE)
    assert {k: (v.shape, v.dtype) for k, v in batch.items()} == {
      k: (v.shape, v.dtype) for k, v in spec.items()
    }
    assert not batch['has_truth'].any()
    np.testing.assert_array_equal(batch['landmark_weight'], np.float32(0.3))
    np.testing.assert_array_equal(batch['parts_weight'], np.float32(0.3))
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


def test_talking_pairs_are_pairs_and_frames_with_the_speech_of_those_frames():
  options = dict(record_sources=[real_records.RealSource()], batch_size=10)
  batches = view_batches.take(6, 'talking_pair', **options)
  for batch, pair in zip(batches, view_batches.take(6, 'motion_pair', **options), strict=True):
    view_batches.assert_same([{name: batch[name] for name in pair}], [pair])
    frames = real_records.frame_number(batch['clip_frames'])
    assert frames.shape == (10, 5) and np.all(np.diff(frames, axis=1) == 1)
    sound = np.round(batch['clip_speech'][:, : 5 * 640].reshape(10, 5, 640) * 1000).astype(int)
    np.testing.assert_array_equal(sound, np.broadcast_to(frames[..., None], sound.shape))
    np.testing.assert_allclose(batch['clip_mouth'], 0.5, atol=1e-6)
    assert batch['has_clip'].all()


def test_talking_pairs_of_synthetic_clips_have_speech_and_of_single_pictures_have_none(corpus_dir):
  seen = set()
  for batch in view_batches.take(6, 'talking_pair', corpus_dir, batch_size=6, image_size=SIZE):
    for i, has_clip in enumerate(batch['has_clip']):
      # Only single pictures come with canonical maps.
      assert batch['has_truth'][i] == 1 - has_clip and batch['clip_frames'][i].any() == bool(has_clip)
      assert batch['clip_speech'][i].any() == bool(has_clip)
      seen.add(float(has_clip))
  assert seen == {0.0, 1.0}
  with pytest.raises(InputError, match='does not divide the 32 pixels of the corpus'):
    view_batches.take(20, 'talking_pair', corpus_dir, batch_size=6, image_size=64)


def test_part_labels_are_those_of_the_record_and_else_estimates_that_count_less():
  clip = source.WorldSource('clips', 'train', 1, size=SIZE, world=sketch.SketchWorld)[0]
  labels = np.broadcast_to(np.arange(25, dtype=np.uint8)[:, None, None], clip.truth.parts.shape)
  unlabeled = dataclasses.replace(clip.truth, parts=None)
  for truth, weight in ((dataclasses.replace(clip.truth, parts=labels), 1.0), (unlabeled, 0.3)):
    record = dataclasses.replace(clip, truth=truth)
    options = {'record_sources': [[record, record]], 'batch_size': 2}
    for view in ('talking_pair', 'image'):
      (batch,) = view_batches.take(1, view, **options)
      np.testing.assert_array_equal(batch['parts_weight'], np.float32(weight))
      prefix = 'target_' if view == 'talking_pair' else ''
      for picture, parts in zip(batch[prefix[:-1] or 'image'], batch[f'{prefix}parts'], strict=True):
        frames = [i for i in range(25) if np.array_equal(schema.decode_frame(record.frames[i]), picture)]
        assert frames and (parts.min() == parts.max() and parts.min() in frames) == (weight == 1.0)
