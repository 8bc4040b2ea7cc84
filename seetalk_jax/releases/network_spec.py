"""Network specification: Linen modules to JSON (class and fields) and back, and checks of array shapes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seetalk_jax.constants import RELEASE_FILE
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models import registry
from seetalk_jax.releases import retired

PyTree = Any

# Collections other than `params` that a network may have; their arrays are named COLLECTION/a/b.
COLLECTIONS = ('codebook_state',)


def describe(module: Any) -> dict[str, Any]:
  """Describes a module as `{'class', 'fields'}` with JSON values; `build` is the inverse."""
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
  """Builds the module of a description.

  Args:
    name: network name.
    entry: `{'class': ..., 'fields': ...}`, see `describe`.
    where: file, for the message.

  Raises:
    CheckpointError: an unknown class or field, or a retired field with a value that is no longer supported.
  """
  _, class_name = registry.NETWORKS.get(name, (None, None))
  if class_name != entry['class']:
    raise CheckpointError(f'unknown network {name} ({entry["class"]}), {where}: install a newer seetalk-jax')
  module_class = registry.class_of(name)
  allowed = {field.name for field in dataclasses.fields(module_class) if field.init}
  fields = retired.current_fields(class_name, entry['fields'], where)
  for field in fields:
    if field not in allowed:
      raise CheckpointError(f'{entry["class"]} has no field {field}, {where}: install another seetalk-jax')
  return module_class(**{key: _tuples(value) for key, value in fields.items()})


def shapes_of(module: Any, others: Mapping[str, Any] | None = None) -> dict[str, tuple[int, ...]]:
  """Path -> shape of all variables of `module`, by tracing its `init`; nothing is computed."""
  import jax
  from flax import linen as nn

  key = jax.ShapeDtypeStruct((2,), np.uint32)
  variables = nn.unbox(jax.eval_shape(module.init, key, *module.example_inputs(others)))
  trees = {key: variables[key] for key in COLLECTIONS if key in variables}
  return shapes_in({**variables.get('params', {}), **trees})


def shapes_in(tree: PyTree) -> dict[str, tuple[int, ...]]:
  """Path 'a/b/c' -> shape of every array, or other object with a shape, in a tree."""
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
  """Checks that arrays have the paths and shapes of the variables of `module`.

  Args:
    name: network name.
    module: the network.
    arrays: path -> array.
    where: file, for the message.
    others: network name -> module of the networks that provide its inputs and set their widths.
    fresh: path prefixes that may be absent: parameters that have not been trained yet.

  Raises:
    CheckpointError: see `compare_shapes`.
  """
  compare_shapes(
    {path: tuple(value.shape) for path, value in arrays.items()},
    shapes_of(module, others),
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
  """Compares the array shapes of a checkpoint with the required shapes.

  Args:
    have: path -> shape in the checkpoint.
    want: path -> required shape.
    where: the checkpoint, for the message.
    expected: what requires the arrays, for the message.
    advice: what the user can do, for the message.
    may_lack: path prefixes that may be absent from the checkpoint.

  Raises:
    CheckpointError: an array is missing, extra or of another shape; names the first one with both shapes.
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
