"""Networks as what JSON can say of them: class, fields, and the shapes that follow."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seetalk_jax import retired
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models import registry

PyTree = Any

# Collections beside `params` that a network may have; their arrays are named COLLECTION/a/b.
COLLECTIONS = ('codebook_state',)
# How the arrays are computed with is the caller's choice, not a property of the weights.
_NOT_STORED = ('parent', 'name', 'dtype', 'param_dtype')


def describe(module: Any) -> dict[str, Any]:
  """`{'class', 'fields'}` of a module, ready for JSON; `build` is its inverse."""
  return {'class': type(module).__name__, 'fields': describe_fields(module)}


def describe_fields(module: Any) -> dict[str, Any]:
  """Constructor fields of a Linen module as JSON values, without dtype and param_dtype."""
  fields = {}
  for field in dataclasses.fields(module):
    if field.init and field.name not in _NOT_STORED:
      value = getattr(module, field.name)
      try:
        fields[field.name] = json.loads(json.dumps(value))
      except TypeError:
        raise TypeError(
          f'field {field.name} of {type(module).__name__} does not fit JSON: {value!r}'
        ) from None
  return fields


def build(name: str, entry: Mapping[str, Any], where: str) -> Any:
  """The module that a release describes.

  Args:
    name: network name.
    entry: `{'class': ..., 'fields': ...}`.
    where: file, for the message.

  Raises:
    CheckpointError: a class or a field that this library does not have, or a retired one that was in use.
  """
  _, class_name = registry.NETWORKS.get(name, (None, None))
  if class_name != entry['class']:
    raise CheckpointError(f'unknown network {name} ({entry["class"]}), {where}: install a newer seetalk-jax')
  module_class = registry.class_of(name)
  known = {field.name for field in dataclasses.fields(module_class) if field.init}
  fields = retired.without_fields(class_name, entry['fields'], where)
  for field in fields:
    if field not in known:
      raise CheckpointError(f'{entry["class"]} has no field {field}, {where}: install another seetalk-jax')
  return module_class(**{key: _tuples(value) for key, value in fields.items()})


def shapes_of(name: str, module: Any, others: Mapping[str, Any] | None = None) -> dict[str, tuple[int, ...]]:
  """Flat name -> shape of everything that `module` makes, by tracing its init; nothing is computed."""
  import jax
  from flax import linen as nn

  from seetalk_jax import example_inputs

  args, method = example_inputs.of(name, module, others)
  key = jax.ShapeDtypeStruct((2,), np.uint32)
  variables = nn.unbox(jax.eval_shape(functools.partial(module.init, method=method), key, *args))
  trees = {key: variables[key] for key in COLLECTIONS if key in variables}
  return {key: tuple(leaf.shape) for key, leaf in flatten({**variables.get('params', {}), **trees}).items()}


def check_shapes(
  name: str,
  module: Any,
  arrays: Mapping[str, Any],
  where: str,
  others: Mapping[str, Any] | None = None,
  fresh: Sequence[str] = (),
) -> None:
  """Compares flat arrays with what `module` would make.

  Args:
    name: network name.
    module: the network.
    arrays: flat name -> array.
    where: file, for the message.
    others: modules by name that it works with; widths of its inputs are theirs.
    fresh: beginnings of names that may be absent: parts that no training has made yet.

  Raises:
    CheckpointError: names the first array that is missing, extra or of another shape, and both shapes.
  """
  wanted = shapes_of(name, module, others)
  have = {key: tuple(value.shape) for key, value in arrays.items()}
  for key in sorted(have.keys() | wanted.keys()):
    if key not in have and key.startswith(tuple(fresh)):
      continue
    if have.get(key) != wanted.get(key):
      raise CheckpointError(
        f'weights of another configuration, {where}: {key} is {have.get(key, "absent")} in the file but '
        f'{wanted.get(key, "absent")} in the {name} that seetalk.json describes; export the run again'
      )


def flatten(tree: PyTree, prefix: str = '') -> dict[str, Any]:
  """Nested dicts to `{'a/b/c': array}`."""
  flat = {}
  for key, value in tree.items():
    path = f'{prefix}/{key}' if prefix else str(key)
    flat.update(flatten(value, path) if isinstance(value, Mapping) else {path: value})
  return flat


def unflatten(flat: Mapping[str, Any]) -> PyTree:
  """The inverse of `flatten`."""
  tree: dict[str, Any] = {}
  for path, value in flat.items():
    *parents, leaf = path.split('/')
    node = tree
    for parent in parents:
      node = node.setdefault(parent, {})
    node[leaf] = value
  return tree


def _tuples(value):
  return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
