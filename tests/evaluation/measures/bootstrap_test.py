"""Bootstrap interval: coverage is about nominal, and pairs stay pairs."""

import numpy as np

from seetalk_jax.evaluation.measures import bootstrap, series


def test_interval_covers_the_mean_about_as_often_as_it_says():
  rng = np.random.default_rng(0)
  covered = 0
  for trial in range(200):
    low, high = bootstrap.interval(rng.normal(3.0, 2.0, 40), rounds=200, seed=trial)
    covered += low <= 3.0 <= high
  assert 0.87 <= covered / 200 <= 0.99


def test_interval_of_a_statistic_on_pairs():
  rng = np.random.default_rng(1)
  x = rng.normal(size=200)
  pairs = np.stack([x, x + 0.1 * rng.normal(size=200)], axis=1)
  low, high = bootstrap.interval(pairs, lambda p: series.correlation(p[:, 0], p[:, 1]), rounds=200)
  assert 0.98 < low < high <= 1.0


def test_one_value_has_no_interval():
  assert np.isnan(bootstrap.interval([1.0])).all()
