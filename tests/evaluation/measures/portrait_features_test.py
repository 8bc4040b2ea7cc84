"""Portrait features: known distances, and invariance to the length of features."""

import numpy as np
import pytest

from seetalk_jax.evaluation.measures import portrait_features


def test_known_distances():
  made = np.array([[1.0, 0, 0], [1, 0, 0], [1, 0, 0]])
  true = np.array([[2.0, 0, 0], [0, 3, 0], [-1, 0, 0]])
  found = portrait_features.feature_distances(made, true)
  np.testing.assert_allclose(found['l1'], [0, 2, 2])
  np.testing.assert_allclose(found['l2'], [0, np.sqrt(2), 2])
  np.testing.assert_allclose(found['cosine'], [1, 0, -1])


def test_the_length_of_features_does_not_count():
  rng = np.random.default_rng(0)
  made, true = rng.standard_normal((2, 10, 8))
  first = portrait_features.feature_distances(made, true)
  scaled = portrait_features.feature_distances(made * rng.uniform(0.1, 9, (10, 1)), 7 * true)
  for name in portrait_features.NAMES:
    np.testing.assert_allclose(first[name], scaled[name])
  np.testing.assert_allclose(first['l2'] ** 2, 2 - 2 * first['cosine'])


def test_diversity_and_consistency():
  same, across = np.ones((3, 4)), np.eye(3)
  np.testing.assert_allclose(portrait_features.diversity([same, across]), [0, 1], atol=1e-12)
  np.testing.assert_allclose(portrait_features.consistency([same, across]), [1, 0], atol=1e-12)
  with pytest.raises(ValueError, match='two portraits'):
    portrait_features.diversity([np.ones((1, 4))])
  with pytest.raises(ValueError, match='one shape'):
    portrait_features.feature_distances(np.ones((2, 3)), np.ones((3, 3)))
