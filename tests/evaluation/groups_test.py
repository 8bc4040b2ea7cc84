"""Groups of voices: who is in which, and their figures."""

import numpy as np
import pytest

from seetalk_jax.evaluation import groups

_ATTRIBUTES = np.array([[1.0, 20, 0], [1, 40, 0], [0, 60, 0], [0, 70, 0], [0, 30, 0]])


def _members(masks):
  return {name: np.flatnonzero(mask).tolist() for name, mask in masks.items()}


def test_groups_of_one_are_left_out():
  by_sex_and_age = {'male': [0, 1], 'female': [2, 3, 4], 'under 35': [0, 4], '55 and over': [2, 3]}
  assert _members(groups.groups_of(_ATTRIBUTES)) == by_sex_and_age
  found = groups.groups_of(_ATTRIBUTES, np.array([0.3, 0.5, 1.0, 0.49, 2.7]), ['de', 'en', 'en', 'fr', 'de'])
  assert _members(found) == {
    **by_sex_and_age,
    'light skin': [0, 3],
    'dark skin': [2, 4],
    'language de': [0, 4],
    'language en': [1, 2],
  }


def test_a_group_has_its_own_mean_and_the_other_rows_in_its_note():
  rows = {
    'generated': np.array([1.0, 3, 5, 7]),
    'truth': np.array([9.0, 9, 0, 0]),
    'shuffled': np.array([0.0, 1, 2, 2]),
  }
  masks = {'a': np.array([True, True, False, False]), 'b': np.array([False, True, True, True])}
  first, second = groups.group_figures('portraits', 'cosine', rows, masks)
  assert (first.part, first.name, first.count) == ('portraits', 'cosine, a', 2)
  assert (first.value, second.value) == pytest.approx((2, 5))
  assert second.low <= 5 <= second.high
  assert first.note == 'truth 9, shuffled 0.5' and second.note == 'truth 3, shuffled 1.67'
