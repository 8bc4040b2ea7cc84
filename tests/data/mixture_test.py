"""Mixture of corpora: shares of the weights in every stretch of batches, dependence on the seed, own epochs."""

import collections

import numpy as np
import pytest

from seetalk_jax.data import mixture, pipeline
from seetalk_jax.errors import InputError


@pytest.mark.parametrize('weights', [(1, 1), (1, 3), (0.2, 0.3, 0.5), (1, 0, 999), (5000, 1, 1)])
def test_groups_are_dealt_out_in_proportion_and_in_order(weights):
  mixed = mixture.Mixture(weights, [10] * len(weights), seed=3)
  seen = collections.Counter()
  for index in range(3000):
    group, rank = mixed.find(index)
    assert rank == seen[group]  # the elements of each group are numbered without gaps
    seen[group] += 1
  shares = np.array(weights) / np.sum(weights)
  for group, share in enumerate(shares):
    assert abs(seen[group] / 3000 - share) < 0.01
    assert (seen[group] > 0) == (share > 0)
  # Large indices cost the same and agree with the pattern.
  group, rank = mixed.find(10**12)
  assert abs(rank / 10**12 - shares[group]) < 2 / 1024


def test_the_pattern_depends_on_the_seed_alone():
  def pattern(seed):
    mixed = mixture.Mixture((1, 1), (5, 5), seed)
    return [mixed.find(i)[0] for i in range(200)]

  assert pattern(0) == pattern(0) != pattern(1)


@pytest.mark.parametrize('weights', [(1,), (1, -1), (0, 0), (1, float('nan')), (1, 1)])
def test_wrong_weights_are_the_users_error(weights):
  with pytest.raises(InputError):
    mixture.Mixture(weights, (4, 0), seed=0)


def test_every_group_has_epochs_of_its_own():
  class Records:
    group_lengths = [4, 6]

    def __len__(self):
      return 10

  elements = pipeline.Elements('image', Records(), seed=0, weights=(1, 1))
  drawn = [elements.record_index(i) for i in range(600)]
  first, second = [i for i in drawn if i < 4], [i for i in drawn if i >= 4]
  for part, size in ((first, 4), (second, 6)):
    for epoch in range(len(part) // size):
      assert len(set(part[epoch * size : (epoch + 1) * size])) == size
