"""Motion of real frames: offsets of the face at rest, pose and shift, status of each field."""

import green_faces
import numpy as np

from seetalk_jax import blendshapes, constants
from seetalk_jax.prepare import face_motion

JAW, SQUINT, LOOK = (blendshapes.INDEX[name] for name in ('jawOpen', 'eyeSquintLeft', 'eyeLookOutLeft'))
POINTS = green_faces.landmarks(0.1, 0.1, 0.8, 0.1)


def scores_of(n=50, **tracks):
  scores = np.zeros([n, 52], np.float32)
  for name, track in tracks.items():
    scores[:, blendshapes.INDEX[name]] = track
  return scores


def test_offsets_of_the_face_at_rest_are_removed():
  opening = np.clip(np.sin(np.arange(50)), 0, 1)
  scores = scores_of(jawOpen=opening, eyeSquintLeft=0.4 + 0.3 * opening, eyeLookOutLeft=0.3)
  made = face_motion.without_offset(scores)
  np.testing.assert_allclose(made[:, JAW], opening, atol=1e-6)  # closed in more than 5 % of the frames
  np.testing.assert_allclose(made[:, SQUINT], 0.5 * opening, atol=1e-5)  # (0.4 + 0.3 x - 0.4) / 0.6
  np.testing.assert_allclose(made[:, LOOK], 0.3)  # a direction, not an offset
  # One frame below the others does not set the offset.
  scores[7, SQUINT] = 0.0
  np.testing.assert_allclose(
    np.delete(face_motion.without_offset(scores)[:, SQUINT], 7), 0.5 * np.delete(opening, 7), atol=1e-5
  )
  assert face_motion.without_offset(scores)[7, SQUINT] == 0.0


def test_an_expression_throughout_the_clip_stays():
  smile = scores_of(mouthSmileLeft=0.9)[:, [blendshapes.INDEX['mouthSmileLeft']]]
  made = face_motion.without_offset(scores_of(mouthSmileLeft=0.9))
  np.testing.assert_allclose(made[:, [blendshapes.INDEX['mouthSmileLeft']]], (smile - 0.5) / 0.5, rtol=1e-6)


def test_clips_of_less_than_a_second_keep_their_scores():
  scores = scores_of(24, eyeSquintLeft=0.4)
  np.testing.assert_array_equal(face_motion.without_offset(scores), scores)


def test_the_vector_holds_scores_pose_and_shift_with_a_status_each():
  scores = scores_of(30, jawOpen=np.linspace(0, 1, 30), tongueOut=0.7)
  yaw = 0.2
  rotation = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
  points = np.repeat(POINTS[None], 30, axis=0)
  points[29] += 0.1  # right and down
  found = face_motion.estimate(scores, np.repeat(rotation[None], 30, axis=0), points)
  assert (
    found.motion.shape == (30, 58) and found.motion.dtype == np.float32 and found.status.dtype == np.uint8
  )
  last = dict(zip(constants.MOTION_FIELDS, found.motion[-1], strict=True))
  assert {name for name, value in last.items() if value} == {'jawOpen', 'yaw', 'shift_x', 'shift_y'}
  np.testing.assert_allclose(
    [last['jawOpen'], last['yaw'], last['shift_x'], last['shift_y']], [1, 0.2, 0.2, -0.2], atol=1e-5
  )
  absent = np.flatnonzero(found.status == constants.MotionStatus.ABSENT)
  assert [constants.MOTION_FIELDS[i] for i in absent] == ['tongueOut', 'shift_z']
