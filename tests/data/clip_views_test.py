"""Views of successive frames: windows in step with their speech, conditions of other moments, crops for sync."""

import dataclasses

import numpy as np
import pytest
import real_records
import view_batches

from seetalk_jax import constants
from seetalk_jax.data import schema, sources, view_entries, views
from seetalk_jax.errors import InputError
from seetalk_jax.synthetic import corpus, sketch, source
from seetalk_jax.synthetic.human import world

pytestmark = pytest.mark.usefixtures('plain_augmentation')


def test_speech_motion_windows_are_in_step(corpus_dir):
  for batch in view_batches.take(3, 'speech_motion', corpus_dir, batch_size=4, augment=False):
    loudness = np.sqrt(np.mean(batch['speech'].reshape(4, 100, 640) ** 2, axis=-1))
    # In the sketched world, loudness follows the jaw.
    jaw = batch['motion'][..., constants.MOTION_FIELDS.index('jawOpen')]
    assert min(np.corrcoef(loudness[i], jaw[i])[0, 1] for i in range(4)) > 0.97


def test_sync_speech_belongs_to_its_frames_and_shifted_speech_does_not(corpus_dir):
  clips = source.WorldSource('clips', 'train', 4, size=constants.CLIP_SIZE, world=sketch.SketchWorld)
  for batch in view_batches.take(5, 'sync', corpus_dir, batch_size=4, augment=False):
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
  for batch in view_batches.take(2, 'sync_face', corpus_dir, batch_size=3, augment=False):
    assert batch['face'].shape == (3, 5, 224, 224, 3) and batch['face'].std() > 5
    assert batch['speech'].shape == batch['speech_shifted'].shape == (3, 3440)
    assert (np.abs(batch['speech']).max(axis=1) > 0).all()


def test_windows_of_motion_run_over_real_records():
  real = real_records.RealSource(seconds=(5, 6))
  jaw = constants.MOTION_FIELDS.index('jawOpen')
  for batch in view_batches.take(10, 'speech_motion', record_sources=[real], batch_size=4, augment=False):
    first = np.round(100 * batch['motion'][:, 0, jaw]).astype(int)
    frames = first[:, None] + np.arange(100)
    np.testing.assert_allclose(100 * batch['motion'][..., jaw], frames, atol=1e-3)
    sound = np.round(batch['speech'].reshape(4, 100, 640) * 1000).astype(int)
    np.testing.assert_array_equal(sound, np.broadcast_to(frames[..., None], sound.shape))
    assert set(batch['motion_weight'][0]) == {0.0, np.float32(0.3)} and not batch['has_truth'].any()
  for record in real.records:
    object.__setattr__(record, 'motion', None)
  with pytest.raises(InputError, match='needs the motion of frames'):
    view_batches.take(1, 'speech_motion', record_sources=[real], batch_size=2)


def test_the_style_of_a_real_window_is_that_of_another_window():
  real = real_records.RealSource(seconds=(2, 6))  # the shorter clip has no other window
  options = dict(record_sources=[real], batch_size=8, augment=False, num_frames=50, conditions=('style',))
  jaw, lengths = constants.MOTION_FIELDS.index('jawOpen'), []
  for batch in view_batches.take(5, 'speech_motion', **options):
    spec = views.batch_spec('speech_motion', 8, num_frames=50, conditions=('style',))
    assert {name: x.shape for name, x in batch.items()} == {name: x.shape for name, x in spec.items()}
    window, style = (np.round(100 * batch[name][..., jaw]).astype(int) for name in ('motion', 'style_motion'))
    assert np.all(np.diff(window, axis=1) == 1)
    for row, length in enumerate(batch['style_length']):
      assert not set(style[row, :length]) & set(window[row]) and not batch['style_motion'][row, length:].any()
      lengths.append(int(length))
  assert set(lengths) <= {0, *range(25, 51)} and 0 in lengths and 50 in lengths


def test_windows_of_real_clips_run_over_records_and_keep_sound_in_step():
  starts = []
  for batch in view_batches.take(
    20, 'sync', record_sources=[real_records.RealSource()], batch_size=10, augment=False
  ):
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
  for batch in view_batches.take(10, 'clip', record_sources=[real], batch_size=4, augment=False):
    first = real_records.frame_number(batch['frames'])
    sound = np.round(batch['speech'].reshape(4, 25, 640) * 1000).astype(int)
    np.testing.assert_array_equal(sound, np.broadcast_to(first[..., None], sound.shape))


@pytest.mark.parametrize('view', ['clip', 'speech_motion'])
def test_windows_have_the_length_that_is_asked_for(corpus_dir, view):
  (batch,) = view_batches.take(
    1, view, corpus_dir, batch_size=2, num_frames=20, conditions=('style',)[: view == 'speech_motion']
  )
  spec = views.batch_spec(view, 2, num_frames=20, conditions=('style',)[: view == 'speech_motion'])
  assert {k: (v.shape, v.dtype) for k, v in batch.items()} == {k: (v.shape, v.dtype) for k, v in spec.items()}
  assert batch['motion'].shape == (2, 20, constants.MOTION_DIM) and batch['speech'].shape == (2, 20 * 640)


