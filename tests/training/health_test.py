"""Detection of NaN and infinity: the first tensor that is not finite, means of metrics, messages."""

import numpy as np
import pytest

from seetalk_jax.stages import figures
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


def test_figures_that_no_step_has_are_left_out_and_the_others_are_means_of_the_steps_that_have_them():
  nothing, some = {'read': figures.ABSENT, 'flow': figures.ABSENT}, {'read': 4.0, 'flow': figures.ABSENT}
  recent = [row(1) | nothing, row(2) | some, row(3) | {'read': 2.0, 'flow': figures.ABSENT}]
  assert health.finite_means(recent, 10, None, []) == {'loss': 2.0, 'read': 3.0}
  with pytest.raises(NonFiniteError, match='loss is -inf at step 10'):
    health.finite_means([row(-np.inf)], 10, None, [])
  with pytest.raises(NonFiniteError, match='read is nan'):
    health.finite_means([row(1) | {'read': np.nan}], 10, None, [])


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
