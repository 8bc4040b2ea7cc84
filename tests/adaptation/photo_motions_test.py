"""Small motions of a photo: points move as the rotation says, and the picture with them; no motion is the photo."""

import numpy as np
import pytest

from seetalk_jax.adaptation import measuring, photo_motions
from seetalk_jax.constants import MOTION_FIELDS, POSE
from seetalk_jax.prepare import clips
from tests.helpers import plain_face

SIDE = 128
INSIDE = np.ones((SIDE, SIDE), bool)
NOSE = int(np.argmin(np.linalg.norm(plain_face.landmarks() - plain_face.CENTER, axis=1)))


@pytest.fixture(scope='module')
def head():
  measured = measuring.measure(np.zeros((1, SIDE, SIDE, 3), np.uint8), plain_face.read)
  return photo_motions.head_of(measured, photo_motions.cells_of(SIDE))


def motion(head, **changes):
  vector = head.motion.copy()
  for name, value in changes.items():
    vector[MOTION_FIELDS.index(name)] += value
  return vector.astype(np.float32)


def blob(x, y):
  """A photo of a bright spot of three pixels, x and y relative to the side."""
  rows, columns = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE
  spot = 255 * np.exp(-0.5 * ((rows - y) ** 2 + (columns - x) ** 2) * (SIDE / 3) ** 2)
  return np.repeat(np.rint(spot)[..., None], 3, axis=2).astype(np.uint8)


def center_of(frame):
  weights = frame[..., 0].astype(np.float64)
  rows, columns = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE
  return np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum()


def test_no_motion_is_the_photo(head):
  pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
  inside = INSIDE.copy()
  inside[:, :20] = False
  moved = photo_motions.move_photo(pixels, inside, head, motion(head)[None])
  np.testing.assert_array_equal(moved.frames[0], pixels)
  np.testing.assert_array_equal(moved.inside[0, :, :18], False)
  assert moved.inside[0, 4:-4, 24:-4].all()
  np.testing.assert_allclose(moved.measured.landmarks[0], plain_face.landmarks(), atol=1e-6)


def test_landmarks_move_as_the_rotation_says(head):
  """Against the projection of a turned point, for a face from the front: within 1e-5 of the side."""
  points = plain_face.landmarks().astype(np.float64)
  x, y = (points - head.pivot[:2] * (1, -1)).T
  z = -plain_face.depths(points.astype(np.float32)) - head.pivot[2]  # to the camera
  angle = 0.15
  cos, sin = np.cos(angle), np.sin(angle)
  expected = {
    'yaw': (x * cos + z * sin, y),  # to the person's left is to the viewer's right
    'pitch': (x, y * cos - z * sin),  # up
    'roll': (x * cos - y * sin, x * sin + y * cos),  # to the person's left shoulder is by the clock
  }
  for name, (new_x, new_y) in expected.items():
    moved = photo_motions.move_photo(blob(0.5, 0.5), INSIDE, head, motion(head, **{name: angle})[None])
    found = moved.measured.landmarks[0] - head.pivot[:2] * (1, -1)
    np.testing.assert_allclose(found, np.stack([new_x, new_y], axis=1), atol=1e-5, err_msg=name)
  shifted = photo_motions.move_photo(
    blob(0.5, 0.5), INSIDE, head, motion(head, shift_x=0.04, shift_y=0.02)[None]
  )
  np.testing.assert_allclose(
    shifted.measured.landmarks[0] - points, np.tile([0.02, -0.01], (478, 1)), atol=1e-6
  )


@pytest.mark.parametrize('landmark', [NOSE, 33, 61])
def test_the_picture_follows_its_landmarks(head, landmark):
  place = plain_face.landmarks()[landmark]
  motions = np.stack(
    [motion(head, yaw=0.15, pitch=-0.08), motion(head, roll=0.07, shift_x=0.04), motion(head, yaw=-0.1)]
  )
  moved = photo_motions.move_photo(blob(*place), INSIDE, head, motions)
  still = center_of(blob(*place))
  for frame, points in zip(moved.frames, moved.measured.landmarks, strict=True):
    np.testing.assert_allclose(center_of(frame) - still, points[landmark] - place, atol=0.5 / SIDE)
    assert np.linalg.norm(points[landmark] - place) > 0.5 / SIDE


