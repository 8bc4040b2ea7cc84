"""Time series measures: lags, blink counts, correlations."""

import numpy as np
import pytest

from seetalk_jax.evaluation.measures import series


def _speechlike(n=300, seed=0):
  noise = np.random.default_rng(seed).normal(size=n + 8)
  return np.convolve(noise, np.ones(4) / 4, mode='same')[:n]


def test_correlation_agrees_with_numpy_and_refuses_constants():
  a, b = _speechlike(seed=1), _speechlike(seed=2)
  assert series.correlation(a, b) == pytest.approx(np.corrcoef(a, b)[0, 1])
  assert series.correlation(a, 3 * a - 2) == pytest.approx(1)
  assert np.isnan(series.correlation(a, np.ones_like(a)))
  with pytest.raises(ValueError, match='one length'):
    series.correlation(a, b[1:])


@pytest.mark.parametrize('lag', [-6, -1, 0, 1, 5])
def test_lag_of_a_shifted_series_is_found(lag):
  long = _speechlike(400)
  true, read = long[50:350], long[50 - lag : 350 - lag]  # read[i + lag] = true[i]
  curve = series.lag_curve(read + 0.05 * _speechlike(seed=5), true)
  assert curve.shape == (17,)
  assert series.best_lag(curve) == lag
  assert curve[lag + 8] > 0.95


def test_best_lag_prefers_zero_on_ties_and_ignores_nan():
  assert series.best_lag([0.5, 0.5, 0.5, 0.5, 0.5]) == 0
  assert series.best_lag([np.nan, 0.1, np.nan, 0.2, np.nan]) == 1


def test_blinks_are_counted_once_despite_noise():
  lid = np.zeros(100)
  for start in (10, 40, 80):
    lid[start : start + 6] = [0.45, 0.55, 0.48, 0.56, 0.9, 0.4]
  assert series.count_blinks(lid) == 3
  assert series.count_blinks(np.full(50, 0.4)) == 0
  assert series.count_blinks(np.r_[np.ones(10), np.zeros(10)]) == 0


def test_shuffled_partner_is_never_oneself():
  for n in (2, 3, 24):
    partner = series.shuffled_partner(n)
    assert sorted(partner) == list(range(n))
    assert not np.any(partner == np.arange(n))
