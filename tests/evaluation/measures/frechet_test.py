"""Frechet distance: closed form for Gaussians, the matrix square root, streamed statistics, one-line errors."""

import numpy as np
import pytest
from scipy import linalg

from seetalk_jax.evaluation.measures import frechet
from seetalk_jax.evaluation.measures.frechet import GaussianStatistics


def test_frechet_distance_of_gaussians():
  """Compared with the closed form for commuting covariances: |dm|^2 + sum (s1 - s2)^2."""
  rng = np.random.default_rng(2)
  one = rng.standard_normal((200_000, 3)) * [1.0, 2.0, 0.5]
  other = rng.standard_normal((200_000, 3)) * [2.0, 2.0, 1.0] + [1.0, 0.0, -2.0]
  assert frechet.frechet_distance(one, other) == pytest.approx(5.0 + 1.0 + 0.25, rel=0.02)
  assert frechet.frechet_distance(one, one) == pytest.approx(0.0, abs=1e-9)


def sets(n, d, seed=0):
  """Two sets of correlated vectors, whose means are far from zero."""
  rng = np.random.default_rng(seed)
  mixing = rng.standard_normal((2, d, d)) / np.sqrt(d)
  return [3.0 + 0.1 * i + rng.standard_normal((n, d)) @ mixing[i] for i in range(2)]


def by_square_root(one, other):
  """The distance by the matrix square root of the product of the covariances, as pytorch-fid computes it."""
  difference = one.mean(axis=0) - other.mean(axis=0)
  c1, c2 = (np.cov(vectors, rowvar=False) for vectors in (one, other))
  root = linalg.sqrtm(c1 @ c2)
  if not np.isfinite(root).all():
    root = linalg.sqrtm((c1 + 1e-6 * np.eye(len(c1))) @ (c2 + 1e-6 * np.eye(len(c2))))
  return difference @ difference + np.trace(c1) + np.trace(c2) - 2 * np.trace(root.real)


@pytest.mark.parametrize('n', [20, 65, 500])  # 20 and 64: fewer degrees of freedom than dimensions
def test_it_equals_the_matrix_square_root(n):
  one, other = sets(n, 64)
  assert frechet.frechet_distance(one, other) == pytest.approx(by_square_root(one, other), rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize('n', [300, pytest.param(3000, marks=pytest.mark.proof)])
def test_it_equals_the_matrix_square_root_in_2048_dimensions(n):
  one, other = sets(n, 2048)
  assert frechet.frechet_distance(one, other) == pytest.approx(by_square_root(one, other), rel=1e-4)


def test_rank_deficient_sets_have_a_closed_form():
  """Sets within different axes: the covariances have the product zero."""
  rng = np.random.default_rng(1)
  vectors = np.zeros((2, 100, 12))
  vectors[0, :, :5] = rng.standard_normal((100, 5))
  vectors[1, :, 5:10] = rng.standard_normal((100, 5))
  traces = sum(np.trace(np.cov(v, rowvar=False)) for v in vectors)
  shift = np.square(vectors[0].mean(axis=0) - vectors[1].mean(axis=0)).sum()
  wanted = traces + shift
  assert frechet.frechet_distance(*vectors) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize('offset', [0.0, 1e6])
def test_streamed_statistics_are_those_of_the_whole(offset):
  rng = np.random.default_rng(3)
  whole = offset + rng.standard_normal((1000, 16)) @ rng.standard_normal((16, 16))
  cuts = [0, 1, 1, 130, 131, 999]
  streamed = GaussianStatistics.of(np.split(whole, cuts))
  shards = [GaussianStatistics.of([part]) for part in np.split(whole, [100, 101, 700])]
  merged = GaussianStatistics(16)
  for shard in shards:
    merged.merge(shard)
  for statistics in (streamed, merged):
    assert statistics.count == 1000
    np.testing.assert_allclose(statistics.mean, whole.mean(axis=0), rtol=1e-10)
    wanted = np.cov(whole, rowvar=False)
    tolerance = 1e-10 * np.abs(wanted).max()
    if offset:
      tolerance *= 100  # of 16 digits, the vectors themselves have 10 behind the point
    np.testing.assert_allclose(statistics.covariance, wanted, atol=tolerance)
  assert shards[0].count == 100  # as it was


def test_distances_of_statistics_are_those_of_arrays():
  one, other = sets(300, 32)
  wanted = frechet.frechet_distance(one, other)
  statistics = [GaussianStatistics.of(np.array_split(vectors, 7)) for vectors in (one, other)]
  assert frechet.frechet_distance(*statistics) == pytest.approx(wanted, rel=1e-10)
  assert frechet.frechet_distance(statistics[0], other) == pytest.approx(wanted, rel=1e-10)
  assert frechet.frechet_distance(other, one) == pytest.approx(wanted, rel=1e-10)


def test_what_does_not_work_is_named():
  one, other = np.zeros((5, 3)), np.zeros((5, 4))
  with pytest.raises(ValueError, match=r'two sets .* \(1, 3\) and \(5, 3\)'):
    frechet.frechet_distance(one[:1], one)
  with pytest.raises(ValueError, match=r'\(5, 3\) and \(5, 4\)'):
    frechet.frechet_distance(one, GaussianStatistics.of([other]))
  with pytest.raises(ValueError, match=r'\[n, d\], got \(5,\)'):
    frechet.frechet_distance(one[:, 0], one)
  with pytest.raises(ValueError, match='got none'):
    GaussianStatistics.of([])
  statistics = GaussianStatistics(3)
  with pytest.raises(ValueError, match=r'\[n, 3\], got \(5, 4\)'):
    statistics.update(other)
  with pytest.raises(ValueError, match='width 3, got 4'):
    statistics.merge(GaussianStatistics(4))
  with pytest.raises(ValueError, match='two vectors and more for a covariance, got 0'):
    _ = statistics.covariance
