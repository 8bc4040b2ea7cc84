"""Sharpness of the pictures of a video over time."""

import numpy as np
import pytest

from seetalk_jax.evaluation.videos import picture_values


def test_sharpness_at_each_time_that_a_video_reaches():
  """Contrast falls to half after 30 s, gradient energy to a quarter; to a third and a ninth after 50 s."""
  checks = np.indices((64, 64)).sum(axis=0) % 2 * 120
  parts = ((30, 1), (20, 2), (11, 3))
  sharpness = picture_values.Sharpness((10.0, 40.0, 60.0, 120.0), every=10_000)
  for seconds, divisor in parts:
    picture = np.repeat((checks // divisor)[..., None], 3, axis=-1).astype(np.uint8)
    sharpness.add(np.broadcast_to(picture, (seconds * 25, *picture.shape)))
  values = sharpness.values()
  wanted = {'sharpness_drift_40': 1 / 4, 'sharpness_drift_60': 1 / 9, 'sharpness_drift': 1 / 9}
  assert {name: value for name, value in values.items() if 'drift' in name} == pytest.approx(wanted)
