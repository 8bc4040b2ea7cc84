"""One recording: records of accepted clips, reasons of rejected ones."""

from __future__ import annotations

import green_faces
import numpy as np
import pytest
import sounds

from seetalk_jax.data import schema
from seetalk_jax.media import face, landmark_indices
from seetalk_jax.prepare import audio_checks, clip_quality, clips, layouts, recording

SETTINGS = recording.Settings(
  size=64, max_seconds=2.0, limits=clip_quality.Thresholds(min_side=64, min_sharpness=0.0)
)


def _outcome(tmp_path, settings=SETTINGS, **how):
  path = green_faces.write(tmp_path / 'clip.mp4', **how)
  item = layouts.LAYOUTS['folder'](path.name)
  return recording.prepare_recording(tmp_path, item, settings, green_faces.read)


def test_a_good_recording_becomes_records_that_join_without_a_gap(tmp_path):
  outcome = _outcome(tmp_path, seconds=3.3, fps=30.0)
  assert outcome.entry['status'] == 'kept'
  records = [schema.decode(data) for data in outcome.records]
  assert sum(len(record.frames) for record in records) == round(3.3 * 25)
  now = 0.0
  for record in records:
    assert record.start_seconds == pytest.approx(now)
    now += len(record.frames) / 25
    lead, samples = record.audio_lead, len(record.frames) * 640
    assert lead == (3200 if record.start_seconds else 0)
    assert len(record.audio) >= lead + samples
    assert record.crop_version == face.PORTRAIT_CROP.version
    assert record.lip_box.shape == (len(record.frames), 4)
    sides = record.lip_box[:, 2:] - record.lip_box[:, :2]
    np.testing.assert_allclose(sides, landmark_indices.LIP_BOX_SIDE, atol=1e-5)
  # The audio margins of a record are the sound of its neighbor.
  first, second = records[:2]
  np.testing.assert_array_equal(
    first.audio[first.audio_lead + len(first.frames) * 640 :][:3200],
    second.audio[second.audio_lead :][:3200],
  )


def test_the_crop_stands_where_the_portrait_crop_says(tmp_path):
  outcome = _outcome(tmp_path)
  record = schema.decode(outcome.records[0])
  eyes = record.landmarks[:, list(face.EYE_CORNERS)].mean(axis=(0, 1))
  np.testing.assert_allclose(eyes, [face.PORTRAIT_CROP.eyes_x, face.PORTRAIT_CROP.eyes_y], atol=0.01)


@pytest.mark.parametrize(
  ('how', 'reason'),
  [
    ({'sound': None}, 'no_sound'),
    ({'sound': 'silence'}, 'silent'),
    ({'sound': 'hum'}, 'no_speech'),
    ({'squares': ()}, 'no_face'),
    ({'seconds': 0.6}, 'too_short'),
    ({'squares': ((150, 100, 20),)}, 'small_face'),
    ({'squares': ((20, 40, 90), (200, 40, 90)), 'late': 1.0}, 'several_faces'),
  ],
)
def test_what_cannot_be_used_is_refused_for_its_reason(tmp_path, how, reason):
  entry = _outcome(tmp_path, **how).entry
  assert (entry['status'], entry['reason']) == ('rejected', reason)
  assert reason in clip_quality.REASONS


def test_sound_without_a_decoder_is_no_sound(tmp_path):
  path = sounds.without_decoder(green_faces.write(tmp_path / 'clip.mp4', seconds=1.0), 1)
  item = layouts.LAYOUTS['folder'](path.name)
  entry = recording.prepare_recording(tmp_path, item, SETTINGS, green_faces.read).entry
  assert (entry['status'], entry['reason']) == ('rejected', 'no_sound')
  assert 'can be decoded' in clip_quality.REASONS['no_sound']


def test_a_blurred_face_is_refused(tmp_path):
  limits = clip_quality.Thresholds(min_side=64, min_sharpness=1e6)
  entry = _outcome(tmp_path, recording.Settings(size=64, limits=limits)).entry
  assert entry['reason'] == 'blurred'


def test_late_sound_is_flagged_and_refused_on_demand(tmp_path):
  entry = _outcome(tmp_path, seconds=6.0, late=0.28).entry
  assert entry['clips'][0]['offset'] == 7
  assert 'late' in entry['clips'][0]['flags'][0]
  assert not _outcome(tmp_path, seconds=6.0).entry['clips'][0]['flags']
  limits = clip_quality.Thresholds(min_side=64, min_sharpness=0.0, max_offset=3)
  entry = _outcome(tmp_path, recording.Settings(size=64, limits=limits), seconds=6.0, late=0.28).entry
  assert entry['reason'] == 'offset'


def _in_step(outcome):
  """Offset of sound and mouth in all records of one recording, one after the other."""
  records = [schema.decode(data) for data in outcome.records]
  opening = np.concatenate([clips.mouth_opening(record.landmarks) for record in records])
  sound = [r.audio[r.audio_lead :][: len(r.frames) * 640] for r in records]
  return audio_checks.find_offset(opening, schema.to_waveform(np.concatenate(sound))).frames


