"""Moments of known values against NumPy."""

import numpy as np

from seetalk_jax.stages import moments


def test_moments_of_batches_are_those_of_all_known_values():
  rng = np.random.default_rng(0)
  values = (5.0 + rng.standard_normal((3, 4, 6, 2)) * [1.0, 0.01]).astype(np.float32)
  known = rng.random((3, 4, 6, 2)) > 0.4
  known[1] = False  # a batch in which nothing is known
  count, mean, std = moments.merged([moments.of_known(*batch) for batch in zip(values, known, strict=True)])
  for column in range(2):
    wanted = values[..., column][known[..., column]].astype(np.float64)
    assert count[column] == len(wanted)
    np.testing.assert_allclose(mean[column], wanted.mean(), rtol=1e-6)
    np.testing.assert_allclose(std[column], wanted.std(), rtol=1e-4)


def test_nothing_known():
  found = moments.merged([moments.of_known(np.ones((2, 3), np.float32), np.zeros((2, 1), bool))])
  for part in found:
    np.testing.assert_array_equal(part, np.zeros(3))
