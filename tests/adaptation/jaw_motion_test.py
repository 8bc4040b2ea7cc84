"""Opening of the jaw: closed lips part, cheeks go partly along, and the angle is that of the coefficient."""

import numpy as np

from seetalk_jax.adaptation import jaw_motion
from seetalk_jax.media import landmark_indices as indices
from tests.helpers import plain_face

UPPER, LOWER = list(indices.INNER_LIP_CONTOUR[1:10]), list(indices.INNER_LIP_CONTOUR[11:])


def test_lips_part_also_if_they_are_closed():
  landmarks = plain_face.landmarks().astype(np.float64)
  closed = 0.5 * (landmarks[UPPER] + landmarks[LOWER[::-1]])
  landmarks[UPPER], landmarks[LOWER[::-1]] = closed, closed
  shares = jaw_motion.landmark_shares(landmarks)
  assert shares.shape == (478, 1) and shares.min() == 0 and shares.max() == 1
  assert (shares[UPPER] == 0).all() and (shares[LOWER] == 1).all() and shares[indices.CHIN] == 1
  np.testing.assert_allclose(shares[[78, 308]], 0.5, atol=1e-6)  # corners of the mouth
  assert not shares[list(indices.EYE_CORNERS)].any()


def test_shares_follow_the_mouth():
  landmarks = plain_face.landmarks().astype(np.float64)
  middle = landmarks[list(indices.INNER_LIP_CONTOUR)].mean(axis=0)
  along, cheek = np.array([0.02, 0.0]), np.array([0.13, 0.0])
  below, above = np.array([0.0, 0.02]), np.array([0.0, -0.02])
  places = np.stack([middle + along + below, middle + along + above, middle + cheek + below, middle + cheek])
  inside, over, beside, level = jaw_motion.shares(landmarks, places)[:, 0]
  assert inside == 1 and over == 0 and 0.5 < beside < 1
  np.testing.assert_allclose(level, 0.5, atol=0.01)
  # The same of a face that is tilted.
  turn = np.array([[0.8, -0.6], [0.6, 0.8]])
  np.testing.assert_allclose(
    jaw_motion.shares(landmarks @ turn.T, places @ turn.T)[:, 0], [1, 0, beside, level], atol=1e-6
  )


def test_the_chin_falls_and_goes_back():
  hinge, axis = np.array([0.5, -0.4, -0.2]), np.array([1.0, 0.0, 0.0])
  chin, nose = hinge + (0.0, -0.3, 0.15), hinge + (0.0, -0.05, 0.3)
  moved = jaw_motion.opened(np.stack([chin, nose]), np.array([[1.0], [0.0]]), hinge, axis, 0.5)
  cos, sin = np.cos(0.2), np.sin(0.2)  # half of 0.4 radians
  np.testing.assert_allclose(
    moved[0] - hinge, (0.0, -0.3 * cos - 0.15 * sin, 0.15 * cos - 0.3 * sin), atol=1e-12
  )
  np.testing.assert_array_equal(moved[1], nose)
