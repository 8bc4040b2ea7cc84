"""Frechet distance between Gaussians fitted to two sets of feature vectors."""

from __future__ import annotations

import numpy as np


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
  """`|mean1 - mean2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))` of `[n, d]` and `[m, d]` (arXiv 1706.08500).

  The value depends on the features; the name FID is reserved for one published Inception network. Few vectors
  bias it upwards: compare sets of equal size.

  Raises:
    ValueError: fewer than two vectors, or vectors of different width.
  """
  first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
  if min(len(first), len(second)) < 2 or first.shape[1:] != second.shape[1:] or first.ndim != 2:
    raise ValueError(f'need two sets [n, d] of two vectors and more, got {first.shape} and {second.shape}')
  difference = first.mean(axis=0) - second.mean(axis=0)
  one, other = (np.atleast_2d(np.cov(vectors, rowvar=False)) for vectors in (first, second))
  root = _root(one)
  # (C1 C2)^(1/2) has the trace of the symmetric (C1^(1/2) C2 C1^(1/2))^(1/2), which avoids complex numbers.
  shared = np.sqrt(np.clip(np.linalg.eigvalsh(root @ other @ root), 0.0, None)).sum()
  # Rounding may give a slightly negative distance.
  return max(0.0, float(difference @ difference + np.trace(one) + np.trace(other) - 2.0 * shared))


def _root(matrix: np.ndarray) -> np.ndarray:
  values, vectors = np.linalg.eigh(matrix)
  return (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T
