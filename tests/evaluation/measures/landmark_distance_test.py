"""Landmark distances: shifts are aligned, lips and face are separate, missing faces are left out."""

import numpy as np
import pytest

from seetalk_jax.evaluation.measures import landmark_distance
from seetalk_jax.evaluation.measures.landmark_distance import FACE, LIPS, landmark_distances


def points(frames=6):
  return np.random.default_rng(0).uniform(0, 256, (frames, 478, 2))


def test_groups_have_no_common_points():
  assert not set(LIPS) & set(FACE)
  assert len(set(LIPS)) == 40


def test_a_shift_of_the_face_is_no_distance():
  real = points()
  assert landmark_distances(real + (7.0, -3.0), real) == pytest.approx(
    dict.fromkeys(landmark_distance.NAMES, 0), abs=1e-9
  )


def test_a_moved_lip_counts_for_the_lips_and_not_for_the_face():
  real = points()
  made = real.copy()
  made[:, LIPS[0], 1] += 40.0
  found = landmark_distances(made, real)
  # One of 40 points moves by 40, so their center moves by 1: one distance of 39 and 39 of 1.
  assert found['m_lmd'] == pytest.approx((39 + 39) / 40)
  assert found['f_lmd'] == pytest.approx(0, abs=1e-9)
  count = len(LIPS) + len(FACE)
  assert found['lmd'] == pytest.approx(2 * 40 * (1 - 1 / count) / count)


def test_frames_without_a_face_and_surplus_frames_do_not_count():
  real = points(8)
  made = real[:6].copy()
  made[:, LIPS[0], 1] += 40.0
  whole = landmark_distances(made, real)
  made[2] = np.nan
  assert landmark_distances(made, real) == pytest.approx(whole)
  assert np.isnan(landmark_distances(np.full((3, 478, 2), np.nan), real)['lmd'])
