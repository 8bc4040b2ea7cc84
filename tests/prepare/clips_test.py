"""Clips: head pose in the units of the synthetic corpus."""

from __future__ import annotations

import green_faces
import numpy as np

from seetalk_jax.prepare import clips


def test_head_pose_follows_the_embedded_world():
  yaw, pitch, roll = 0.3, -0.2, 0.1
  cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
  # Columns as in synthetic.head.rig: images of the head's x, y and z axes.
  rotation = np.array(
    [
      [cy * cr + sy * sp * sr, cy * sr - sy * sp * cr, sy * cp],
      [-cp * sr, cp * cr, sp],
      [-sy * cr + cy * sp * sr, -sy * sr - cy * sp * cr, cy * cp],
    ]
  )
  pose = clips.head_pose(rotation[None])
  np.testing.assert_allclose(pose[0], [yaw, pitch, roll], atol=1e-6)


def test_the_head_shifts_in_half_image_widths_from_its_median():
  points = np.stack([green_faces.landmarks(x, y, 0.5, 0.1) for x, y in ((0.2, 0.3), (0.2, 0.3), (0.3, 0.1))])
  np.testing.assert_allclose(clips.head_shift(points), [[0, 0], [0, 0], [0.2, 0.4]], atol=1e-6)
