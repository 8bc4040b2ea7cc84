"""Path rules: values for parts of a parameter tree, selected by path prefix: ((NETWORK/PATH, VALUE), ...)."""

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
  """`(('speech_encoder/body', 0.1), ('face_encoder', 0.5))` as a dict: path prefix -> value.

  Args:
    pairs: the pairs of the configuration.
    field: name of the configuration's field, for messages.
    accepts: whether a value is allowed.
    form: how to write it, for messages.

  Raises:
    ConfigError: not a sequence of pairs, or an invalid value.
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
  """The value of every leaf of `params`: that of the longest matching path prefix, or `default`.

  Args:
    params: parameter tree, unboxed.
    values: path prefix -> value.
    default: value of leaves without a matching prefix.
    field: name of the configuration's field, for messages.
    spared: path prefixes whose leaves always get `default`.

  Raises:
    ConfigError: a prefix of `values` matches no path.
  """
  used = set()

  def one(keys, _):
    path = path_of(keys)
    prefixes = [prefix for prefix in values if path.startswith(prefix)]
    used.update(prefixes)
    if not prefixes or path.startswith(tuple(spared)):
      return default
    return values[max(prefixes, key=len)]

  tree = jax.tree_util.tree_map_with_path(one, params)
  if unused := [prefix for prefix in values if prefix not in used]:
    raise ConfigError(f'config.{field}: no trained parameter begins with {unused[0]}, of {", ".join(params)}')
  return tree


def path_of(keys) -> str:
  """Path of a leaf from its tree keys, such as 'portrait_unet/down_0/conv/kernel'."""
  return jax.tree_util.keystr(keys, simple=True, separator='/')
