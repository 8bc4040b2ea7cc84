"""Shared blocks: plain and counted parameters, axis names, group norm."""

import jax
import jax.numpy as jnp
import pytest

from seetalk_jax.models.nn import blocks
from seetalk_jax.models.nn.attention import MultiHeadAttention


def test_init_params_are_plain_arrays_and_counted():
  module = MultiHeadAttention(num_heads=2, head_dim=4)
  params = blocks.init_params(module, jax.random.key(0), jnp.ones((1, 3, 8)))
  assert type(params) is dict and isinstance(params['to_q']['kernel'], jax.Array)
  assert blocks.count_params(params) == 4 * 64 + 8


def test_unknown_axis_names_are_refused():
  with pytest.raises(ValueError, match='LOGICAL_AXES'):
    blocks.dense(3, axes=('embed', 'wide'))


def test_group_norm_divides_any_width():
  for channels in (4, 6, 16, 72, 128, 320):
    groups = blocks.num_groups_for(channels)
    assert channels % groups == 0 and channels // groups >= 4 or groups == 1
  assert blocks.num_groups_for(128) == 32
