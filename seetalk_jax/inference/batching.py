"""Batching with a fixed batch size, so that one compiled function serves arrays of any length."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np

PyTree = Any


def in_fixed_batches(fn: Callable[..., PyTree], *arrays: np.ndarray, size: int) -> PyTree:
  """Calls `fn` on batches of `size` rows and joins the results.

  The last batch is padded with copies of the last row; results of the padding are dropped. Results are copied
  to the host batch by batch.

  Args:
    fn: maps arrays `[size, ...]`, one for each of `arrays`, to an array or a tree of arrays `[size, ...]`. To
      avoid having all rows in memory, pass `np.arange(n)` and let `fn` compute the rows of these indices.
    arrays: arrays `[n, ...]`, n at least 1.
    size: batch size.

  Returns:
    The results of `fn` as NumPy arrays `[n, ...]`.

  Raises:
    ValueError: arrays without rows, or of different lengths.
  """
  n = len(arrays[0])
  if n == 0 or any(len(array) != n for array in arrays):
    raise ValueError(f'arrays of one length of at least 1 are needed, got {[len(array) for array in arrays]}')
  parts = []
  for start in range(0, n, size):
    batch = [fill_rows(array[start : start + size], size) for array in arrays]
    parts.append(jax.tree.map(np.asarray, fn(*batch)))
  return jax.tree.map(lambda *pieces: np.concatenate(pieces)[:n], *parts)


def stream_in_fixed_batches(
  fn: Callable[[np.ndarray], PyTree], rows: Iterable[np.ndarray], *, size: int
) -> Iterator[PyTree]:
  """Calls `fn` on batches of `size` rows of a stream; one batch is in memory at a time.

  Args:
    fn: maps an array `[size, ...]` to an array or a tree of arrays `[size, ...]`.
    rows: arrays of one shape `[...]`, one for each row.
    size: batch size.

  Yields:
    The results of `fn` as NumPy arrays `[m, ...]`; m is `size`, and less for the last rows.
  """
  rows = iter(rows)
  while batch := list(itertools.islice(rows, size)):
    yield in_fixed_batches(fn, np.stack(batch), size=size)


def run_ahead(fn: Callable[[Any], PyTree], args: Iterable[Any], *, ahead: int) -> Iterator[PyTree]:
  """Calls `fn` on every argument, in order, and up to `ahead` calls before their results are taken.

  Args:
    fn: a function that returns before the device has finished.
    args: its arguments.
    ahead: calls after the one whose result the caller works with; 0: each call is made when its result is taken.
  """
  waiting: collections.deque[PyTree] = collections.deque()
  for arg in args:
    waiting.append(fn(arg))
    if len(waiting) > ahead:
      yield waiting.popleft()
  yield from waiting


def fill_rows(array: np.ndarray, size: int) -> np.ndarray:
  """Pads an array `[m, ...]`, m from 1 to `size`, to `[size, ...]` with copies of the last row."""
  missing = size - len(array)
  return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array
