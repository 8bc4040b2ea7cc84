"""Distances of portraits to the true face in the features of a face network, and their diversity and consistency.

The distances are those of Speech2Face (arXiv 1905.09773, table 3): of features of unit length.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NAMES = ('l1', 'l2', 'cosine')


def feature_distances(made: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
  """Distances of n portraits to n true faces, each `[n]`, by the names in `NAMES`.

  Args:
    made, true: features `[n, d]` of any length; they are scaled to unit length first.

  Returns:
    `l1` and `l2`: norms of the difference (0 to 2 sqrt(d), 0 to 2); `cosine`: -1 to 1.

  Raises:
    ValueError: arrays of different shapes.
  """
  if made.shape != true.shape or made.ndim != 2:
    raise ValueError(f'need features [n, d] of one shape, got {made.shape} and {true.shape}')
  made, true = unit(made), unit(true)
  difference = made - true
  return {
    'l1': np.abs(difference).sum(axis=1),
    'l2': np.linalg.norm(difference, axis=1),
    'cosine': (made * true).sum(axis=1),
  }


def diversity(portraits: Sequence[np.ndarray]) -> np.ndarray:
  """One minus the mean cosine of two portraits of one voice, for every voice: `[n]`, 0 for equal ones.

  Args:
    portraits: per voice the features `[k, d]` of k portraits of other seeds, k at least 2.
  """
  return np.array([1.0 - _mean_cosine(unit(each)) for each in portraits])


def consistency(portraits: Sequence[np.ndarray]) -> np.ndarray:
  """Mean cosine of portraits of one speaker from other recordings with one seed, for every speaker: `[n]`.

  Args:
    portraits: per speaker the features `[k, d]` of the portraits from k recordings, k at least 2.
  """
  return np.array([_mean_cosine(unit(each)) for each in portraits])


def unit(features: np.ndarray) -> np.ndarray:
  """Features `[n, d]` of unit length; zero stays zero."""
  features = np.asarray(features, np.float64)
  return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def _mean_cosine(vectors: np.ndarray) -> float:
  count = len(vectors)
  if count < 2:
    raise ValueError(f'need two portraits and more, got {count}')
  pairs = np.triu_indices(count, 1)
  return float((vectors @ vectors.T)[pairs].mean())
