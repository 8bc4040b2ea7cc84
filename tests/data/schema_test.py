"""Records: bytes that decode to what was encoded, damage and missing fields as one-line errors."""

import dataclasses

import numpy as np
import pytest
from flax import serialization

from seetalk_jax import blendshapes, constants
from seetalk_jax.data import schema
from seetalk_jax.errors import InputError
from seetalk_jax.synthetic import sketch, source


@pytest.fixture(scope='module')
def record():
  return source.WorldSource('faces', 'train', 2, size=32, world=sketch.SketchWorld)[1]


def _same(a, b):
  if isinstance(a, np.ndarray):
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a, b)
  elif dataclasses.is_dataclass(a):
    for field in dataclasses.fields(a):
      _same(getattr(a, field.name), getattr(b, field.name))
  else:
    assert a == b and type(a) is type(b)


def test_a_record_comes_back_as_it_was(record):
  _same(schema.decode(schema.encode(record)), record)


def test_encoding_is_repeatable(record):
  assert schema.encode(record) == schema.encode(schema.decode(schema.encode(record)))


def test_a_real_record_needs_neither_truth_nor_landmarks():
  record = schema.ClipRecord(
    kind='real',
    speaker='id00017',
    clip='x/y.mp4',
    start_seconds=3.5,
    frames=[schema.encode_frame(np.zeros([16, 16, 3], np.uint8))],
    size=16,
    motion=np.zeros([1, constants.MOTION_DIM], np.float32),
  )
  back = schema.decode(schema.encode(record))
  assert back.truth is None and back.speaker == 'id00017' and back.start_seconds == 3.5
  _same(back.motion, record.motion)
  _same(back.motion_status, np.zeros([constants.MOTION_DIM], np.uint8))  # absent


def test_the_picture_inside_of_a_crop_comes_back_and_is_absent_where_crops_are_whole(record):
  fields = serialization.msgpack_restore(schema.encode(record))
  assert not {'picture_box', 'source_side'} & set(fields)  # the bytes of records that were written before
  assert record.picture_box is None and record.source_side == 0
  boxes = np.tile(np.array([0.2, 0.0, 1.0, 0.9], np.float32), (len(record.frames), 1))
  cut = dataclasses.replace(record, picture_box=boxes, source_side=224)
  back = schema.decode(schema.encode(cut))
  _same(back.picture_box, boxes)
  assert back.source_side == 224
  with pytest.raises(ValueError, match='picture_box'):
    schema.encode(dataclasses.replace(record, picture_box=boxes[:1].repeat(7, axis=0)))


def test_labels_of_acting_come_back_and_are_absent_where_no_world_acts(record):
  assert record.truth.emotions is None and record.truth.weight is None
  fields = serialization.msgpack_restore(schema.encode(record))
  # The bytes of worlds without labels are those of records that were written before there were any.
  assert not {'emotions', 'events', 'style', 'weight'} & set(fields['truth'])
  labels = dict(
    emotions=np.full([4, 8], 0.125, np.float32),
    events=np.ones([4, 5], np.uint8),
    style=np.zeros([3], np.float32),
    weight=np.ones([1], np.float32),
  )
  labelled = dataclasses.replace(record, truth=dataclasses.replace(record.truth, **labels))
  _same(schema.decode(schema.encode(labelled)), labelled)
  wrong = dataclasses.replace(record.truth, emotions=np.zeros([4, 7], np.float32))
  with pytest.raises(ValueError, match='emotions'):
    schema.encode(dataclasses.replace(record, truth=wrong))


@pytest.mark.parametrize('cut', [0, 1, 100, -1])
def test_damaged_bytes_are_the_users_error(record, cut):
  with pytest.raises(InputError, match='damaged'):
    schema.decode(schema.encode(record)[:cut])


def test_another_version_is_named(record):
  fields = serialization.msgpack_restore(schema.encode(record))
  with pytest.raises(InputError, match='version 99'):
    schema.decode(serialization.msgpack_serialize({**fields, 'schema': 99}))


def test_missing_fields_are_the_users_error(record):
  fields = serialization.msgpack_restore(schema.encode(record))
  del fields['kind']
  with pytest.raises(InputError, match='lacks'):
    schema.decode(serialization.msgpack_serialize(fields))


@pytest.mark.parametrize(
  'change',
  [
    {'audio': np.zeros([5], np.float32)},
    {'lip_box': np.zeros([2, 4], np.float32)},
    {'landmarks': np.zeros([3, 4], np.float32)},
    {'motion': np.zeros([3, 20], np.float32)},
    {'motion_status': np.zeros([58], np.int32)},
  ],
)
def test_wrong_arrays_are_refused_at_writing(record, change):
  with pytest.raises(ValueError, match=next(iter(change))):
    schema.encode(dataclasses.replace(record, **change))


def test_frames_survive_jpeg_nearly():
  y, x = np.mgrid[:64, :64].astype(np.float32)
  image = np.stack([4 * x, 4 * y, 255 - 2 * (x + y)], -1).clip(0, 255).astype(np.uint8)
  back = schema.decode_frame(schema.encode_frame(image))
  assert np.abs(back.astype(int) - image.astype(int)).mean() < 2


