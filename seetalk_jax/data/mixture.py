"""Weighted mixture of corpora: a fixed repeating pattern maps a global index to a corpus in constant time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seetalk_jax.errors import InputError

PERIOD = 1024  # elements of the pattern; the resolution of the shares is 1 / PERIOD


class Mixture:
  """Assignment of global indices to groups in proportion to weights.

  A pattern of `PERIOD` elements is shuffled once with the seed and repeated. The group of an element and its
  rank within the group are functions of the index, without state. So a run can resume on any number of hosts.
  """

  def __init__(self, weights: Sequence[float], lengths: Sequence[int], seed: int):
    """Builds the pattern.

    Args:
      weights: relative weight of each group, 0 or more; a group without records must have weight 0.
      lengths: number of records of each group.
      seed: seed of the shuffle.

    Raises:
      InputError: the number of weights differs from the number of groups, a weight is negative or not finite,
        all weights are zero, or a group without records has a positive weight.
    """
    shares = np.asarray(weights, np.float64)
    if shares.shape != (len(lengths),):
      raise InputError(f'{len(shares)} weights for {len(lengths)} corpora: give one for each')
    if not np.all(np.isfinite(shares)) or np.any(shares < 0) or not shares.sum():
      raise InputError(f'weights {tuple(weights)}: use numbers of 0 or more, not all of them 0')
    empty = [i for i, length in enumerate(lengths) if not length and shares[i]]
    if empty:
      raise InputError(
        f'weight {weights[empty[0]]} on corpus {empty[0]}, which has no such records: make it 0'
      )
    counts = _whole_shares(shares / shares.sum(), PERIOD)
    pattern = np.repeat(np.arange(len(counts)), counts)
    self._pattern = np.random.default_rng([seed, len(counts), PERIOD]).permutation(pattern)
    self._counts = counts
    self._rank = np.zeros_like(self._pattern)
    for group in range(len(counts)):
      mine = self._pattern == group
      self._rank[mine] = np.arange(mine.sum())

  def find(self, index: int) -> tuple[int, int]:
    """Returns (group of element `index`, number of earlier elements of that group)."""
    period, slot = divmod(index, PERIOD)
    group = int(self._pattern[slot])
    return group, period * int(self._counts[group]) + int(self._rank[slot])


def _whole_shares(shares: np.ndarray, total: int) -> np.ndarray:
  """Rounds `shares * total` to integers that sum to `total`; a nonzero share never becomes 0."""
  counts = np.floor(shares * total).astype(np.int64)
  counts[(shares > 0) & (counts == 0)] = 1
  rest = np.argsort(counts - shares * total, kind='stable')
  for i in range(abs(total - int(counts.sum()))):
    over = counts.sum() > total
    counts[np.argmax(counts) if over else rest[i % len(rest)]] += -1 if over else 1
  return counts
