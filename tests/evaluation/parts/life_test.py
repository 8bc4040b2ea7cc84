"""Head motion and blinks relative to the ground truth: ratios of known tracks."""

import math

import numpy as np
import pytest

from seetalk_jax.evaluation.parts import life

ERROR = {name: 0.01 for name in life.AXES}


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
  for figure in axes:
    assert figure.value == pytest.approx(2.0, rel=1e-6)
  assert axes[0].note.startswith('0.200 against 0.100 rad')
  assert blinks.value == pytest.approx(0.5)
  assert blinks.note == '6.0 against 12.0 a minute, 8 true blinks'  # 40 s in all


def test_videos_are_combined_by_root_mean_square():
  yaw = figures([tracks(0.3, 0), tracks(0.4, 0)], [tracks(0.1, 0), tracks(0.1, 0)])[0]
  assert yaw.value == pytest.approx(np.sqrt((0.3**2 + 0.4**2) / 2) / 0.1, rel=1e-6)


def test_an_offset_of_the_head_is_no_motion_and_no_true_blink_gives_nan():
  still = np.ones((100, 3)) * [0.5, -0.2, 0.1], np.zeros(100)
  *axes, blinks = figures([still], [tracks(0.1, 0, 100)])
  assert all(figure.value == pytest.approx(0, abs=1e-9) and not figure.reached for figure in axes)
  assert math.isnan(blinks.value) and not blinks.reached
