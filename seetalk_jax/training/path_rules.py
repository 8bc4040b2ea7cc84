"""Values for parts of a parameter tree, by the beginnings of their paths: ((NETWORK/PATH, VALUE), ...)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import jax

from seetalk_jax.errors import ConfigError

PyTree = Any
Value = TypeVar('Value')


def checked(
  pairs: Sequence[tuple[str, Value]], field: str, accepts: Callable[[Any], bool], form: str
) -> dict[str, Value]:
  """`(('speech_encoder/body', 0.1), ('face_encoder', 0.5))` as a dict: beginning of a path -> value.

  Args:
    pairs: as the configuration has them.
    field: name of the configuration's field, for messages.
    accepts: whether a value is allowed.
    form: how to write it, for messages.

  Raises:
    ConfigError: something else than pairs, or a value that is not allowed.
  """
  good = isinstance(pairs, (tuple, list)) and all(
    isinstance(pair, (tuple, list))
    and len(pair) == 2
    and isinstance(pair[0], str)
    and pair[0]
    and accepts(pair[1])
    for pair in pairs
  )
  if not good:
    raise ConfigError(f'config.{field}={pairs!r} is not allowed: write {form}')
  return {prefix: value for prefix, value in pairs}


def leaves(
  params: PyTree, values: Mapping[str, Value], default: Value, field: str, spared: Collection[str] = ()
) -> PyTree:
  """The value of every leaf of `params` (unboxed): that of the longest prefix that fits its path, or `default`.

  Args:
    spared: beginnings of paths that get `default` whatever `values` says.

  Raises:
    ConfigError: a prefix that no path begins with.
  """
  used = set()

  def one(keys, _):
    path = path_of(keys)
    found = [prefix for prefix in values if path.startswith(prefix)]
    used.update(found)
    if not found or path.startswith(tuple(spared)):
      return default
    return values[max(found, key=len)]

  tree = jax.tree_util.tree_map_with_path(one, params)
  if unused := [prefix for prefix in values if prefix not in used]:
    raise ConfigError(f'config.{field}: no trained parameter begins with {unused[0]}, of {", ".join(params)}')
  return tree


def path_of(keys) -> str:
  """'portrait_unet/down_0/conv/kernel' from the keys of a tree's leaf."""
  return jax.tree_util.keystr(keys, simple=True, separator='/')
