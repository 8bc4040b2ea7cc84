"""Detection of NaN and infinity: the first tensor that is not finite, means of metrics, messages."""

import numpy as np
import pytest

from seetalk_jax.training import health
from seetalk_jax.training.run_result import NonFiniteError


def trees():
  batch = {'image': np.ones(3, np.float32), 'speaker': np.arange(3)}
  params = {'net': {'kernel': np.ones((2, 2), np.float32)}}
  return batch, params, {'net': {'kernel': np.zeros((2, 2), np.float32)}}


def test_tensors_are_named_in_the_order_of_the_index():
  batch, params, gradients = trees()
  names = health.names(batch, params, gradients)
  assert names == [
    'batch image',
    'parameter net/kernel',
    'gradient of net/kernel',
  ]  # whole numbers are finite
  assert health.first_bad(batch, params, gradients) == -1
  gradients['net']['kernel'][1, 0] = np.inf
  assert health.first_bad(batch, params, gradients) == 2
  batch['image'][2] = np.nan
  assert health.first_bad(batch, params, gradients) == 0


def row(loss, bad=-1):
  return {'loss': np.float32(loss), health.METRIC: np.int32(bad)}


def test_means_leave_the_index_out():
  assert health.finite_means([row(1), row(2)], 10, None, []) == {'loss': 1.5}


@pytest.mark.parametrize(
  'recent, latest, message',
  [
    ([row(1), row(np.nan), row(1)], None, r'^loss is nan at step 9; last good checkpoint: none$'),
    ([row(np.inf, 1), row(np.nan)], 6, r'^loss is inf at step 9; .*: step 6; first bad tensor: b$'),
    ([row(1, 0)], 6, r'^a tensor is not finite at step 10; .*; first bad tensor: a$'),
  ],
)
def test_the_first_bad_step_is_named(recent, latest, message):
  with pytest.raises(NonFiniteError, match=message):
    health.finite_means(recent, 10, latest, ['a', 'b'])
