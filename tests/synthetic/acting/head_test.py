"""Head motion: lively and still speakers, accents, breath, and the turn towards the gaze."""

import numpy as np
from utterances import sentence, utterance

from seetalk_jax.synthetic.acting import curves, head, prosody, style

TIMES = curves.frame_times(750)
RHYTHM = prosody.analyze(sentence(), TIMES, np.random.default_rng(0))
STILL = np.zeros((750, 2))


def deviation(manner, seeds=8):
  """Mean standard deviation of yaw, pitch and roll in degrees."""
  poses = [head.move(TIMES, manner, RHYTHM, STILL, np.random.default_rng(seed)) for seed in range(seeds)]
  return np.degrees(np.mean([pose[:, :3].std(axis=0) for pose in poses], axis=0))


def test_lively_heads_move_as_people_do_and_still_ones_little():
  lively, still = deviation(style.Style(head=1.5)), deviation(style.Style(head=0.35))
  assert np.all((lively > 2.0) & (lively < 7.0))
  assert np.all(still < 1.8)


def test_motion_is_smooth_and_bounded():
  pose = head.move(TIMES, style.Style(head=2.2, nod=0.06), RHYTHM, STILL, np.random.default_rng(0))
  assert np.abs(pose[:, :3]).max() < 0.5 and np.abs(pose[:, 3:]).max() < 0.2
  assert np.degrees(np.abs(np.diff(pose[:, :3], axis=0))).max() < 6.0  # a frame


def test_nods_follow_accents():
  nodding = style.Style(head=0.01, nod=0.06, tilt=0.0, breath=0.0)
  pitch = head.move(TIMES, nodding, RHYTHM, STILL, np.random.default_rng(0))[:, 1]
  near = np.abs(TIMES[:, None] - RHYTHM.accents).min(axis=1) < 0.15
  spoken = TIMES < RHYTHM.phrases[-1, 1]
  assert pitch[near].mean() < pitch[spoken & ~near].mean()


def test_the_head_follows_a_shift_of_gaze_later():
  gaze = np.where(TIMES[:, None] > 10, [0.3, 0.0], [0.0, 0.0])
  follower = style.Style(head=0.01, nod=0.0, breath=0.0, follow=0.5)
  yaw = head.move(TIMES, follower, RHYTHM, gaze, np.random.default_rng(0))[:, 0]
  assert abs(yaw[TIMES < 10]).max() < 0.01
  assert yaw[(TIMES > 10) & (TIMES < 10.08)].max() < 0.05
  assert np.all(np.abs(yaw[TIMES > 12] - 0.15) < 0.02)


def test_breath_moves_a_silent_head():
  silent = prosody.analyze(utterance(('_', 30.0)), TIMES, np.random.default_rng(0))
  breathing = style.Style(head=0.01, breath=1.5)
  shift = head.move(TIMES, breathing, silent, STILL, np.random.default_rng(0))[:, 4]
  rises = np.flatnonzero((shift[1:] > shift.mean()) & (shift[:-1] <= shift.mean()))
  assert 5 <= len(rises) <= 10  # in 30 s


def test_manners_change_the_head():
  sad = head.Manner(amplitude=0.5, pitch=-0.1)
  calm = head.move(TIMES, style.Style(), RHYTHM, STILL, np.random.default_rng(0))
  low = head.move(TIMES, style.Style(), RHYTHM, STILL, np.random.default_rng(0), sad)
  assert low[:, 1].mean() < calm[:, 1].mean() - 0.05
  assert low[:, 0].std() < calm[:, 0].std()


def test_no_frames():
  none = prosody.analyze(sentence(), np.zeros(0), np.random.default_rng(0))
  assert head.move(np.zeros(0), style.Style(), none, STILL[:0], np.random.default_rng(0)).shape == (0, 6)
