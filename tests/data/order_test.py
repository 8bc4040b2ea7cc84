"""Order of records: every record once per epoch, constant memory, equal in every process and version."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from seetalk_jax.data import order, pipeline

LONG = 10_000_000


class _Records:
  """A source with the length that it is constructed with."""

  def __init__(self, *group_lengths):
    self.group_lengths = list(group_lengths)

  def __len__(self):
    return sum(self.group_lengths)


def _epoch(length, **key):
  return [order.shuffled(i, length=length, **key) for i in range(length)]


@pytest.mark.parametrize('length', [1, 2, 14, 2**16, 2**16 + 1, 2**16 + 2])
def test_every_epoch_holds_every_record_once_in_another_order(length):
  epochs = [_epoch(length, seed=3, epoch=epoch) for epoch in (0, 1)]
  for records in epochs:
    np.testing.assert_array_equal(np.sort(records), np.arange(length))
  other = _epoch(length, seed=4, epoch=0)
  if length > 2:
    assert epochs[0] != epochs[1] and epochs[0] != other and epochs[1] != other


def test_memory_does_not_grow_with_the_corpus():
  elements = pipeline.Elements('image', _Records(LONG), seed=0)
  tracemalloc.start()
  try:
    for index in range(0, 20 * LONG, LONG // 10):  # epochs 0 to 19
      assert 0 <= elements.record_index(index) < LONG
    assert tracemalloc.get_traced_memory()[1] < 2**20
  finally:
    tracemalloc.stop()


def test_batches_of_a_long_corpus_are_spread_over_it():
  starts = np.random.default_rng(0).integers(0, LONG - 16, 2000)
  batches = np.array(
    [[order.shuffled(int(s) + i, seed=0, epoch=int(s) % 50, length=LONG) for i in range(16)] for s in starts]
  )
  means = batches.mean(axis=1) / LONG
  assert abs(means.mean() - 0.5) < 0.01
  assert abs(means.std() * np.sqrt(12 * 16) - 1) < 0.06  # as for independent samples


def test_the_order_stays_what_it_was():
  # With another order, a resumed run would repeat some records and skip others.
  short = [order.shuffled(i, seed=0, epoch=0, length=3000) for i in range(6)]
  assert short == [320, 1496, 62, 2932, 2230, 2850]
  first = [order.shuffled(i, seed=0, epoch=0, length=LONG) for i in range(6)]
  assert first == [8480924, 7970467, 7847770, 7941534, 895486, 4327545]
  later = [order.shuffled(i, seed=0, epoch=1, length=LONG) for i in range(3)]
  assert later == [8066259, 1514906, 3854048]
  mixed = pipeline.Elements('image', _Records(LONG, 14), seed=7, weights=(3, 1))
  drawn = [mixed.record_index(i) for i in range(5 * LONG, 5 * LONG + 6)]
  assert drawn == [10000005, 8187715, 10000003, 10000003, 1597408, 778422]


def test_the_order_is_the_same_in_every_process():
  code = f"""
from seetalk_jax.data import order
print([order.shuffled(i, seed=5, epoch=e, length={LONG}) for e in (0, 9) for i in (0, 1, {LONG - 1})])
"""
  out = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
  here = [order.shuffled(i, seed=5, epoch=e, length=LONG) for e in (0, 9) for i in (0, 1, LONG - 1)]
  assert out.stdout.strip() == str(here)