def test_long_windows_run_over_as_many_records_as_they_need():
  real = real_records.RealSource((4,), size=constants.CLIP_SIZE)
  (batch,) = view_batches.take(
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
  for batch in view_batches.take(4, 'clip', **arguments):
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
  view_batches.assert_same(
    view_batches.take(4, 'clip', **arguments)[2:], view_batches.take(2, 'clip', start_index=2, **arguments)
  )


def test_the_style_of_a_talk_is_that_of_another_window(corpus_dir):
  plain = view_batches.take(3, 'speech_motion', corpus_dir, batch_size=4)
  styled = view_batches.take(3, 'speech_motion', corpus_dir, batch_size=4, conditions=('style',))
  yaw = constants.MOTION_FIELDS.index('yaw')
  # In the sketched world, yaw follows the time.
  of_frame = np.float32(0.1 * np.sin((np.arange(200) + 0.5) / 25))

  def frame_numbers(track):
    return [int(np.argmin(np.abs(of_frame - value))) for value in track[:, yaw]]

  for batch, same in zip(styled, plain, strict=True):
    assert set(batch['style_length']) <= set(range(25, 101))
    for row, length in enumerate(batch['style_length']):
      window = frame_numbers(batch['motion'][row])
      style = frame_numbers(batch['style_motion'][row, :length])
      assert np.all(np.diff(window) == 1) and np.all(np.diff(style) == 1) and not set(window) & set(style)
      assert not batch['style_motion'][row, length:].any()
    view_batches.assert_same([{name: batch[name] for name in same}], [same])  # the rest is as without it


def test_emotions_of_a_talk_of_the_human_world_are_those_of_its_window(tmp_path):
  corpus.render_corpus(
    tmp_path,
    'talks',
    'train',
    6,
    frames=60,
    shard_size=6,
    processes=0,
    progress=False,
    world=world.HumanWorld,
  )
  labels = {}
  for record in sources.RecordSource(tmp_path, 'talks', 'train'):
    windows = np.lib.stride_tricks.sliding_window_view(record.speech_motion, 50, axis=0)
    labels |= {windows[i, :, 0].tobytes(): record.truth.emotions[i : i + 50] for i in range(len(windows))}
  intensities = []
  for batch in view_batches.take(3, 'speech_motion', tmp_path, batch_size=6, num_frames=50, augment=False):
    spec = views.batch_spec('speech_motion', 6, num_frames=50)
    assert {name: (x.shape, x.dtype) for name, x in batch.items()} == {
      name: (x.shape, x.dtype) for name, x in spec.items()
    }
    for row, motion in enumerate(batch['motion']):
      wanted = labels[motion[0].tobytes()]
      np.testing.assert_allclose(batch['emotion'][row], wanted.mean(axis=0), atol=1e-6)
      assert batch['emotion'][row].sum() == pytest.approx(1, abs=1e-5)
      intensities.append(1 - batch['emotion'][row, constants.EMOTIONS.index('neutral')])
  assert min(intensities) < 0.01 and max(intensities) > 0.1  # talks without and with an emotion


def test_emotions_of_frames_are_those_of_their_speech():
  """The rows of labels begin with the margin of the speech, before the first frame."""
  record = source.WorldSource('clips', 'train', 1, size=constants.CLIP_SIZE, world=sketch.SketchWorld)[0]
  count = len(record.speech_motion)
  emotions = np.zeros((count, len(constants.EMOTIONS)), np.float32)
  emotions[np.arange(count), 1] = np.linspace(0, 1, count)
  emotions[:, 0] = 1 - emotions[:, 1]
  labeled = dataclasses.replace(record, truth=dataclasses.replace(record.truth, emotions=emotions))
  margin = schema.CLIP_MARGIN_FRAMES
  for first, length in ((0, 25), (4, 10)):
    found = view_entries.emotion_of(labeled, labeled.audio_lead + first * 640, length)
    rows = emotions[margin + first : margin + first + length]
    np.testing.assert_allclose(found, rows.mean(axis=0), atol=1e-6)
  assert count == len(record.frames) + 2 * margin


def test_records_without_labels_have_no_emotion(corpus_dir):
  real = real_records.RealSource(size=constants.CLIP_SIZE)
  for view in ('clip', 'speech_motion'):
    for batch in (
      view_batches.take(1, view, corpus_dir, batch_size=2)[0],
      view_batches.take(1, view, record_sources=[real], batch_size=2, num_frames=25)[0],
    ):
      assert batch['emotion'].shape == (2, len(constants.EMOTIONS)) and not batch['emotion'].any()
