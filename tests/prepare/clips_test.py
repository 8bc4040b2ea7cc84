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
  points = green_faces.landmarks(0, 0, 1, 0.1)[None]
  pose = clips.head_pose(rotation[None], points)
  np.testing.assert_allclose(pose[0], [yaw, pitch, roll, 0, 0], atol=1e-6)
