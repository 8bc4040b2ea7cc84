"""Losses of motion tracks: fields and frames count by their weights."""

import jax
import numpy as np

from seetalk_jax.constants import BLINK, LIPS, MOTION_DIM
from seetalk_jax.stages import motion_losses


def test_lips_and_blinks_count_by_their_fields():
  wrong = np.zeros((2, 4, MOTION_DIM), np.float32)
  wrong[:, :, LIPS[0]], wrong[:, :, BLINK] = 2.0, 1.0
  t, drop, weight = np.int32([10, 10]), np.zeros(2, bool), np.ones((2, MOTION_DIM), np.float32)
  plain, blinks = motion_losses.lips_and_blinks(wrong, t, drop)
  np.testing.assert_allclose(plain, 4.0 / len(LIPS), rtol=1e-5)
  for found in (
    motion_losses.lips_and_blinks(wrong, t, drop, weight),
    motion_losses.lips_and_blinks(wrong, t, drop, 0.3 * weight),
  ):
    np.testing.assert_allclose(found, (plain, blinks), rtol=1e-4)
  weight[:, LIPS[0]] = 0.0
  weight[:, BLINK] = 0.0
  np.testing.assert_allclose(motion_losses.lips_and_blinks(wrong, t, drop, weight), (0.0, 0.0), atol=1e-6)


def test_only_counted_frames_matter():
  rng = np.random.default_rng(0)
  wrong = rng.standard_normal((2, 6, MOTION_DIM)).astype(np.float32)
  counted = np.float32([[0, 1, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0]])
  t, drop, weight = np.int32([10, 500]), np.zeros(2, bool), np.ones((2, MOTION_DIM), np.float32)
  other = np.where(counted[..., None] > 0, wrong, 1e3).astype(np.float32)
  for fields in (None, weight):
    found = motion_losses.lips_and_blinks(wrong, t, drop, fields, counted)
    np.testing.assert_array_equal(found, motion_losses.lips_and_blinks(other, t, drop, fields, counted))
    # Every frame that counts has the same weight: two of the first track and four of the second.
    lips = np.square(wrong[..., np.array(LIPS)]).mean(-1)
    np.testing.assert_allclose(found[0], (lips * counted).sum() / 6, rtol=1e-4)
  # The step from a frame that does not count to one that does is counted, and the step out is not.
  steps = np.square(np.diff(wrong, axis=1)).mean(-1)
  np.testing.assert_allclose(
    motion_losses.velocity(wrong, None, counted), (steps[0, :2].sum() + steps[1, :3].sum()) / 5, rtol=1e-4
  )
  weighed = motion_losses.velocity(wrong, np.float32([1, 0]), counted)
  np.testing.assert_allclose(weighed, steps[0, :2].mean(), rtol=1e-4)
  slope = jax.grad(lambda x: motion_losses.velocity(x, None, counted))(wrong)
  assert not slope[0, 3:].any() and not slope[1, 4:].any() and slope[0, 2].any()
