"""Disk cache: what exists is loaded, what is missing is made once; digests depend on content alone."""

import numpy as np
import pytest

from seetalk_jax.evaluation import disk_cache


def test_arrays_are_made_once_and_come_back(tmp_path):
  made = []

  def make():
    made.append(1)
    return {'ids': np.arange(3), 'names': np.array(['a', 'bc'])}

  path = tmp_path / 'arrays.npz'
  for _ in range(2):
    found = disk_cache.cached(path, make, disk_cache.save_arrays, disk_cache.load_arrays)
    np.testing.assert_array_equal(found['ids'], [0, 1, 2])
    assert list(found['names']) == ['a', 'bc']
  assert made == [1]


def test_a_failure_leaves_nothing(tmp_path):
  def make():
    raise ZeroDivisionError

  with pytest.raises(ZeroDivisionError):
    disk_cache.cached(tmp_path / 'a.npz', make, disk_cache.save_arrays, disk_cache.load_arrays)
  assert not list(tmp_path.iterdir())


def test_digests_depend_on_the_content_and_not_on_its_order():
  one = disk_cache.digest({'size': 64, 'seed': 1})
  assert len(one) == 10 and set(one) <= set('0123456789abcdef')
  assert one == disk_cache.digest({'seed': 1, 'size': 64})
  assert one != disk_cache.digest({'size': 64, 'seed': 2})
  assert disk_cache.digest(np.float32) == disk_cache.digest(str(np.float32))  # what JSON does not have
