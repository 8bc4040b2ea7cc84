"""Which of several corpora each element comes from: a fixed pattern, so that any element is found at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seetalk_jax.errors import InputError

_PERIOD = 1024  # elements; shares are kept to one in so many


class Mixture:
  """Deals global indices out to groups in proportion to weights.

  A pattern of `_PERIOD` elements, shuffled once by the seed, repeats; so the group of an element, and how many
  of that group came before it, need no state. An interrupted run finds its place again on any number of hosts.
  """

  def __init__(self, weights: Sequence[float], lengths: Sequence[int], seed: int):
    """Args: `weights` and `lengths` of the groups; a group without records must have weight 0.

    Raises:
      InputError: weights that are not one a group, negative, all zero, or on a group without records.
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
    counts = _whole_shares(shares / shares.sum(), _PERIOD)
    pattern = np.repeat(np.arange(len(counts)), counts)
    self._pattern = np.random.default_rng([seed, len(counts), _PERIOD]).permutation(pattern)
    self._counts = counts
    self._rank = np.zeros_like(self._pattern)
    for group in range(len(counts)):
      mine = self._pattern == group
      self._rank[mine] = np.arange(mine.sum())

  def find(self, index: int) -> tuple[int, int]:
    """The group of element `index`, and how many elements of that group came before it."""
    period, slot = divmod(index, _PERIOD)
    group = int(self._pattern[slot])
    return group, period * int(self._counts[group]) + int(self._rank[slot])


def _whole_shares(shares: np.ndarray, total: int) -> np.ndarray:
  """Whole numbers that add up to `total`, nearest to `shares * total`; none that is not 0 becomes 0."""
  counts = np.floor(shares * total).astype(np.int64)
  counts[(shares > 0) & (counts == 0)] = 1
  rest = np.argsort(counts - shares * total, kind='stable')
  for i in range(abs(total - int(counts.sum()))):
    over = counts.sum() > total
    counts[np.argmax(counts) if over else rest[i % len(rest)]] += -1 if over else 1
  return counts
