"""THEval measures: landmark tracks with known answers, and the loops of the published code."""

import itertools

import numpy as np
import pytest

from seetalk_jax.evaluation.measures import theval

FRAMES = 100


def face(frames=FRAMES):
  """Landmarks `[n, 478, 3]` of a still face: random points, the eyes level and 60 pixels apart."""
  points = np.random.default_rng(0).uniform(60, 200, (478, 3))
  for side, x in zip(theval.EYES, (158.0, 98.0), strict=True):
    points[list(side), :2] = x, 100.0
  points[[33, 133, 362, 263], 0] = 88.0, 108.0, 148.0, 168.0  # the corners of the eyes
  for brow, x in zip(theval.EYEBROWS, (158.0, 98.0), strict=True):
    points[list(brow), :2] = x, 80.0
  points[list(theval.UPPER_LIP), 1] = points[list(theval.LOWER_LIP), 1] = 170.0
  return np.repeat(points[None], frames, axis=0)


def opened(gaps):
  """Landmarks `[n, 478, 3]` of a still face whose inner lips are `gaps [n]` pixels apart."""
  points = face(len(gaps))
  points[:, theval.LOWER_LIP, 1] += np.asarray(gaps)[:, None]
  return points


def tone(loudness):
  """Waveform `[640 n]` with the root mean square `loudness [n]` in each frame."""
  times = np.arange(640 * len(loudness)) / 16_000
  return np.repeat(loudness, 640) * np.sqrt(2) * np.sin(2 * np.pi * 500 * times)


def test_a_still_face_does_not_move():
  still = np.zeros((FRAMES, 3))
  values = theval.measure(face(), still, np.zeros(640 * FRAMES), np.zeros((0, 2)))
  assert list(values) == list(theval.NAMES)
  assert np.isnan(values.pop('lip_sync'))  # nobody speaks
  assert list(values.values()) == pytest.approx([0, 0, 0, 0], abs=1e-12)


def test_lip_dynamics_of_all_pairs_against_a_loop():
  points = face(30) + np.random.default_rng(1).normal(size=(30, 478, 3))
  tracks = [points[:, index, :2] for index in theval.LIPS]
  stds = [np.std(np.hypot(*(a - b).T)) for a, b in itertools.combinations(tracks, 2)]
  assert len(stds) == 780
  assert theval.lip_dynamics(points) == pytest.approx(np.mean(stds), rel=1e-9)


def test_lip_dynamics_scale_with_the_picture_and_ignore_where_the_head_is():
  points = face(20) + np.random.default_rng(1).normal(size=(20, 478, 3))
  moved = 2 * points + np.linspace(0, 50, 20)[:, None, None]
  assert theval.lip_dynamics(moved) == pytest.approx(2 * theval.lip_dynamics(points), rel=1e-9)


def test_head_motion_of_known_tracks():
  # Angles alternate: std 2, differences +-4; the variance of the differences is 16 for an even number of them.
  swing = np.tile([2.0, -2.0], 51)[:101]
  angles = np.stack([swing, swing, swing], axis=1)
  std, jerk = swing.std(), 16.0
  assert theval.head_motion(face(101), angles) == pytest.approx(np.sqrt(std * jerk), rel=1e-9)
  # Only one angle moves: both means are a third.
  angles[:, 1:] = 30.0
  assert theval.head_motion(face(101), angles) == pytest.approx(np.sqrt(std / 3 * jerk / 3), rel=1e-9)
  # A shift in x by +-3 pixels: half its variance, since y stays.
  shifted = face(100)
  shifted[:, :, 0] += np.tile([3.0, -3.0], 50)[:, None]
  assert theval.head_motion(shifted, np.zeros((100, 3))) == pytest.approx(np.sqrt(4.5), rel=1e-9)


def test_eyebrow_dynamics_of_one_raised_brow():
  points = face()
  points[::2, theval.EYEBROWS[0], 1] -= 6.0  # a tenth of the distance of the eyes, in every other frame
  assert theval.eyebrow_dynamics(points) == pytest.approx(0.05, rel=1e-9)  # the other brow is still
  points[::2, theval.EYEBROWS[1], 1] -= 6.0
  assert theval.eyebrow_dynamics(points) == pytest.approx(0.1, rel=1e-9)
  assert theval.eyebrow_dynamics(3 * points) == pytest.approx(0.1, rel=1e-9)


def test_eyebrows_are_measured_in_square_pixels():
  points, angles = face(), np.zeros((FRAMES, 3))
  points[::2, theval.EYEBROWS, 1] -= 6.0
  values = [theval.measure(points, angles, None, np.zeros((0, 2)), aspect=a) for a in (1.0, 2.0)]
  assert values[0]['eyebrow_dynamics'] == pytest.approx(2 * values[1]['eyebrow_dynamics'], rel=1e-9)
  assert values[0]['lip_dynamics'] == values[1]['lip_dynamics']