@pytest.mark.parametrize('frames', [7, -6])
def test_sound_that_is_late_throughout_is_moved(tmp_path, frames):
  limits = SETTINGS.limits
  how = {'seconds': 8.0, 'late': frames / 25}
  outcome = _outcome(tmp_path, recording.Settings(size=64, limits=limits), **how)
  (clip,) = outcome.entry['clips']
  assert clip['offset'] == clip['quality']['offset_corrected'] == frames
  assert clip['flags'] == [f'sound {frames:+d} frames late, corrected']
  assert abs(_in_step(outcome)) <= 1
  # Frames whose sound is not in the recording are left out.
  first, last = (0.0, 8.0 - frames / 25) if frames > 0 else (-frames / 25, 8.0)
  assert clip['start'] == pytest.approx(first) and clip['stop'] == pytest.approx(last, abs=0.05)
  assert schema.decode(outcome.records[0]).start_seconds == pytest.approx(first)
  # The margins hold the moved sound too: a record's margin is the sound of its neighbor.
  records = [schema.decode(data) for data in outcome.records[:2]]
  np.testing.assert_array_equal(
    records[0].audio[records[0].audio_lead + len(records[0].frames) * 640 :][:3200],
    records[1].audio[records[1].audio_lead :][:3200],
  )
  kept = _outcome(tmp_path, recording.Settings(size=64, limits=limits, correct_offset=False), **how)
  (clip,) = kept.entry['clips']
  assert clip['offset'] == frames and clip['flags'] == [f'sound {frames:+d} frames late']
  assert abs(_in_step(kept) - frames) <= 1 and clip['start'] == 0.0


@pytest.mark.parametrize(
  ('lags', 'wanted'),
  [
    ([7, None], [7, 7]),  # the second track is too short to be sure
    ([7, 0, None], [7, 0, 0]),  # the tracks do not agree
    ([7, -5, None], [7, -5, 0]),
    ([None, None], [0, 0]),
  ],
)
def test_short_tracks_take_the_correction_of_the_recording(lags, wanted):
  offsets = [
    audio_checks.Offset(0, 0.1, 0.1, 1.0, parts=1)
    if lag is None
    else audio_checks.Offset(frames=lag, correlation=0.6, at_zero=0.1, z=5.0, parts=3, agreeing=3)
    for lag in lags
  ]
  assert recording._corrections(offsets, recording.Settings()) == wanted
  assert not any(recording._corrections(offsets, recording.Settings(correct_offset=False)))
  limits = clip_quality.Thresholds(max_offset=6)
  found = recording._corrections(offsets, recording.Settings(limits=limits))
  assert 7 not in found


def test_crops_that_leave_the_picture_are_masked_flagged_and_refused(tmp_path):
  """The crop of a face at the left edge begins 31 pixels outside, a fifth of its side."""
  outcome = _outcome(tmp_path, squares=((0, 60, 90),))
  assert outcome.entry['status'] == 'kept'
  (clip,) = outcome.entry['clips'][:1]
  left = -clip['box'][0] / clip['box'][2]
  assert 0.15 < left < 0.25 and clip['quality']['outside'] == pytest.approx(left, abs=1e-3)
  assert any('outside of the picture' in flag for flag in clip['flags'])
  record = schema.decode(outcome.records[0])
  wanted = np.tile(np.float32([left, 0, 1, 1]), (len(record.frames), 1))
  np.testing.assert_allclose(record.picture_box, wanted, atol=1e-3)
  assert record.source_side == round(clip['box'][2])
  pixels = schema.decode_frame(record.frames[0]).astype(int)
  repeated = np.abs(np.diff(pixels, axis=1)).max(axis=(0, 2)) < 16  # JPEG noise only
  assert repeated[: int(left * 64) - 1].all() and not repeated[int(left * 64) + 1 :].all()
  limits = clip_quality.Thresholds(min_side=64, min_sharpness=0.0, max_outside=0.1)
  entry = _outcome(tmp_path, recording.Settings(size=64, limits=limits), squares=((0, 60, 90),)).entry
  assert (entry['status'], entry['reason']) == ('rejected', 'outside')
  whole = schema.decode(_outcome(tmp_path).records[0])
  assert whole.picture_box is None


def test_a_head_that_walks_is_cut_into_still_clips(tmp_path):
  settings = recording.Settings(size=64, max_seconds=10.0, limits=SETTINGS.limits)
  entry = _outcome(tmp_path, settings, seconds=4.0, drift=40.0, squares=((10, 60, 90),)).entry
  assert len(entry['clips']) > 1
  lefts = [clip['box'][0] for clip in entry['clips']]
  assert lefts == sorted(lefts)
  assert all(b['start'] == a['stop'] for a, b in zip(entry['clips'], entry['clips'][1:], strict=False))


def test_long_clips_are_cut(tmp_path):
  entry = _outcome(tmp_path, seconds=4.5).entry  # max_seconds is 2
  assert [clip['stop'] - clip['start'] for clip in entry['clips']] == pytest.approx([2.0, 2.0])
  assert entry['refused_clips'] == {'too_short': 1}
