"""Moments of a clip: portraits and second windows lie outside of the window, for every record of a clip."""

import dataclasses
import functools

import numpy as np
import pytest
import real_records

from seetalk_jax import constants
from seetalk_jax.data import clip_moments, sources
from seetalk_jax.errors import InputError

JAW = constants.MOTION_FIELDS.index('jawOpen')
SECONDS = (5, 2, 4)


@pytest.fixture(scope='module')
def records():
  return sources.ConcatenatedSource([real_records.RealSource(SECONDS)])


def moments_of(records, index, seed, length=50, **options):
  """Moments, and the first frames of the joined records and of the record itself in the clip."""
  record = records[index]
  beside = functools.partial(records.beside, index)
  found = clip_moments.choose(record, beside, np.random.default_rng(seed), length, **options)
  return found, round(found.record.start_seconds * 25), round(record.start_seconds * 25)


@pytest.mark.parametrize('index', [0, 1, 2, 3, 4, 7, 10])
def test_a_portrait_is_a_second_or_more_away_from_the_window(records, index):
  starts = []
  for seed in range(40):
    found, begin, own = moments_of(records, index, seed)
    window = np.arange(found.first, found.first + 50)
    assert 0 <= window[0] and window[-1] < len(found.record.frames)
    assert np.abs(window - found.portrait).min() >= clip_moments.APART == 25
    assert 0 <= found.portrait < len(found.record.frames)
    assert abs(found.first + begin - own) <= 75
    starts.append(found.first + begin)
  assert len(set(starts)) > 8, 'windows of a record begin in many frames'


def test_the_shortest_clip_has_its_windows_at_its_ends():
  records = sources.ConcatenatedSource([real_records.RealSource((3,))])
  places = {
    (found.first + begin, found.portrait + begin)
    for index in range(3)
    for seed in range(20)
    for found, begin, _ in [moments_of(records, index, seed)]
  }
  assert {start for start, _ in places} == {0, 25}
  assert all(portrait == (74 if start == 0 else 0) for start, portrait in places)


def test_the_portrait_is_frontal_with_a_closed_mouth(records):
  record = records[0]
  motion = np.zeros([25, constants.MOTION_DIM], np.float32)
  motion[:, constants.POSE] = 0.3
  motion[:, JAW] = 0.4
  still = {3: 7, 4: 9}  # second of the clip -> its frame without motion
  changed = []
  for second in range(5):
    own = motion.copy()
    if second in still:
      own[still[second]] = 0.0
    changed.append(dataclasses.replace(records[second], motion=own))
  beside = lambda step: changed[step] if 0 <= step < 5 else None
  portraits = set()
  for seed in range(30):
    found = clip_moments.choose(record, beside, np.random.default_rng(seed), 50)
    assert found.portrait == (82 if 82 - (found.first + 49) >= 25 else 109)
    portraits.add(found.portrait)
  assert portraits == {82, 109}
  unknown = dataclasses.replace(record, motion=None, frames=record.frames * 4, lip_box=None)
  found = clip_moments.choose(unknown, lambda step: None, np.random.default_rng(0), 50)
  assert np.abs(np.arange(found.first, found.first + 50) - found.portrait).min() >= 25


@pytest.mark.parametrize('index', [0, 2, 4])
def test_the_second_window_shares_no_frame_with_the_first(records, index):
  lengths, before, length = [], [], 25 if index == 2 else 50
  for seed in range(30):
    found, _, _ = moments_of(records, index, seed, length, with_style=True)
    style = range(found.style.start, found.style.stop)
    assert not set(style) & set(range(found.first, found.first + length))
    assert 0 <= style.start <= style.stop <= len(found.record.frames)
    lengths.append(len(style))
    before.append(style.start < found.first)
  assert min(lengths) >= 25 and max(lengths) <= 50
  if index == 2:
    assert any(before) and not all(before)


def test_a_clip_without_another_second_has_no_second_window():
  rng = np.random.default_rng(0)
  assert clip_moments.other_window(10, 100, 134, rng) == slice(0, 0)
  assert clip_moments.other_window(10, 100, 135, rng) == slice(110, 135)
  assert clip_moments.other_window(150, 100, 250, rng) == slice(50, 150)
  assert clip_moments.other_window(4, 5, 14, rng) == slice(9, 14)


@pytest.mark.parametrize('index', [5, 6])
def test_a_clip_that_is_too_short_is_refused(records, index):
  with pytest.raises(InputError, match='needs clips of 75 frames, one has 50'):
    moments_of(records, index, 0)
