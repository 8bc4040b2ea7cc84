"""Frechet distance between Gaussians fitted to two sets of feature vectors, from arrays or from streamed statistics."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


class GaussianStatistics:
  """Mean and covariance of feature vectors that arrive in parts, in float64 and in constant memory.

  Parts are merged by their means and by the outer products of deviations from them (Chan, Golub and LeVeque 1983), so
  that a mean far from zero costs no precision. Statistics of shards, merged, are those of the whole.

  Attributes:
    count: number of vectors so far.
    mean: `[d]`; zeros without vectors.
  """

  def __init__(self, width: int):
    """Statistics of no vectors of `width` numbers."""
    self.count = 0
    self.mean = np.zeros(width)
    self._scatter = np.zeros((width, width))  # sum of outer products of deviations from the mean

  @classmethod
  def of(cls, parts: Iterable[np.ndarray]) -> GaussianStatistics:
    """Statistics of a stream of arrays `[n, d]`.

    Raises:
      ValueError: no array, or arrays of different width.
    """
    statistics = None
    for part in parts:
      statistics = statistics or cls(np.shape(part)[-1])
      statistics.update(part)
    if statistics is None:
      raise ValueError('need feature vectors [n, d], got none')
    return statistics

  def update(self, features: np.ndarray) -> None:
    """Adds feature vectors `[n, d]`; n may be 0.

    Raises:
      ValueError: another shape.
    """
    features = np.asarray(features, np.float64)
    if features.ndim != 2 or features.shape[1] != len(self.mean):
      raise ValueError(f'need features [n, {len(self.mean)}], got {features.shape}')
    if len(features):
      mean = features.mean(axis=0)
      deviations = features - mean
      self._add(len(features), mean, deviations.T @ deviations)

  def merge(self, other: GaussianStatistics) -> None:
    """Adds the vectors of other statistics, which stay as they are.

    Raises:
      ValueError: vectors of another width.
    """
    if len(other.mean) != len(self.mean):
      raise ValueError(f'need vectors of width {len(self.mean)}, got {len(other.mean)}')
    if other.count:
      self._add(other.count, other.mean, other._scatter)

  def _add(self, count: int, mean: np.ndarray, scatter: np.ndarray) -> None:
    total = self.count + count
    shift = mean - self.mean
    self._scatter += scatter
    self._scatter += np.outer(shift, shift * (self.count * count / total))
    self.mean = self.mean + shift * (count / total)
    self.count = total

  @property
  def covariance(self) -> np.ndarray:
    """Unbiased covariance `[d, d]`.

    Raises:
      ValueError: fewer than two vectors.
    """
    if self.count < 2:
      raise ValueError(f'need two vectors and more for a covariance, got {self.count}')
    return self._scatter / (self.count - 1)


def frechet_distance(
  first: np.ndarray | GaussianStatistics, second: np.ndarray | GaussianStatistics
) -> float:
  """`|mean1 - mean2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))` (arXiv 1706.08500).

  It is FID with features of pytorch-fid's Inception-v3, and FVD (arXiv 1812.01717) with those of I3D; other features
  give other values. Few vectors bias it upwards: compare sets of equal size.

  Args:
    first, second: feature vectors `[n, d]` and `[m, d]`, or their statistics.

  Raises:
    ValueError: fewer than two vectors, or vectors of different width.

  Example:
    >>> features = np.random.default_rng(0).standard_normal((100, 8))
    >>> round(frechet_distance(features, features + 0.5), 6)  # 8 means that differ by 0.5
    2.0
  """
  one, other = _statistics(first), _statistics(second)
  if min(one.count, other.count) < 2 or len(one.mean) != len(other.mean):
    shapes = [(statistics.count, len(statistics.mean)) for statistics in (one, other)]
    raise ValueError(f'need two sets [n, d] of two vectors and more, got {shapes[0]} and {shapes[1]}')
  difference = one.mean - other.mean
  c1, c2 = one.covariance, other.covariance
  # With C = F F^T, the trace of (C1 C2)^(1/2) is the sum of the singular values of F1^T F2. Unlike eigenvalues of a
  # product, they keep their precision where covariances are rank-deficient.
  shared = np.linalg.svd(_factor(c1).T @ _factor(c2), compute_uv=False).sum()
  # Rounding may give a slightly negative distance.
  return max(0.0, float(difference @ difference + np.trace(c1) + np.trace(c2) - 2.0 * shared))


def _statistics(features: np.ndarray | GaussianStatistics) -> GaussianStatistics:
  if isinstance(features, GaussianStatistics):
    return features
  if np.ndim(features) != 2:
    raise ValueError(f'need feature vectors [n, d], got {np.shape(features)}')
  return GaussianStatistics.of([features])


def _factor(covariance: np.ndarray) -> np.ndarray:
  """`F [d, k]` with `F F^T` the covariance `[d, d]` of rank k; eigenvalues that are rounding errors are left out."""
  values, vectors = np.linalg.eigh(covariance)
  kept = values > len(values) * np.finfo(np.float64).eps * max(values[-1], 0.0)
  return vectors[:, kept] * np.sqrt(values[kept])
