"""Shuffled order of records: position in an epoch to record, without a table of the whole corpus."""

from __future__ import annotations

import functools

import grain
import numpy as np

# Grain's shuffle of fewer records than this takes up to milliseconds an element, since it draws from at least so
# many numbers until one is small enough. Their permutation is half a megabyte at most.
_SHORT = 2**16
# With the 4 of `MapDataset.shuffle` neighbors of a long corpus stay correlated: means over 16 elements of 10 million
# vary a quarter more than those of independent draws.
_ROUNDS = 8


def shuffled(position: int, *, seed: int, epoch: int, length: int) -> int:
  """The record at `position` of an epoch of `length` records (fewer than 2**32), which holds each of them once.

  A function of the arguments alone; takes microseconds, and memory that does not grow with `length`.
  """
  if length <= _SHORT:
    return int(_permutation(seed, epoch, length)[position])
  # Odd, since Grain's shuffle (0.2.18) is no permutation up to a power of two; where that makes one number too many,
  # it is shuffled again.
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
