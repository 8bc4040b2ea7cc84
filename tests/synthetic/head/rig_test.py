"""Rig: the head moves as a rigid body."""

import heads
import numpy as np

from seetalk_jax.synthetic.head.rig import build_rig, to_head, to_world


def test_head_pose_is_rigid():
  rig = build_rig(heads.identity(), heads.motion(yaw=0.3, pitch=0.2, roll=0.25, shift_x=0.1))
  rotation = np.array(rig.rotation)
  np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-5)
  np.testing.assert_allclose(to_head(rig, *to_world(rig, 0.3, 0.4, 0.5)), (0.3, 0.4, 0.5), atol=1e-5)
