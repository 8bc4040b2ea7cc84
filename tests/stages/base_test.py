"""Stages: groups of samples that are processed together."""

import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.stages import base


@pytest.mark.parametrize('size, count, groups', [(8, 2, 2), (8, 6, 2), (7, 4, 1), (6, 6, 6), (1, 1, 1)])
def test_groups_keep_the_order_and_give_evenly(size, count, groups):
  rows = base.in_groups(jnp.arange(size), count)
  assert rows.shape == (groups, size // groups) and count % groups == 0
  np.testing.assert_array_equal(rows.ravel(), np.arange(size))
