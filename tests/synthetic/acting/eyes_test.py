"""Eyes: gaze against the head, blinks, and lids that follow the gaze."""

import jax.numpy as jnp
import numpy as np
import pytest
from utterances import sentence

from seetalk_jax import blendshapes
from seetalk_jax.synthetic.acting import columns, curves, eyes, prosody, style
from seetalk_jax.synthetic.human import mesh, rig, units

INDEX = blendshapes.INDEX
TIMES = curves.frame_times(1500)
RHYTHM = prosody.analyze(sentence(), TIMES, np.random.default_rng(0))


def line_of_sight(coefficients, pose, part):
  """Unit vector `[3]` along which an eye of the mesh looks, after the head has turned."""
  head = mesh.load()
  still = head.vertices[head.parts == part]
  moved = still + np.tensordot(coefficients, units.units(head), 1)[head.parts == part]
  left, _, right = np.linalg.svd((still - still.mean(0)).T @ (moved - moved.mean(0)))
  return np.asarray(rig.rotated((left @ right)[2], rig.Pose(pose, np.zeros(3))))


def test_the_eyes_of_the_mesh_keep_the_gaze_while_the_head_turns_and_tilts():
  rng = np.random.default_rng(0)
  poses = rng.uniform(-1, 1, (40, 3)) * [0.25, 0.15, 0.15]
  for gaze in ((0.0, 0.0), (0.06, -0.04)):
    coefficients = np.zeros((len(poses), 52))
    eyes.look(coefficients, np.tile(gaze, (len(poses), 1)), poses)
    assert coefficients.max() < 1
    for row, pose in zip(coefficients, poses, strict=True):
      left, right = (
        line_of_sight(row, pose, part) for part in (mesh.MeshPart.LEFT_EYE, mesh.MeshPart.RIGHT_EYE)
      )
      x, y, z = left + right
      # With the angles of the source's units, eyes overshoot by up to 0.15 rad.
      np.testing.assert_allclose([np.arctan2(x, z), np.arcsin(y / 2)], gaze, atol=0.012)
      assert right[0] - left[0] > 0.02  # both eyes turn in a little


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


def test_blinks_at_the_ends_of_phrases_have_different_delays():
  every_s = 2.0
  ends = np.arange(1.0, 59.0, every_s)
  rhythm = RHYTHM._replace(phrases=np.stack([ends - 1, ends], axis=1))
  closure = eyes.blinks(
    TIMES, style.Style(blinks_per_second=0.9), rhythm, np.zeros(0), np.random.default_rng(0), rate=0.9
  )
  begun = np.flatnonzero((closure[1:, 0] > 0.3) & (closure[:-1, 0] <= 0.3))
  _, counts = np.unique((begun - round(25 * ends[0])) % round(25 * every_s), return_counts=True)
  assert len(begun) > 15 and counts.max() < 0.3 * len(begun)


def test_a_blink_closes_the_lids_of_the_mesh():
  faces = (
    {},
    dict(eyeLookDown=0.9),
    dict(eyeSquint=0.4),
    dict(eyeWide=0.8),
    dict(eyeLookUp=0.8, eyeSquint=0.3),
  )
  coefficients = np.stack([columns.face(**face) for face in faces])
  eyes.close_lids(coefficients, np.ones((len(faces), 2)))
  np.testing.assert_array_equal(coefficients[:, columns.columns_of('eyeBlink')], 1)
  assert coefficients[3, INDEX['eyeWideLeft']] == 0  # closed eyes are not wide
  shared = rig.topology()
  for row in coefficients:
    moved = np.asarray(rig.expressed_coarse(mesh.load().vertices, jnp.float32(row), shared))
    for upper, lower in np.asarray(shared.lids):
      assert (moved[upper, 1] - moved[lower, 1]).mean() <= 0, row


def test_open_lids_stay_as_they_are():
  coefficients = columns.face(eyeWide=0.4, eyeSquint=0.2, eyeLookUp=0.3)[None]
  after = coefficients.copy()
  eyes.close_lids(after, np.zeros((1, 2)))
  np.testing.assert_array_equal(after, coefficients)


def test_no_frames():
  none = np.zeros(0)
  assert eyes.sample_gaze(none, style.Style(), RHYTHM, np.random.default_rng(0)).angles.shape == (0, 2)
  assert eyes.blinks(none, style.Style(), RHYTHM, none, np.random.default_rng(0)).shape == (0, 2)
