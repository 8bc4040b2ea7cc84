"""Networks as what JSON can say of them: class, fields, and the shapes that follow."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seetalk_jax.constants import RELEASE_FILE
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models import registry
from seetalk_jax.releases import retired

PyTree = Any

# Collections beside `params` that a network may have; their arrays are named COLLECTION/a/b.
COLLECTIONS = ('codebook_state',)


def describe(module: Any) -> dict[str, Any]:
  """`{'class', 'fields'}` of a module, ready for JSON; `build` is its inverse."""
  return {'class': type(module).__name__, 'fields': describe_fields(module)}


def describe_fields(module: Any) -> dict[str, Any]:
  """Constructor fields of a Linen module as JSON values, without dtype and param_dtype."""
  fields = {}
  for name in registry.fields_of(type(module)):
    value = getattr(module, name)
    try:
      fields[name] = json.loads(json.dumps(value))
    except TypeError:
      raise TypeError(f'field {name} of {type(module).__name__} does not fit JSON: {value!r}') from None
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
  """Path -> shape of everything that `module` makes, by tracing its init; nothing is computed."""
  import jax
  from flax import linen as nn

  from seetalk_jax.models import example_inputs

  args, method = example_inputs.of(name, module, others)
  key = jax.ShapeDtypeStruct((2,), np.uint32)
  variables = nn.unbox(jax.eval_shape(functools.partial(module.init, method=method), key, *args))
  trees = {key: variables[key] for key in COLLECTIONS if key in variables}
  return shapes_in({**variables.get('params', {}), **trees})


def shapes_in(tree: PyTree) -> dict[str, tuple[int, ...]]:
  """Path 'a/b/c' -> shape of every array, or whatever has a shape, in a tree."""
  import jax

  leaves = jax.tree_util.tree_leaves_with_path(tree, is_leaf=lambda x: hasattr(x, 'shape'))
  return {jax.tree_util.keystr(path, simple=True, separator='/'): tuple(leaf.shape) for path, leaf in leaves}


def check_shapes(
  name: str,
  module: Any,
  arrays: Mapping[str, Any],
  where: str,
  others: Mapping[str, Any] | None = None,
  fresh: Sequence[str] = (),
) -> None:
  """Compares arrays with what `module` would make.

  Args:
    name: network name.
    module: the network.
    arrays: path -> array.
    where: file, for the message.
    others: modules by name that it works with; widths of its inputs are theirs.
    fresh: beginnings of paths that may be absent: parts that no training has made yet.

  Raises:
    CheckpointError: see `compare_shapes`.
  """
  compare_shapes(
    {path: tuple(value.shape) for path, value in arrays.items()},
    shapes_of(name, module, others),
    where=where,
    expected=f'the {name} that {RELEASE_FILE} describes',
    advice='export the run again',
    may_lack=fresh,
  )


def compare_shapes(
  have: Mapping[str, tuple[int, ...]],
  want: Mapping[str, tuple[int, ...]],
  *,
  where: str,
  expected: str,
  advice: str,
  may_lack: Sequence[str] = (),
) -> None:
  """Compares the arrays of a checkpoint with those that are needed.

  Args:
    have: path -> shape in the checkpoint.
    want: path -> shape that is needed.
    where: the checkpoint, for the message.
    expected: what needs the arrays, for the message.
    advice: what the user can do, for the message.
    may_lack: beginnings of paths that the checkpoint may lack.

  Raises:
    CheckpointError: the first array that is missing, extra or of another shape, with both shapes.
  """
  for path in sorted(have.keys() | want.keys()):
    if path not in have and path.startswith(tuple(may_lack)):
      continue
    if have.get(path) != want.get(path):
      raise CheckpointError(
        f'weights of another configuration, {where}: {path} is {have.get(path, "absent")} there, but '
        f'{want.get(path, "absent")} in {expected}; {advice}'
      )


def _tuples(value):
  return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
