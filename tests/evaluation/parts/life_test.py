"""Head motion and blinks relative to the ground truth: ratios of known tracks."""

import math

import numpy as np
import pytest

from seetalk_jax.evaluation.parts import life

ERROR = {name: 0.01 for name in life.AXES}
# Variance of a normal error of this mean absolute error.
ERROR_VARIANCE = np.pi / 2 * 0.01**2


def tracks(scale, blinks, frames=500):
  """(pose `[n, 3]` of a standard deviation of `scale`, lids `[n]` that close `blinks` times)."""
  wave = np.sin(2 * np.pi * np.arange(frames) / 50)[:, None] * [1.0, 0.5, 0.25] * scale * np.sqrt(2)
  lids = np.zeros(frames)
  for k in range(blinks):
    lids[20 + 40 * k : 24 + 40 * k] = 1.0
  return wave, lids


def figures(read, true):
  found = life.life_figures(
    [pose for pose, _ in read],
    [pose for pose, _ in true],
    [lids for _, lids in read],
    [lids for _, lids in true],
    reader_error=ERROR,
  )
  assert [figure.name.split(',')[0] for figure in found[:3]] == list(life.AXES)
  return found


def test_ratios_of_known_tracks():
  *axes, blinks = figures([tracks(0.2, 3), tracks(0.2, 1)], [tracks(0.1, 4), tracks(0.1, 4)])
  for figure, share in zip(axes, (1.0, 0.5, 0.25), strict=True):
    wanted = np.sqrt((0.2 * share) ** 2 - ERROR_VARIANCE) / (0.1 * share)
    assert figure.value == pytest.approx(wanted, rel=1e-6)
  assert axes[0].note.startswith('0.200 as read against 0.100 rad')
  assert blinks.value == pytest.approx(0.5)
  assert blinks.note == '6.0 against 12.0 a minute, 8 true blinks'  # 40 s in all


def test_videos_are_combined_by_root_mean_square():
  yaw = figures([tracks(0.3, 0), tracks(0.4, 0)], [tracks(0.1, 0), tracks(0.1, 0)])[0]
  assert yaw.value == pytest.approx(np.sqrt((0.3**2 + 0.4**2) / 2 - ERROR_VARIANCE) / 0.1, rel=1e-6)


def test_errors_of_the_reader_are_no_motion():
  rng = np.random.default_rng(0)
  (true, lids), error = tracks(0.05, 0, 2000), 0.04
  noise = error * np.sqrt(np.pi / 2) * rng.standard_normal((2, *true.shape))
  found = life.life_figures(
    [noise[0], true + noise[1]],
    [true, true],
    [lids] * 2,
    [lids] * 2,
    reader_error=dict.fromkeys(life.AXES, error),
  )
  # One head is still and the other moves as the truth does: half of the variance, whatever the reader adds.
  assert found[0].value == pytest.approx(np.sqrt(0.5), abs=0.05)


def test_an_offset_of_the_head_is_no_motion_and_no_true_blink_gives_nan():
  still = np.ones((100, 3)) * [0.5, -0.2, 0.1], np.zeros(100)
  *axes, blinks = figures([still], [tracks(0.1, 0, 100)])
  assert all(figure.value == pytest.approx(0, abs=1e-9) and not figure.reached for figure in axes)
  assert math.isnan(blinks.value) and not blinks.reached
