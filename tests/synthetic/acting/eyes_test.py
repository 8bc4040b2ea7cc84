"""Eyes: gaze against the head, blinks, and lids that follow the gaze."""

import numpy as np
import pytest
from utterances import sentence

from seetalk_jax import blendshapes
from seetalk_jax.synthetic.acting import curves, eyes, prosody, style
from seetalk_jax.synthetic.human import mesh

INDEX = blendshapes.INDEX
TIMES = curves.frame_times(1500)
RHYTHM = prosody.analyze(sentence(), TIMES, np.random.default_rng(0))


def eye_angles(coefficients, side):
  """Yaw to the person's left and pitch of an eye in radians."""
  turn = {name: angle * coefficients[:, INDEX[name + side]] for name, angle in eyes.LOOK_ANGLES.items()}
  outward = turn['eyeLookOut'] - turn['eyeLookIn']
  return (outward if side == 'Left' else -outward), turn['eyeLookUp'] - turn['eyeLookDown']


def test_eyes_keep_the_gaze_while_the_head_turns():
  coefficients = np.zeros((50, 52))
  head = np.stack([np.linspace(-0.2, 0.2, 50), np.linspace(0.1, -0.1, 50)], axis=1)
  gaze = np.full((50, 2), [0.03, -0.02])
  eyes.look(coefficients, gaze, head)
  (left, up), (right, _) = (eye_angles(coefficients, side) for side in ('Left', 'Right'))
  np.testing.assert_allclose((left + right) / 2 + head[:, 0], 0.03, atol=1e-9)
  np.testing.assert_allclose(up + head[:, 1], -0.02, atol=1e-9)
  assert np.all(right - left > 0.02)  # both eyes turn in a little


def test_gaze_rests_on_the_viewer_as_often_as_the_style_says():
  def on_viewer(contact):
    manner = style.Style(contact=contact, away=(0.2, 0.1))
    gazes = [eyes.sample_gaze(TIMES, manner, RHYTHM, np.random.default_rng(seed)).angles for seed in range(6)]
    return np.mean(np.linalg.norm(np.concatenate(gazes), axis=1) < 0.07)

  assert on_viewer(0.95) > 0.88
  assert 0.4 < on_viewer(0.6) < 0.8


def test_speakers_look_away_while_they_think():
  away = style.Style(contact=0.97, away=(0.25, 0.1))
  gaze = eyes.sample_gaze(TIMES, away, RHYTHM, np.random.default_rng(0), thinking=((20.0, 40.0),)).angles
  inside = (TIMES > 21) & (TIMES < 40)
  assert np.linalg.norm(gaze[inside], axis=1).mean() > 0.15


def test_saccades_are_fast():
  gaze = eyes.sample_gaze(TIMES, style.Style(contact=0.5), RHYTHM, np.random.default_rng(1)).angles
  steps = np.linalg.norm(np.diff(gaze, axis=0), axis=1)
  assert steps.max() > 0.1
  assert np.mean(steps > 0.03) < 0.12 and np.median(steps) < 0.006


@pytest.mark.parametrize('rate', [0.15, 0.3, 0.5])
def test_blink_rate_and_durations(rate):
  closure = eyes.blinks(
    TIMES, style.Style(blinks_per_second=rate), RHYTHM, np.arange(3.0, 58.0, 4.0), np.random.default_rng(0)
  )
  begun = np.flatnonzero((closure[1:, 0] > 0.3) & (closure[:-1, 0] <= 0.3))
  assert 0.5 * rate < len(begun) / 60 < 1.4 * rate
  closed_frames = np.mean(closure[:, 0] > 0.5) * len(TIMES) / len(begun)
  assert 2 <= closed_frames <= 6
  assert np.percentile([closure[b : b + 6, 0].max() for b in begun], 70) == pytest.approx(1.0, abs=0.01)
  assert np.abs(closure[:, 0] - closure[:, 1]).max() < 0.35


def test_closed_lids_allow_for_gaze_and_squint():
  coefficients = np.zeros((3, 52))
  coefficients[1, [INDEX['eyeLookDownLeft'], INDEX['eyeLookDownRight']]] = 0.9
  coefficients[2, [INDEX['eyeWideLeft'], INDEX['eyeWideRight']]] = 0.8
  eyes.close_lids(coefficients, np.ones((3, 2)))
  blink = coefficients[:, INDEX['eyeBlinkLeft']]
  assert blink[0] == pytest.approx(0.94, abs=0.02) and blink[1] < 0.75
  assert coefficients[2, INDEX['eyeWideLeft']] == 0  # closed eyes are not wide
  before = np.zeros((1, 52))
  after = before.copy()
  eyes.close_lids(after, np.zeros((1, 2)))
  np.testing.assert_array_equal(after, before)


def test_lids_meet_on_the_mesh():
  head = mesh.load()
  upper, lower = lid_edges(head)
  for down, squint in ((0.0, 0.0), (0.9, 0.0), (0.0, 0.4)):
    coefficients = np.zeros((1, 52))
    coefficients[0, INDEX['eyeLookDownLeft']], coefficients[0, INDEX['eyeSquintLeft']] = down, squint
    eyes.close_lids(coefficients, np.ones((1, 2)))
    moved = head.vertices + np.tensordot(coefficients[0], head.units, 1)
    gap = moved[upper, 1].min() - moved[lower, 1].max()
    assert -0.055 < gap < 0.012, (down, squint)


def lid_edges(head):
  """Vertices of the upper and the lower lid in the middle of the left eye, by where a blink and a squint move."""
  center = head.vertices[head.parts == mesh.MeshPart.LEFT_EYE].mean(0)
  near = (head.parts == 0) & (np.abs(head.vertices[:, :2] - center[:2]) < [0.04, 0.09]).all(axis=1)
  near &= head.vertices[:, 2] > center[2] + 0.12
  rows = np.flatnonzero(near)
  blink = head.units[INDEX['eyeBlinkLeft'], rows, 1]
  return rows[blink < -0.06], rows[np.abs(blink) < 0.01]


def test_no_frames():
  none = np.zeros(0)
  assert eyes.sample_gaze(none, style.Style(), RHYTHM, np.random.default_rng(0)).angles.shape == (0, 2)
  assert eyes.blinks(none, style.Style(), RHYTHM, none, np.random.default_rng(0)).shape == (0, 2)
