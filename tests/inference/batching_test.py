"""Fixed-shape batching: results equal those of a single call, and the function gets only one shape."""

import jax
import numpy as np
import pytest

from seetalk_jax.inference.batching import fill_rows, in_fixed_batches, run_ahead, stream_in_fixed_batches


@pytest.mark.parametrize('n', [1, 3, 4, 5, 12])
def test_any_length_is_one_shape_to_the_function(n):
  a, b = np.arange(2 * n, dtype=np.float32).reshape(n, 2), np.arange(n, dtype=np.uint8)
  shapes = []

  @jax.jit
  def fn(a, b):
    shapes.append((a.shape, b.shape))
    return {'sum': a.sum(axis=1) + b, 'both': (a, b)}

  found = in_fixed_batches(fn, a, b, size=4)
  assert shapes == [((4, 2), (4,))]
  np.testing.assert_array_equal(found['sum'], a.sum(axis=1) + b)
  for got, wanted in zip(found['both'], (a, b), strict=True):
    assert isinstance(got, np.ndarray) and got.dtype == wanted.dtype
    np.testing.assert_array_equal(got, wanted)


def test_the_last_batch_repeats_the_last_row():
  batches = []
  found = in_fixed_batches(lambda rows: batches.append(rows.tolist()) or rows, np.arange(6), size=4)
  assert batches == [[0, 1, 2, 3], [4, 5, 5, 5]] and found.tolist() == [0, 1, 2, 3, 4, 5]
  assert fill_rows(np.array([[1], [2]]), 3).tolist() == [[1], [2], [2]]
  whole = np.arange(3)
  assert fill_rows(whole, 3) is whole


@pytest.mark.parametrize('n', [0, 1, 4, 9])
def test_a_stream_is_read_one_batch_at_a_time(n):
  read, shapes = [], []

  def rows():
    for i in range(n):
      read.append(i)
      yield np.full(2, i)

  results = []
  for part in stream_in_fixed_batches(lambda x: shapes.append(x.shape) or 2 * x, rows(), size=4):
    results.append(part)
    assert len(read) == sum(map(len, results))  # nothing is read ahead
  assert set(shapes) <= {(4, 2)}
  found = np.concatenate([np.zeros((0, 2)), *results])
  np.testing.assert_array_equal(found, 2 * np.arange(n)[:, None] * np.ones(2))


@pytest.mark.parametrize('lengths', [(0,), (0, 0), (3, 2)])
def test_lengths_that_do_not_work_are_named(lengths):
  with pytest.raises(ValueError, match=str(list(lengths)).replace('[', r'\[')):
    in_fixed_batches(lambda *arrays: arrays, *(np.zeros(n) for n in lengths), size=2)


@pytest.mark.parametrize('ahead', [0, 1, 3, 20])
def test_calls_run_ahead_of_the_results_in_their_order(ahead):
  called, seen = [], []
  for result in run_ahead(lambda i: called.append(i) or 10 * i, range(9), ahead=ahead):
    seen.append((result, len(called)))
  assert [result for result, _ in seen] == [10 * i for i in range(9)]
  assert [count for _, count in seen] == [min(9, i + 1 + ahead) for i in range(9)]


def test_nothing_is_called_before_a_result_is_wanted():
  called = []
  results = run_ahead(called.append, range(3), ahead=1)
  assert called == []
  next(results)
  assert called == [0, 1]
