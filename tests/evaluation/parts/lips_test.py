"""Lip figures: correlation, lags, mouths that stand still, speeches without lip motion."""

import math

import numpy as np
import pytest

from seetalk_jax.evaluation.parts import lips


def openings(count, frames=120, seed=0):
  return list(np.random.default_rng(seed).random((count, frames)))


def figures(read, true):
  found = lips.lip_figures(read, true, reader_error=0.01, reader_agreement=0.99)
  return dict(zip(('median', 'mean', 'lag', 'near', 'shuffled'), found, strict=True))


def test_late_lips_are_measured():
  true = openings(4)
  found = figures([np.roll(t, 2) for t in true], true)
  assert found['lag'].value == 2 and found['near'].value == 0
  assert abs(found['median'].value) < 0.3 and found['median'].count == 4


def test_a_still_mouth_is_no_agreement():
  true = openings(3)
  found = figures([true[0], true[1], np.full(120, 0.5)], true)
  assert found['mean'].value == pytest.approx(2 / 3) and found['mean'].count == 3
  assert found['near'].value == pytest.approx(200 / 3)  # it has no lag
  assert found['lag'].value == 0 and found['lag'].count == 2
  assert found['median'].note.endswith('mouths that stand still: 1')
  assert 'still' not in figures(true, true)['median'].note


def test_speeches_without_lip_motion_do_not_count():
  true = openings(3)
  true[1] = np.zeros(120)
  found = figures(openings(3, seed=1)[:1] + [true[0], true[2]], [true[1], true[0], true[2]])
  assert found['mean'].value == pytest.approx(1) and found['mean'].count == 2
  assert found['near'].value == 100 and found['near'].count == 2
  none = figures(openings(2), [np.zeros(120)] * 2)
  assert math.isnan(none['median'].value) and math.isnan(none['lag'].value) and none['near'].count == 0
