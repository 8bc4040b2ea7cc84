"""Figures that a batch may lack: absent without rows that they are measured on, and means over the others."""

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.stages import figures


def test_a_figure_without_rows_is_absent_and_others_keep_their_value():
  values = {'read': jnp.float32(0.3), 'right': jnp.float32(0.0)}
  assert figures.measured(values, jnp.array([0.0, 0.3])) == values
  absent = figures.measured(values, jnp.zeros(2))
  assert absent == dict.fromkeys(values, figures.ABSENT)


def test_means_leave_absent_figures_out():
  batches = [
    {'a': 1.0, 'b': figures.ABSENT},
    {'a': figures.ABSENT, 'b': figures.ABSENT},
    {'a': 3.0, 'b': -np.inf},
  ]
  assert figures.means(batches) == {'a': 2.0}
  pieces = jnp.array([1.0, figures.ABSENT, 3.0])
  assert jax.jit(figures.mean_of_pieces)(pieces) == 2.0
  assert figures.mean_of_pieces(jnp.full(3, figures.ABSENT)) == figures.ABSENT
  assert np.isnan(figures.mean_of_pieces(jnp.array([1.0, jnp.nan])))
