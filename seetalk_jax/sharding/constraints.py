"""Sharding constraints on the current mesh by logical axis names; without a mesh they do nothing."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping

import flax.linen as nn
import jax
from jax.sharding import AxisType, NamedSharding, PartitionSpec

Names = tuple[str | None, ...]

_EXPLICIT = (
  'the mesh has axes of type Explicit, which the networks do not take: make it with '
  'seetalk_jax.sharding.device_mesh.make_mesh, or jax.make_mesh(..., axis_types=(jax.sharding.AxisType.Auto,) * n)'
)


def spec_for(
  names: Names, shape: tuple[int, ...], mesh, rules: Mapping[str, tuple[str, ...]]
) -> PartitionSpec:
  """PartitionSpec of an array on a mesh from the logical names of its dimensions.

  Dimensions are assigned from left to right. A mesh axis is used once per array, and only if it divides the
  dimension.

  Args:
    names: logical name per dimension; None: replicated.
    shape: shape of the array.
    rules: logical name -> mesh axes.

  Raises:
    ValueError: a name that is not in the rules (it would be replicated silently).
  """
  used: set[str] = set()
  spec = []
  for name, size in zip(names, shape, strict=True):
    if name is not None and name not in rules:
      raise ValueError(f'logical axis {name!r} is not in the rules, which have {", ".join(rules)}')
    axes: list[str] = []
    for axis in (rules[name] if name else None) or ():
      if axis not in used and size % (mesh.shape[axis] * math.prod(mesh.shape[a] for a in axes)) == 0:
        axes.append(axis)
    used.update(axes)
    spec.append(tuple(axes) if len(axes) > 1 else axes[0] if axes else None)
  return PartitionSpec(*spec)


def all_gather_kernel(kernel: jax.Array, names: Names) -> jax.Array:
  """All-gathers a kernel over the mesh axes that shard the batch; its gradient is sharded as the parameter.

  Parameters and the batch are both sharded over `fsdp`, so that a kernel must be gathered before use (arXiv
  2004.13336; FSDP, arXiv 2304.11277). Without this constraint XLA's partitioner sometimes shards the channels
  of the activations instead of the batch, with an all-reduce after every layer. On meshes with three axes it
  computed wrong gradients of convolution inputs (`tests/integration/meshes_test.py`).

  Args:
    kernel: parameter of a layer.
    names: logical names of its dimensions.
  """
  if (current := current_mesh_and_rules()) is None:
    return kernel
  mesh, rules = current
  over_batch = rules.get('batch', ())
  whole = {name: tuple(axis for axis in axes if axis not in over_batch) for name, axes in rules.items()}
  used = NamedSharding(mesh, spec_for(names, kernel.shape, mesh, whole))
  stored = NamedSharding(mesh, spec_for(names, kernel.shape, mesh, rules))
  return kernel if used == stored else _all_gather(used, stored, kernel)


def constrain_batch_axis(x: jax.Array) -> jax.Array:
  """Constrains activations `[b, ...]` to batch sharding if b is divisible; other dimensions are free.

  Without it, adding a parameter that is sharded over `fsdp` can reshard the activations, and every device of
  `fsdp` then computes the same samples.
  """
  if (current := current_mesh_and_rules()) is None or x.ndim < 2:
    return x
  mesh, rules = current
  if not (over := _over_batch(x.shape[0], mesh, rules)):
    return x
  spec = PartitionSpec(over, *(PartitionSpec.UNCONSTRAINED,) * (x.ndim - 1))
  return jax.lax.with_sharding_constraint(x, NamedSharding(mesh, spec))


def map_over_devices(run: Callable, *arrays: jax.Array):
  """Maps `run(*arrays)` over devices, each with its own samples of arrays `[b, ...]`.

  `run` must treat samples independently. For operations that the partitioner cannot shard, such as gathers by
  computed positions: it would replicate the batch, also for the layers that follow. Differentiate inside
  `run`, not through it.
  """
  if (current := current_mesh_and_rules()) is None:
    return run(*arrays)
  spec = PartitionSpec(_over_batch(math.gcd(*(x.shape[0] for x in arrays)), *current))
  return jax.shard_map(run, in_specs=spec, out_specs=spec, check_vma=False)(*arrays)


def current_mesh_and_rules():
  """Current mesh and rules (logical name -> mesh axes).

  None without rules, without a mesh of several devices, and inside `shard_map`.

  Raises:
    ValueError: the mesh has axes of type Explicit, on which constraints are assertions.
  """
  mesh = jax.sharding.get_abstract_mesh()
  if mesh.empty or mesh.size == 1 or AxisType.Manual in mesh.axis_types:
    return None
  rules = {name: _axes(axes) for name, axes in nn.get_logical_axis_rules()}
  if rules and AxisType.Explicit in mesh.axis_types:
    raise ValueError(_EXPLICIT)
  return (mesh, rules) if rules else None


def refuse_explicit(x: jax.Array) -> None:
  """Refuses an array that is sharded over mesh axes of type Explicit.

  For layers whose reshapes and lookups need the partitioner. `jax.make_mesh` makes such axes by default.

  Raises:
    ValueError: the message says how to make the mesh.
  """
  sharding = jax.typeof(x).sharding
  if AxisType.Explicit in sharding.mesh.axis_types and any(sharding.spec):
    raise ValueError(_EXPLICIT)


def _over_batch(count: int, mesh, rules: Mapping[str, tuple[str, ...]]):
  """Mesh axes that shard a batch of `count` samples: those of the batch that divide `count`."""
  return spec_for(('batch',), (count,), mesh, {'batch': rules.get('batch', ())})[0]


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _all_gather(used: NamedSharding, stored: NamedSharding, kernel: jax.Array) -> jax.Array:
  return jax.lax.with_sharding_constraint(kernel, used)


def _forward(used, stored, kernel):
  return _all_gather(used, stored, kernel), None


def _backward(used, stored, _, cotangent):
  # Sharded as the parameter, so that the gradients are reduce-scattered instead of all-reduced.
  return (jax.lax.with_sharding_constraint(cotangent, stored),)


_all_gather.defvjp(_forward, _backward)


def _axes(axes: str | tuple[str, ...] | None) -> tuple[str, ...]:
  return (axes,) if isinstance(axes, str) else tuple(axes or ())
