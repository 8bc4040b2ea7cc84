"""Motion files: CSV in the layout of Live Link Face and JSON, written and read."""

import csv
import json

import numpy as np
import pytest

from seetalk_jax import constants
from seetalk_jax.blendshapes import INDEX
from seetalk_jax.constants import MOTION_FIELDS
from seetalk_jax.errors import InputError
from seetalk_jax.media import motion_files


def motion_of(n=60):
  rng = np.random.default_rng(0)
  motion = rng.uniform(-0.4, 0.4, (n, 58)).astype(np.float32)
  motion[:, constants.COEFFICIENTS] = rng.uniform(0, 1, (n, 52))
  return motion


def table_of(motion):
  return list(csv.DictReader(motion_files.to_csv(motion).splitlines()))


def test_csv_comes_back_but_for_shifts(tmp_path):
  motion, path = motion_of(), tmp_path / 'a.csv'
  path.write_text(motion_files.to_csv(motion))
  assert motion_files.is_motion_file(path)
  back = motion_files.read(path)
  assert back.shape == motion.shape and back.dtype == np.float32
  np.testing.assert_allclose(back[:, :55], motion[:, :55], atol=1e-6)
  assert not back[:, 55:].any()


def test_json_comes_back_whole(tmp_path):
  motion, path = motion_of(), tmp_path / 'a.json'
  status = np.full(58, constants.MotionStatus.ESTIMATED, np.uint8)
  status[INDEX['tongueOut']] = constants.MotionStatus.ABSENT
  path.write_text(motion_files.to_json(motion, status, np.arange(60) > 0))
  assert motion_files.is_motion_file(path)
  np.testing.assert_allclose(motion_files.read(path), motion, atol=1e-6)
  content = json.loads(path.read_text())
  assert content['fps'] == 25 and content['fields'] == list(MOTION_FIELDS)
  assert content['status'][:2] == ['estimated', 'estimated'] and content['status'][51] == 'absent'
  assert content['detected'] == [False] + [True] * 59


def test_files_are_written_by_their_names(tmp_path):
  motion, status = motion_of(), np.full(58, constants.MotionStatus.SAMPLED, np.uint8)
  for name in ('a.csv', 'a.JSON'):
    motion_files.write(tmp_path / name, motion, status)
    np.testing.assert_allclose(motion_files.read(tmp_path / name)[:, :55], motion[:, :55], atol=1e-6)
  content = json.loads((tmp_path / 'a.JSON').read_text())
  assert (
    set(content['status']) == {'sampled'} and 'detected' not in content
  )  # no video was searched for a face
  with pytest.raises(InputError, match='neither a .csv nor a .json name'):
    motion_files.write(tmp_path / 'a.txt', motion, status)
  assert not (tmp_path / 'a.txt').exists()


def test_columns_are_those_of_live_link_face():
  header = motion_files.to_csv(motion_of(1)).splitlines()[0].split(',')
  assert len(header) == 63
  assert header[:4] == ['Timecode', 'BlendShapeCount', 'EyeBlinkLeft', 'EyeLookDownLeft']
  assert header[16:19] == ['JawForward', 'JawRight', 'JawLeft'] and header[53] == 'TongueOut'
  assert header[54:] == [
    f'{part}{angle}' for part in ('Head', 'LeftEye', 'RightEye') for angle in ('Yaw', 'Pitch', 'Roll')
  ]


def test_rows_have_a_timecode_and_rotations_in_radians():
  motion = np.zeros((30 + 25 * 3600, 58), np.float32)
  motion[0, MOTION_FIELDS.index('yaw')] = 0.25
  for name in ('eyeLookOutLeft', 'eyeLookInRight', 'eyeLookUpLeft', 'eyeLookDownRight'):
    motion[0, INDEX[name]] = 1.0
  rows = table_of(motion[:28])
  assert [rows[i]['Timecode'] for i in (0, 24, 25)] == [
    '00:00:00:00.000',
    '00:00:00:24.000',
    '00:00:01:00.000',
  ]
  assert rows[0]['BlendShapeCount'] == '61'
  found = {name: float(value) for name, value in rows[0].items() if name.endswith(('Yaw', 'Pitch', 'Roll'))}
  wanted = {'HeadYaw': 0.25, 'LeftEyeYaw': np.radians(15), 'RightEyeYaw': np.radians(15)}
  wanted |= {'LeftEyePitch': np.radians(10), 'RightEyePitch': -np.radians(11)}
  assert found == {name: pytest.approx(wanted.get(name, 0.0), abs=1e-6) for name in found}
  assert motion_files.to_csv(motion).splitlines()[-1].startswith('01:00:01:04.000,')


