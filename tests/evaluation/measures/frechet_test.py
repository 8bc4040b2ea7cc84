"""Frechet distance: closed form for Gaussians, one-line errors."""

import numpy as np
import pytest

from seetalk_jax.evaluation.measures import frechet


def test_frechet_distance_of_gaussians():
  """Compared with the closed form for commuting covariances: |dm|^2 + sum (s1 - s2)^2."""
  rng = np.random.default_rng(2)
  one = rng.standard_normal((200_000, 3)) * [1.0, 2.0, 0.5]
  other = rng.standard_normal((200_000, 3)) * [2.0, 2.0, 1.0] + [1.0, 0.0, -2.0]
  assert frechet.frechet_distance(one, other) == pytest.approx(5.0 + 1.0 + 0.25, rel=0.02)
  assert frechet.frechet_distance(one, one) == pytest.approx(0.0, abs=1e-9)
  with pytest.raises(ValueError, match='two sets'):
    frechet.frechet_distance(one[:1], other)
