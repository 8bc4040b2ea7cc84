"""Network specifications in JSON, and comparison of a checkpoint's arrays with the required ones."""

import numpy as np
import pytest

from seetalk_jax.errors import CheckpointError
from seetalk_jax.releases import network_spec

WORDS = dict(where='run/1', expected='this configuration', advice='use another')


def test_paths_and_shapes_of_a_tree():
  tree = {'a': {'kernel': np.zeros((2, 3)), 'bias': np.float32(1)}, 'b': [np.zeros(4)], 'none': {}}
  assert network_spec.shapes_in(tree) == {'a/bias': (), 'a/kernel': (2, 3), 'b/0': (4,)}


@pytest.mark.parametrize(
  'have, want, first',
  [
    ({'a': (1,), 'c': (2,)}, {'a': (1,), 'b': (3,), 'c': (4,)}, r'b is absent there, but \(3,\)'),
    ({'a': (), 'z': (2,)}, {'a': ()}, r'z is \(2,\) there, but absent'),
    ({'a': (1, 2)}, {'a': (2, 1)}, r'a is \(1, 2\) there, but \(2, 1\)'),
  ],
)
def test_the_first_difference_is_named_with_both_shapes(have, want, first):
  network_spec.compare_shapes(have, have, **WORDS)
  message = f'weights of another configuration, run/1: {first} in this configuration; use another'
  with pytest.raises(CheckpointError, match=f'^{message}$'):
    network_spec.compare_shapes(have, want, **WORDS)


def test_parts_that_may_be_missing():
  network_spec.compare_shapes({'a': (1,)}, {'a': (1,), 'new/x': (2,)}, may_lack=('new/',), **WORDS)
  with pytest.raises(CheckpointError, match='new/x'):
    network_spec.compare_shapes(
      {'a': (1,), 'new/x': (3,)}, {'a': (1,), 'new/x': (2,)}, may_lack=('new/',), **WORDS
    )