def test_silent_lip_stability_counts_silences_of_300_ms_only():
  gaps = np.zeros(FRAMES)
  gaps[10:20] = np.tile([0.0, 16.0], 5)  # silent: 0.2 of the distance of the outer eye corners, 80 pixels
  gaps[40:47] = 40.0  # a silence of 0.28 s
  speaking = np.ones(FRAMES, bool)
  speaking[10:20] = speaking[40:47] = False
  assert theval.silent_frames(speaking).nonzero()[0].tolist() == list(range(10, 20))
  assert theval.silent_lip_stability(opened(gaps), speaking) == pytest.approx(0.1, rel=1e-9)
  # The median of the distances from the mean: one frame of ten that is open changes it by the mean alone.
  gaps[10:20] = [8.0] + 9 * [0.0]
  assert theval.silent_lip_stability(opened(gaps), speaking) == pytest.approx(0.01, rel=1e-9)
  assert np.isnan(theval.silent_lip_stability(opened(gaps), np.ones(FRAMES, bool)))


def test_lip_sync_of_mouths_that_follow_the_volume_or_oppose_it():
  loud = 0.1 + 0.1 * (np.arange(FRAMES) % 20 < 10)
  speaking = np.ones(FRAMES, bool)
  # Volume is taken at the start of frames in windows of 50 ms, so frames at the changes are mixtures.
  assert theval.lip_sync(opened(100 * loud), tone(loud), speaking) < 0.12
  assert theval.lip_sync(opened(-100 * loud + 20), tone(loud), speaking) > 0.88
  assert theval.lip_sync(opened(np.ones(FRAMES)), tone(loud), speaking) == pytest.approx(0.5, abs=0.06)
  speaking[8:] = False  # less than a tenth
  assert np.isnan(theval.lip_sync(opened(loud), tone(loud), speaking))


def test_volume_is_the_root_mean_square_at_the_start_of_a_frame():
  volumes = theval.volume(tone(np.full(50, 0.25)), 50)
  np.testing.assert_allclose(volumes[2:-1], 0.25, rtol=1e-3)
  assert theval.volume(np.zeros(0), 3).tolist() == [0, 0, 0]


def test_frames_touched_by_speech_are_spoken():
  speaking = theval.spoken_frames(np.array([[0.1, 0.2], [0.9, 1.5]]), 25)
  assert speaking.nonzero()[0].tolist() == [2, 3, 4, 5, 22, 23, 24]


def test_frames_without_a_face_are_left_out():
  rng = np.random.default_rng(2)
  points, angles = face() + rng.normal(size=(FRAMES, 478, 3)), rng.normal(size=(FRAMES, 3))
  keep = np.arange(FRAMES) % 10 != 0
  some = np.where(keep[:, None, None], points, np.nan)
  assert theval.lip_dynamics(some) == theval.lip_dynamics(points[keep])
  assert theval.head_motion(some, angles) == theval.head_motion(points[keep], angles[keep])
  assert theval.eyebrow_dynamics(some) == theval.eyebrow_dynamics(points[keep])
  wave, segments = tone(rng.uniform(0.1, 0.2, FRAMES)), np.array([[1.0, 3.0]])
  values = theval.measure(some, angles, wave, segments)
  assert all(np.isfinite(value) for value in values.values())


@pytest.mark.parametrize('frames', [0, 1, FRAMES])
def test_without_a_face_nothing_is_measured(frames):
  points = np.full((frames, 478, 3), np.nan)
  values = theval.measure(points, np.zeros((frames, 3)), np.zeros(640 * frames), np.array([[0.0, 4.0]]))
  assert all(np.isnan(value) for value in values.values())


def test_a_video_without_sound_has_no_measures_of_sound():
  values = theval.measure(face(), np.zeros((FRAMES, 3)), None, np.zeros((0, 2)))
  assert [name for name, value in values.items() if np.isnan(value)] == ['silent_lip_stability', 'lip_sync']


def test_score_of_a_measure():
  assert theval.score(2.0, 2.0) == 1.0
  assert theval.score(1.5, 2.0) == theval.score(2.5, 2.0) == 0.75
  assert theval.score(6.0, 2.0) == -1.0
  assert np.isnan(theval.score(1.0, 0.0)) and np.isnan(theval.score(float('nan'), 1.0))


def test_landmarks_are_those_of_mediapipe():
  vision = pytest.importorskip('mediapipe.tasks.python.vision')
  edges = vision.FaceLandmarksConnections

  def indices(connections):
    return {index for edge in connections for index in (edge.start, edge.end)}

  assert set(theval.LIPS) == indices(edges.FACE_LANDMARKS_LIPS)
  for side, name in enumerate(('LEFT', 'RIGHT')):
    assert set(theval.EYEBROWS[side]) == indices(getattr(edges, f'FACE_LANDMARKS_{name}_EYEBROW'))
    assert set(theval.EYES[side]) == indices(getattr(edges, f'FACE_LANDMARKS_{name}_EYE'))
