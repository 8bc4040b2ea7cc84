"""Cover of the scalp: balding leaves a ring, and skin below dense hair looks like hair."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.spatial
from plain_hair import PLAIN

from seetalk_jax.synthetic.human import hair_coverage, hair_roots, rig


def test_balding_takes_the_front_and_leaves_a_ring():
  place = np.asarray(hair_roots.roots().place).T
  share = np.asarray(
    hair_coverage.coverage(
      jax.tree.map(jnp.float32, PLAIN._replace(recession=0.9, crown=0.8)), jnp.asarray(place)
    )
  )
  top, ring = place[1] > 8.1, place[1] < 7.5
  assert share[top].mean() < 0.1 and share[ring].min() == 1
  full = hair_coverage.coverage(jax.tree.map(jnp.float32, PLAIN), jnp.asarray(place))
  assert np.asarray(full).min() == 1


def _undercoat(place, **values):
  fine = rig.fine_head().mesh
  distance, nearest = scipy.spatial.cKDTree(fine.vertices).query(place)
  assert distance < 0.1
  style = jax.tree.map(jnp.float32, PLAIN._replace(**values))
  scalp = jnp.asarray(fine.masks['scalp'][nearest])
  return float(hair_coverage.undercoat(style, jnp.asarray(fine.vertices[nearest]), scalp))


def test_skin_below_dense_hair_looks_like_hair_and_a_forehead_does_not():
  front, forehead = (0.15, 8.2, 1.2), (0.1, 7.8, 1.4)
  assert _undercoat(front, length=0.8) > 0.85
  assert 0.3 < _undercoat(front, length=0.02) < 0.6
  assert _undercoat(front, length=0.8, density=0.0) == 0
  assert _undercoat(front, length=0.8, recession=1.0) < 0.05
  assert _undercoat(forehead, length=0.8) == 0
