"""Bilinear lookup, compared with SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from seetalk_jax.synthetic.human import bilinear

_MAPS = np.random.default_rng(0).random((2, 5, 6)).astype(np.float32)


@pytest.mark.parametrize('periodic', [True, False])
def test_values_are_those_of_scipy_also_beyond_the_edges(periodic):
  rows, columns = np.random.default_rng(1).uniform(-2, 9, (2, 50)).astype(np.float32)
  around = 3 * 6 if periodic else 0
  tiled = np.tile(_MAPS[0], (1, 7)) if periodic else _MAPS[0]
  wanted = scipy.ndimage.map_coordinates(tiled, [rows - 0.5, columns + around - 0.5], order=1, mode='nearest')
  found = bilinear.lookup(jnp.asarray(_MAPS[0]), rows, columns, periodic=periodic)
  # The last row is reached up to a thousandth.
  np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_many_maps_at_once_equal_one_after_the_other():
  rows, columns = np.float32([[0.2, 3.3], [5.9, 1.1]])
  look = lambda plane: bilinear.lookup(plane, rows, columns, periodic=True)
  np.testing.assert_allclose(jax.vmap(look)(_MAPS), [look(jnp.asarray(plane)) for plane in _MAPS], rtol=1e-6)
