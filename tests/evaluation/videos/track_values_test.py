"""Values of a face track: offsets of shifted sound, still heads, mouths that stay closed in silence."""

import green_faces
import numpy as np
import pytest

from seetalk_jax.evaluation.probes.landmarks import FaceTrack
from seetalk_jax.evaluation.videos import track_values

FRAMES = 200
MARGIN = 15  # frames


@pytest.fixture(scope='module')
def openings():
  """Mouth opening in [0, 1] of 230 frames."""
  return np.convolve(np.random.default_rng(0).uniform(size=FRAMES + 2 * MARGIN), np.ones(3) / 3, mode='same')


def track(opening):
  """A head that does not move, with mouth openings `[n]`."""
  points = np.stack([green_faces.landmarks(60, 40, 120, 0.2 * each) for each in opening]).astype(np.float64)
  count = len(opening)
  return FaceTrack(
    points, np.full((count, 3), 4.0), np.zeros((count, 52)), np.ones(count, int), box=None, aspect=1.0
  )


def voice(level_db):
  """A tone `[640 n]` of a level in dB by frame."""
  times = np.arange(640 * len(level_db)) / 16_000
  return np.repeat(10 ** (level_db / 20), 640) * np.sin(2 * np.pi * 500 * times)


@pytest.mark.parametrize('late', range(-MARGIN, MARGIN + 1))
def test_sound_that_is_late_by_some_frames_has_that_offset(openings, late):
  sound = voice(40 * openings[MARGIN - late : MARGIN - late + FRAMES] - 60)
  values = track_values.track_values(track(openings[MARGIN : MARGIN + FRAMES]), sound)
  assert values['offset'] == late
  assert values['offset_correlation'] > 0.9


def test_a_still_head_and_a_mouth_that_closes_in_silence_have_0(openings):
  speaks = np.arange(FRAMES) % 50 < 30
  opening = np.where(speaks, openings[:FRAMES], 0.0)
  found = track_values.track_values(
    track(opening), voice(np.where(speaks, 20 * openings[:FRAMES] - 30, -200))
  )
  for name in ('head_motion', 'yaw', 'pitch', 'roll', 'silent_lip_stability'):
    assert found[name] == pytest.approx(0.0, abs=1e-9), name
  assert found['lip_dynamics'] > 0.1  # while it speaks
  restless = track(np.where(speaks, opening, np.arange(FRAMES) % 2))
  values = track_values.track_values(restless, voice(np.where(speaks, 20 * openings[:FRAMES] - 30, -200)))
  assert values['silent_lip_stability'] > 0.01
