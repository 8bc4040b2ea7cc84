"""Shares of a batch: selection of the samples that are rendered or re-encoded, equal for all entries."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.stages import base, lip_refiner, render


@pytest.mark.parametrize('size, count, groups', [(8, 2, 2), (8, 6, 2), (7, 4, 1), (6, 6, 6), (1, 1, 1)])
def test_groups_keep_the_order_and_give_evenly(size, count, groups):
  rows = base.in_groups(jnp.arange(size), count)
  assert rows.shape == (groups, size // groups) and count % groups == 0
  np.testing.assert_array_equal(rows.ravel(), np.arange(size))


def test_a_share_is_the_same_samples_of_whatever_is_asked():
  batch = jnp.arange(8), jnp.stack([jnp.arange(8)] * 3, axis=1)
  for share, first, last in [
    (0.25, [0, 4], [3, 7]),
    (0.125, [0], [7]),
    (0.01, [0], [7]),
    (0.75, [0, 1, 2, 4, 5, 6], [1, 2, 3, 5, 6, 7]),
    (1.0, range(8), range(8)),
    (2.0, range(8), range(8)),
  ]:
    for at_end, wanted in ((False, first), (True, last)):
      numbers, table = (lip_refiner._share(x, share, last=at_end) for x in batch)
      np.testing.assert_array_equal(numbers, wanted)
      np.testing.assert_array_equal(table, numbers[:, None].repeat(3, 1))


class Negatives:
  """Stand-in for an autoencoder: encoded samples are negated."""

  def apply(self, variables, x, method):
    return (-x, None) if method == 'encode' else x


@pytest.mark.parametrize(
  'size, rate, count', [(4, 0.5, 2), (6, 0.5, 3), (6, 1.0, 6), (4, 0.0, 0), (8, 0.75, 6), (1, 0.6, 1)]
)
def test_so_many_portraits_go_through_the_autoencoder_and_the_others_stay(size, rate, count):
  stage = render.RenderStage(networks={}, frozen={'autoencoder': Negatives()}, roundtrip_rate=rate)
  frozen = base.Frozen(params={'autoencoder': {}})
  source = jnp.arange(1, size + 1).reshape(-1, 1, 1, 1) / 10.0
  seen = set()
  for seed in range(12):
    found = stage._portraits(frozen, source, jax.random.key(seed))
    np.testing.assert_array_equal(jnp.abs(found), source)
    assert int((found < 0).sum()) == count
    seen.add(tuple(np.asarray(found < 0).ravel()))
  assert len(seen) > 1 or count in (0, size)  # the selection depends on the seed