def test_a_recording_of_the_app_is_read(tmp_path):
  # The app writes a byte order mark, and columns of later versions may follow.
  path = tmp_path / 'take.CSV'
  lines = motion_files.to_csv(motion_of(3)).splitlines()
  text = '\r\n'.join([lines[0] + ',Extra', *(line + ',7' for line in lines[1:]), ''])
  path.write_text('\ufeff' + text, 'utf-8')
  assert motion_files.is_motion_file(path)
  np.testing.assert_allclose(motion_files.read(path)[:, :55], motion_of(3)[:, :55], atol=1e-6)


def take(path, timecodes, jaw):
  """Writes a CSV file with these timecodes and values of jawOpen."""
  motion = np.zeros((len(jaw), 58), np.float32)
  motion[:, INDEX['jawOpen']] = jaw
  header, *rows = motion_files.to_csv(motion).splitlines()
  rows = [','.join([code, *row.split(',')[1:]]) for code, row in zip(timecodes, rows, strict=True)]
  path.write_text('\n'.join([header, *rows]))
  return motion_files.read(path)[:, INDEX['jawOpen']]


@pytest.mark.parametrize('rate', [25, 30, 60])
def test_takes_of_other_frame_rates_are_resampled(tmp_path, rate):
  frames = np.arange(2 * rate + 1)
  # The take begins two frames before midnight.
  at = (frames - 2) % (24 * 3600 * rate)
  codes = [
    f'{t // rate // 3600:02d}:{t // rate // 60 % 60:02d}:{t // rate % 60:02d}:{t % rate:02d}.000' for t in at
  ]
  jaw = take(tmp_path / 'take.csv', codes, 0.5 * frames / rate)
  np.testing.assert_allclose(jaw, 0.5 * np.arange(51) / 25, atol=1e-5)


@pytest.mark.parametrize(
  'codes', [['1', '2', '3'], ['', '', ''], [f'00:00:{i:02d}:00.000' for i in range(3)], ['00:00:01:07.5'] * 3]
)
def test_rows_without_usable_timecodes_are_frames(tmp_path, codes):
  np.testing.assert_allclose(take(tmp_path / 'take.csv', codes, [0.1, 0.2, 0.3]), [0.1, 0.2, 0.3], atol=1e-6)


def test_json_of_another_frame_rate_is_resampled(tmp_path):
  path = tmp_path / 'a.json'
  path.write_text(json.dumps({'fps': 50, 'fields': ['yaw'], 'frames': [[0.1 * i] for i in range(5)]}))
  np.testing.assert_allclose(motion_files.read(path)[:, MOTION_FIELDS.index('yaw')], [0, 0.2, 0.4], atol=1e-6)


@pytest.mark.parametrize(
  'name, text',
  [
    ('a.csv', ''),
    ('a.json', '{"fields": ["yaw"], "frames": [[0, 1]]}'),
    ('a.json', '{"fields": ["yaw", "yaw"], "frames": [[0, 1]]}'),
    ('a.json', '{"fps": 0, "fields": ["yaw"], "frames": [[0]]}'),
    ('a.csv', 'Timecode,BlendShapeCount,EyeBlinkLeft\n00:00:00:00.000,61,0.5\n'),
    ('a.csv', 'header'),
    ('a.csv', 'nothing'),
    ('a.csv', 'short'),
    ('a.csv', 'text'),
    ('a.json', '{}'),
    ('a.json', '[1, 2]'),
    ('a.json', '{"fields": ["yaw"], "frames": [["a"]]}'),
    ('a.json', '{"fields": ["nose"], "frames": [[1]]}'),
    ('a.json', '{"fields": ["yaw"], "frames": [[NaN]]}'),
    ('a.json', '{"fields": ["yaw", "roll"], "frames": [[1, 2, 3]]}'),
    ('a.json', '{"fields": [], "frames": []}'),
  ],
)
def test_other_files_are_the_users_error(tmp_path, name, text):
  path = tmp_path / name
  lines = motion_files.to_csv(motion_of(2)).splitlines()
  text = {
    'header': lines[0] + '\n',
    'short': '\n'.join([lines[0], lines[1].rsplit(',', 20)[0]]),
    'text': '\n'.join([lines[0], lines[1].replace('61,0', '61,x')]),
  }.get(text, text)
  path.write_text(text)
  with pytest.raises(InputError, match='motion file'):
    motion_files.read(path)


def test_missing_files_and_tables_of_numbers_are_no_motion_files(tmp_path):
  with pytest.raises(InputError, match='no such motion file'):
    motion_files.read(tmp_path / 'none.csv')
  assert not motion_files.is_motion_file(tmp_path / 'none.csv')
  (tmp_path / 'numbers.csv').write_text('0.1, 0.2, 0.3\n')
  assert not motion_files.is_motion_file(tmp_path / 'numbers.csv')
  assert not motion_files.is_motion_file(tmp_path / 'pose.npy')
