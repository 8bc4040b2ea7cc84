"""Converted networks with all arrays in memory, where `convert.network` reads them one at a time."""

import jax
import numpy as np

from seetalk_jax.convert import network


def read_all(tree):
  """Converts a tree of `LazyArray` to NumPy arrays."""
  return jax.tree.map(lambda lazy: np.array(lazy, order='C'), tree)


def convert(kind, source):
  """`network.plan(kind, source)` with all arrays read."""
  planned = network.plan(kind, source)
  return planned._replace(params=read_all(planned.params))
