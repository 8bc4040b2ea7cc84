"""Shuffled order of records: maps a position in an epoch to a record without an index table of the corpus."""

from __future__ import annotations

import functools

import grain
import numpy as np

# Below this length Grain's index shuffle takes up to milliseconds per element, because it samples from at
# least this many numbers and rejects those that are too large. A stored permutation takes at most half a
# megabyte.
_SHORT = 2**16
# With 4 rounds, as in `MapDataset.shuffle`, neighbors in a long corpus stay correlated: for 10 million
# elements, means over 16 elements vary 25 % more than means of independent samples.
_ROUNDS = 8


def shuffled(position: int, *, seed: int, epoch: int, length: int) -> int:
  """Record index at `position` of a shuffled epoch of `length` records (fewer than 2**32).

  An epoch contains each record once. The result is a pure function of the arguments. A call takes
  microseconds, and memory does not grow with `length`.
  """
  if length <= _SHORT:
    return int(_permutation(seed, epoch, length)[position])
  # The largest index is made odd, since Grain's shuffle (0.2.18) is not a permutation when it is a power of
  # two. An index beyond the records is shuffled again.
  last, key = (length - 1) | 1, _epoch_seed(seed, epoch, length)
  while True:
    position = grain.experimental.index_shuffle(position, max_index=last, seed=key, rounds=_ROUNDS)
    if position < length:
      return position


@functools.lru_cache(maxsize=16)
def _permutation(seed: int, epoch: int, length: int) -> np.ndarray:
  return np.random.default_rng([seed, epoch, length]).permutation(length)


@functools.lru_cache(maxsize=64)
def _epoch_seed(seed: int, epoch: int, length: int) -> int:
  return int(np.random.SeedSequence([seed, epoch, length]).generate_state(1)[0])