def test_a_damaged_frame_is_the_users_error():
  data = schema.encode_frame(np.zeros([64, 64, 3], np.uint8))
  for broken in (b'', b'nothing', data[: len(data) // 2]):
    with pytest.raises(InputError, match='frame'):
      schema.decode_frame(broken)


def test_audio_round_trip_is_within_a_quantisation_step():
  waveform = np.random.default_rng(0).uniform(-1, 1, 1000).astype(np.float32)
  assert np.abs(schema.to_waveform(schema.to_int16(waveform)) - waveform).max() < 1 / 32767
  assert schema.to_int16(np.array([-2.0, 2.0])).tolist() == [-32767, 32767]


def _seconds(num, frames=25, lead=0, margin=5):
  """A clip split into records as in preparation; audio sample i has the value i, frame j is the byte j."""
  records, sound = [], np.arange((num * frames + margin) * 640 + lead).astype(np.int16)
  for i in range(num):
    begin = lead + i * frames * 640
    own = min(margin * 640, begin)
    records.append(
      schema.ClipRecord(
        kind='real',
        speaker='someone',
        clip='a@0',
        start_seconds=i * frames / 25,
        frames=[bytes([i * frames + j]) for j in range(frames)],
        size=8,
        audio=sound[begin - own : begin + (frames + margin) * 640],
        audio_lead=own,
        lip_box=np.full([frames, 4], i, np.float32),
        picture_box=np.full([frames, 4], i / 10, np.float32),
      )
    )
  return records, sound


@pytest.mark.parametrize('lead', [0, 640])
def test_records_of_a_clip_join_to_the_sample(lead):
  records, sound = _seconds(3, lead=lead)
  joined = schema.join(schema.join(records[0], records[1]), records[2])
  assert [frame[0] for frame in joined.frames] == list(range(75))
  start = lead - joined.audio_lead
  np.testing.assert_array_equal(joined.audio, sound[start : start + len(joined.audio)])
  assert len(joined.audio) == joined.audio_lead + 80 * 640
  np.testing.assert_array_equal(joined.lip_box[:, 0], np.repeat([0, 1, 2], 25))
  np.testing.assert_array_equal(joined.picture_box[:, 0], np.repeat(np.float32([0, 0.1, 0.2]), 25))
  assert joined.motion is None


def test_only_what_follows_is_joined():
  records, _ = _seconds(3)
  assert schema.follows(records[1], records[0]) and not schema.follows(records[2], records[0])
  assert not schema.follows(dataclasses.replace(records[1], clip='b@0'), records[0])
  assert not schema.follows(dataclasses.replace(records[1], speaker='nobody'), records[0])
  with pytest.raises(ValueError, match='follow'):
    schema.join(records[0], records[2])


def _version_1(record, **changes):
  """Bytes of a record as version 1 wrote them."""
  fields = serialization.msgpack_restore(schema.encode(record))
  for name in ('motion', 'speech_motion', 'motion_status'):
    del fields[name]
  fields |= {'schema': 1, 'pose': None, 'blendshapes': None}
  return serialization.msgpack_serialize({**fields, **changes})


def test_synthetic_records_of_version_1_are_refused(record):
  with pytest.raises(InputError, match='version 0.1.0 is no longer supported: render'):
    schema.decode(_version_1(record))


def test_real_records_of_version_1_are_translated():
  records, _ = _seconds(1)
  scores = np.zeros([25, 52], np.float32)
  scores[:, blendshapes.MEDIAPIPE_ORDER.index('jawOpen')] = 0.25
  scores[:, 0] = 0.9  # _neutral
  pose = np.tile(np.float32([0.1, -0.2, 0.3, 0.4, -0.6]), [25, 1])
  back = schema.decode(_version_1(records[0], pose=pose, blendshapes=scores))
  found = dict(zip(constants.MOTION_FIELDS, back.motion[3], strict=True))
  assert {name: pytest.approx(value) for name, value in found.items() if value} == {
    'jawOpen': 0.25,
    'yaw': 0.1,
    'pitch': -0.2,
    'roll': 0.3,
    'shift_x': 0.2,
    'shift_y': -0.3,
  }
  absent = {
    name for name, status in zip(constants.MOTION_FIELDS, back.motion_status, strict=True) if not status
  }
  assert absent == {'tongueOut', 'shift_z'}
  weights = schema.motion_weights(back)
  assert (
    weights[blendshapes.INDEX['jawOpen']] == np.float32(0.3) and weights[blendshapes.INDEX['tongueOut']] == 0
  )
  bare = schema.decode(_version_1(records[0]))
  assert bare.motion is None and not schema.motion_weights(bare).any()


def test_a_track_that_a_record_lacks_has_no_weight(record):
  assert record.motion is not None and record.speech_motion is not None
  for lacking, other in (('motion', 'speech_motion'), ('speech_motion', 'motion')):
    one = dataclasses.replace(record, **{lacking: None})
    assert not schema.motion_weights(one, lacking).any()
    np.testing.assert_array_equal(schema.motion_weights(one, other), 1)


def test_damaged_records_of_version_1_are_the_users_error():
  records, _ = _seconds(1)
  fields = serialization.msgpack_restore(_version_1(records[0]))
  del fields['pose']
  with pytest.raises(InputError, match='lacks'):
    schema.decode(serialization.msgpack_serialize(fields))
  with pytest.raises(InputError, match='lacks'):
    schema.decode(_version_1(records[0], pose=np.zeros([25, 4], np.float32)))