def test_motion_vectors_state_the_pose_as_it_is_measured(head):
  motions = photo_motions.random_motions(head, 200, 0)
  turns = [photo_motions._rotation(vector[POSE]).as_matrix() for vector in motions]
  np.testing.assert_allclose(clips.head_pose(np.stack(turns)), motions[:, POSE], atol=1e-6)
  for index, name in enumerate(MOTION_FIELDS):
    change, most = (
      np.abs(motions[:, index] - head.motion[index]),
      {**photo_motions.CHANGES, 'jawOpen': 0.35}.get(name, 0.0),
    )
    assert change.max() <= most + 1e-6 and change.max() >= 0.9 * most
  opens = motions[:, MOTION_FIELDS.index('jawOpen')] - head.motion[MOTION_FIELDS.index('jawOpen')]
  assert opens.min() == 0 and 0.4 < (opens > 0).mean() < 0.6
  np.testing.assert_array_equal(motions, photo_motions.random_motions(head, 200, 0))
  assert (motions != photo_motions.random_motions(head, 200, 1)).any()


def test_the_background_stays_and_what_is_folded_is_masked(head):
  pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
  turned = photo_motions.move_photo(pixels, INSIDE, head, motion(head, yaw=0.5)[None])
  for corner in (turned.frames[0, :8, :8], turned.frames[0, :8, -8:]):
    assert corner.tobytes() in (pixels[:8, :8].tobytes(), pixels[:8, -8:].tobytes())
  middle = turned.inside[0, SIDE // 3 : 2 * SIDE // 3]
  assert not middle.all() and turned.inside[0].mean() > 0.7
  small = photo_motions.move_photo(pixels, INSIDE, head, photo_motions.random_motions(head, 4, 0))
  assert small.inside.mean() > 0.9 and len({frame.tobytes() for frame in small.frames}) == 4


def test_the_jaw_opens_and_what_is_behind_the_lips_is_masked(head):
  pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
  opened = photo_motions.move_photo(pixels, INSIDE, head, motion(head, jawOpen=0.3)[None])
  points, still = opened.measured.landmarks[0], plain_face.landmarks()
  assert points[14, 1] - points[13, 1] > still[14, 1] - still[13, 1] + 1.5 / SIDE
  np.testing.assert_allclose(points[[13, 33, 263]], still[[13, 33, 263]], atol=1e-6)  # upper lip, eyes
  x, y = (SIDE * 0.5 * (points[13] + points[14])).astype(int)
  assert not opened.inside[0, y, x] and opened.inside[0].mean() > 0.95
  np.testing.assert_array_equal(opened.frames[0, : SIDE // 3], pixels[: SIDE // 3])


def test_without_landmarks_the_head_turns_in_its_plane():
  measured = measuring.measure(np.zeros((1, SIDE, SIDE, 3), np.uint8), None)
  head = photo_motions.head_of(measured, photo_motions.cells_of(SIDE))
  motions = photo_motions.random_motions(head, 20, 0)
  yaw, pitch, roll = motions[:, POSE].T
  assert not yaw.any() and not pitch.any() and roll.any() and not motions[:, : POSE.start].any()
  moved = photo_motions.move_photo(blob(0.5, 0.43), INSIDE, head, motions)
  assert not moved.measured.found.any() and not moved.measured.landmarks.any()
  index = int(np.argmax(roll))  # by the clock, about a point below: to the right
  turned = photo_motions.move_photo(blob(0.5, 0.43), INSIDE, head, motion(head, roll=roll[index])[None])
  expected = 0.5 + 0.7 / 2.6 * np.sin(roll[index])
  np.testing.assert_allclose(center_of(turned.frames[0])[0], expected, atol=0.5 / SIDE)
