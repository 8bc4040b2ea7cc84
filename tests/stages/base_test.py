"""Stages: groups and random shares of samples that are processed together."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.stages import base


@pytest.mark.parametrize('size, count, groups', [(8, 2, 2), (8, 6, 2), (7, 4, 1), (6, 6, 6), (1, 1, 1)])
def test_groups_keep_the_order_and_give_evenly(size, count, groups):
  rows = base.in_groups(jnp.arange(size), count)
  assert rows.shape == (groups, size // groups) and count % groups == 0
  np.testing.assert_array_equal(rows.ravel(), np.arange(size))


@pytest.mark.parametrize(
  'size, share, count', [(8, 0.25, 2), (8, 0.75, 6), (8, 0.01, 1), (1, 0.1, 1), (6, 2.0, 6)]
)
def test_a_random_share_is_the_same_samples_of_every_array_and_in_time_all_of_them(size, share, count):
  tree = {'numbers': jnp.arange(size), 'table': jnp.stack([jnp.arange(size)] * 3, axis=1)}
  seen, run = set(), jax.jit(lambda rng: base.random_share(rng, share, tree))
  for seed in range(40):
    found = run(jax.random.key(seed))
    numbers = np.asarray(found['numbers'])
    assert len(set(numbers.tolist())) == len(numbers) == count
    np.testing.assert_array_equal(found['table'], numbers[:, None].repeat(3, 1))
    seen |= set(numbers.tolist())
  assert seen == set(range(size))


@pytest.mark.parametrize(
  ('batch_size', 'count'), [(12, 64), (32, 64), (128, 16), (256, 8), (2048, 1), (4096, 1)]
)
def test_statistics_take_a_number_of_rows_of_large_batches(batch_size, count):
  batches = itertools.repeat({'motion': np.zeros([batch_size, 1])})
  assert len(list(base.first_batches(batches, 64))) == count
