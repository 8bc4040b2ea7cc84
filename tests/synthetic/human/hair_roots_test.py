"""Roots of hair on the scalp."""

import jax
import numpy as np
import scipy.spatial

from seetalk_jax.synthetic.human import hair_roots


def test_roots_are_even():
  place = np.asarray(hair_roots.roots().place)
  distance = scipy.spatial.cKDTree(place).query(place, 2)[0][:, 1]
  inner = np.asarray(hair_roots.roots().edge) == 1
  # Random places would have a ratio of 0.1 of the 5 % to the mean.
  assert np.quantile(distance[inner], 0.05) > 0.35 * distance[inner].mean()


def test_roots_may_be_asked_for_first_while_a_function_is_traced():
  found = []
  jax.make_jaxpr(lambda: found.append(hair_roots.roots.__wrapped__()))()
  assert not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(found))
