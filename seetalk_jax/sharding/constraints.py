"""Where arrays lie on the mesh in force, by their logical axis names and the rules in force; nothing without a mesh."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping

import flax.linen as nn
import jax
from jax.sharding import AxisType, NamedSharding, PartitionSpec

Names = tuple[str | None, ...]


def spec_for(
  names: Names, shape: tuple[int, ...], mesh, rules: Mapping[str, tuple[str, ...]]
) -> PartitionSpec:
  """Logical names of an array's dimensions -> PartitionSpec on a mesh.

  Read from left to right; a mesh axis is used once per array, and only where it divides the dimension.

  Raises:
    ValueError: a name that the rules do not know (it would be replicated without a word).
  """
  used: set[str] = set()
  spec = []
  for name, size in zip(names, shape, strict=True):
    if name is not None and name not in rules:
      raise ValueError(f'logical axis {name!r} is not in the rules: they know {", ".join(rules)}')
    axes: list[str] = []
    for axis in (rules[name] if name else None) or ():
      if axis not in used and size % (mesh.shape[axis] * math.prod(mesh.shape[a] for a in axes)) == 0:
        axes.append(axis)
    used.update(axes)
    spec.append(tuple(axes) if len(axes) > 1 else axes[0] if axes else None)
  return PartitionSpec(*spec)


def gathered(kernel: jax.Array, names: Names) -> jax.Array:
  """A kernel as a layer takes it: whole along the mesh axes that also split the batch, and its gradient split again.

  Parameters lie split over `fsdp`, and so do the samples of a batch: a layer's kernel must be brought together before
  it is used (arXiv 2004.13336, 2304.11277). Left to itself the partitioner sometimes splits the activations' channels
  in the place of the samples instead, and sums every layer's output over devices; and on meshes of three axes the
  gradient of a convolution's input came out wrong (`tests/integration/meshes_test.py`).
  """
  if (found := in_force()) is None:
    return kernel
  mesh, rules = found
  over_batch = rules.get('batch', ())
  whole = {name: tuple(axis for axis in axes if axis not in over_batch) for name, axes in rules.items()}
  used = NamedSharding(mesh, spec_for(names, kernel.shape, mesh, whole))
  stored = NamedSharding(mesh, spec_for(names, kernel.shape, mesh, rules))
  return kernel if used == stored else _gathered(used, stored, kernel)


def by_samples(x: jax.Array) -> jax.Array:
  """Activations `[b, ...]` split by samples, as far as their number allows; nothing is said of the other dimensions.

  Without it a parameter that lies split over `fsdp` and is added to a stream of activations can draw these along:
  every device of `fsdp` then computes the same samples.
  """
  if (found := in_force()) is None or x.ndim < 2:
    return x
  mesh, rules = found
  if not (over := _over_batch(x.shape[0], mesh, rules)):
    return x
  spec = PartitionSpec(over, *(PartitionSpec.UNCONSTRAINED,) * (x.ndim - 1))
  return jax.lax.with_sharding_constraint(x, NamedSharding(mesh, spec))


def each_device(run: Callable, *arrays: jax.Array):
  """`run(*arrays)` of arrays `[b, ...]`, every device with its own samples; `run` must treat each sample alone.

  For what the partitioner cannot see through, such as look-ups by computed positions: it would bring the whole batch to
  every device, and leave it there for the layers that follow. Differentiate inside `run`, not through it.
  """
  if (found := in_force()) is None:
    return run(*arrays)
  spec = PartitionSpec(_over_batch(math.gcd(*(x.shape[0] for x in arrays)), *found))
  return jax.shard_map(run, in_specs=spec, out_specs=spec, check_vma=False)(*arrays)


def in_force():
  """(mesh, rules as name -> mesh axes), or None where there is nothing to split by."""
  mesh = jax.sharding.get_abstract_mesh()
  if mesh.empty or mesh.size == 1 or AxisType.Manual in mesh.axis_types:
    return None
  rules = {name: _axes(axes) for name, axes in nn.get_logical_axis_rules()}
  return (mesh, rules) if rules else None


def _over_batch(count: int, mesh, rules: Mapping[str, tuple[str, ...]]):
  """Mesh axes over which so many samples are split: those of the batch, as far as they divide the number."""
  return spec_for(('batch',), (count,), mesh, {'batch': rules.get('batch', ())})[0]


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _gathered(used: NamedSharding, stored: NamedSharding, kernel: jax.Array) -> jax.Array:
  return jax.lax.with_sharding_constraint(kernel, used)


def _forward(used, stored, kernel):
  return _gathered(used, stored, kernel), None


def _backward(used, stored, _, cotangent):
  # Split as the parameter is, so that devices exchange their shares of the sum and not all of it.
  return (jax.lax.with_sharding_constraint(cotangent, stored),)


_gathered.defvjp(_forward, _backward)


def _axes(axes: str | tuple[str, ...] | None) -> tuple[str, ...]:
  return (axes,) if isinstance(axes, str) else tuple(axes or ())
