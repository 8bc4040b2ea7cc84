"""Device mesh (data, fsdp, tensor), logical axis rules, and shardings of train state and batches."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from flax import linen as nn
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from seetalk_jax.errors import ConfigError
from seetalk_jax.sharding import constraints

PyTree = Any

MESH_AXES = ('data', 'fsdp', 'tensor')

# Logical axis (models.nn.blocks.LOGICAL_AXES, and activations) -> mesh axes. See `constraints.spec_for`.
RULES: dict[str, tuple[str, ...]] = {
  'batch': ('data', 'fsdp'),
  'embed': ('fsdp',),
  'mlp': ('tensor',),
  'heads': ('tensor',),
  'conv_in': ('fsdp',),
  'conv_out': ('tensor',),
  'norm': (),
  'codes': ('tensor',),
  'code_dim': (),
  'positions': (),
  'statistics': (),
  'layers': (),
}

# Frozen arrays with fewer elements are replicated: gathering them costs more than it saves.
_REPLICATE_BELOW = 2**18


def make_mesh(data: int = -1, fsdp: int = 1, tensor: int = 1, devices=None) -> Mesh:
  """Mesh over all devices of all hosts; one size may be -1 and is inferred.

  Raises:
    ConfigError: the product of the sizes is not the number of devices, several sizes are -1, or `data` is not
      a multiple of the number of TPU slices.

  Example:
    >>> mesh = make_mesh(devices=jax.devices()[:1])
    >>> dict(mesh.shape)
    {'data': 1, 'fsdp': 1, 'tensor': 1}
    >>> tuple(spec_for(('embed', 'mlp'), (64, 256), mesh))
    ('fsdp', 'tensor')
  """
  devices = list(jax.devices() if devices is None else devices)
  sizes = [data, fsdp, tensor]
  fixed = int(np.prod([s for s in sizes if s != -1]))
  if sizes.count(-1) > 1 or fixed < 1 or len(devices) % fixed:
    raise ConfigError(
      f'mesh data={data} fsdp={fsdp} tensor={tensor} does not fit {len(devices)} devices: '
      'let the sizes multiply to that number, at most one of them -1'
    )
  sizes = [len(devices) // fixed if s == -1 else s for s in sizes]
  if int(np.prod(sizes)) != len(devices):
    raise ConfigError(f'mesh of sizes {sizes} leaves some of {len(devices)} devices idle: set one size to -1')
  # Auto, since Linen's logical constraints turn into assertions on Explicit axes.
  axis_types = (AxisType.Auto,) * len(MESH_AXES)
  if (hybrid := mesh_devices(devices, tuple(sizes))) is not None:
    return Mesh(hybrid, MESH_AXES, axis_types=axis_types)
  return jax.make_mesh(sizes, MESH_AXES, axis_types=axis_types, devices=devices)


def mesh_devices(devices, sizes: tuple[int, int, int]) -> np.ndarray | None:
  """Devices of several TPU slices in the shape `sizes` (data, fsdp, tensor), or None for one slice.

  Slices are arranged along `data`, so that only gradient reductions use the data center network.

  Raises:
    ConfigError: `data` is not a multiple of the number of slices.
  """
  slices = len({getattr(device, 'slice_index', 0) for device in devices})
  if slices == 1:
    return None
  from jax.experimental import mesh_utils

  data, fsdp, tensor = sizes
  if data % slices:
    raise ConfigError(
      f'mesh data={data} fsdp={fsdp} tensor={tensor} over {slices} slices: let config.mesh.data be a multiple '
      f'of {slices}, parameters would be gathered over the slow network'
    )
  return mesh_utils.create_hybrid_device_mesh((data // slices, fsdp, tensor), (slices, 1, 1), devices=devices)


def flax_rules() -> tuple[tuple[str, tuple[str, ...] | None], ...]:
  """RULES in the form of `nn.logical_axis_rules`, for constraints on activations."""
  return tuple((name, axes or None) for name, axes in RULES.items())


def spec_for(names: tuple[str | None, ...], shape: tuple[int, ...], mesh: Mesh) -> PartitionSpec:
  """PartitionSpec of an array on this mesh from the logical names of its dimensions, by RULES.

  Raises:
    ValueError: a name that is not in RULES (it would be replicated silently).
  """
  return constraints.spec_for(names, shape, mesh, RULES)


def state_shardings(abstract: PyTree, mesh: Mesh) -> PyTree:
  """NamedShardings, in the structure of `unbox(abstract)`, of a tree whose leaves have logical names.

  Leaves without names are replicated.
  """

  def one(leaf):
    if isinstance(leaf, nn.LogicallyPartitioned):
      return NamedSharding(mesh, spec_for(leaf.names, leaf.value.shape, mesh))
    return replicated(mesh)

  return jax.tree.map(one, abstract, is_leaf=_is_boxed)


def unbox(tree: PyTree) -> PyTree:
  """The tree without boxes of logical names; adds no sharding constraint."""
  return jax.tree.map(lambda x: x.value if _is_boxed(x) else x, tree, is_leaf=_is_boxed)


def replicated(mesh: Mesh) -> NamedSharding:
  """Sharding of an array that is replicated on every device."""
  return NamedSharding(mesh, PartitionSpec())


def batch_sharding(mesh: Mesh) -> NamedSharding:
  """Sharding of the first dimension over `data` and `fsdp`."""
  return NamedSharding(mesh, PartitionSpec(RULES['batch']))


def put_batch(
  batch: dict[str, np.ndarray], mesh: Mesh, rows: np.ndarray | None = None, batch_size: int | None = None
) -> dict[str, jax.Array]:
  """Global arrays from this process's rows of a batch.

  Args:
    batch: name -> rows of this process.
    rows: their indices in the global batch, sorted (`hosts.local_rows`); None: `batch` has all rows.
    batch_size: size of the global batch, with `rows`.
  """
  sharding = batch_sharding(mesh)
  if rows is None:
    return {name: jax.device_put(value, sharding) for name, value in batch.items()}

  def put(value):
    def piece(index):
      first = np.searchsorted(rows, index[0].start or 0)
      count = (batch_size if index[0].stop is None else index[0].stop) - (index[0].start or 0)
      return value[first : first + count]

    return jax.make_array_from_callback((batch_size, *value.shape[1:]), sharding, piece)

  return {name: put(value) for name, value in batch.items()}


def to_host(tree: PyTree) -> PyTree:
  """Whole NumPy copies of global arrays, in every process; all processes must call it."""
  if jax.process_count() == 1:
    return jax.device_get(tree)
  return multihost_utils.process_allgather(tree, tiled=True)


def put_scalar(value: float, mesh: Mesh) -> jax.Array:
  """Replicated float32 scalar; unlike `device_put`, without a check for equality over processes."""
  return jax.make_array_from_callback((), replicated(mesh), lambda _: np.float32(value))


def put_frozen(tree: PyTree, mesh: Mesh) -> PyTree:
  """Puts frozen arrays on the mesh with `frozen_sharding`."""
  return jax.tree.map(lambda leaf: jax.device_put(leaf, frozen_sharding(np.shape(leaf), mesh)), tree)


def frozen_sharding(shape: tuple[int, ...], mesh: Mesh) -> NamedSharding:
  """Sharding of a frozen array: large ones over `fsdp`, along the largest divisible dimension."""
  spec = PartitionSpec()
  fits = [i for i, size in enumerate(shape) if size % mesh.shape['fsdp'] == 0]
  if fits and mesh.shape['fsdp'] > 1 and int(np.prod(shape)) >= _REPLICATE_BELOW:
    largest = max(fits, key=lambda i: shape[i])
    spec = PartitionSpec(*(['fsdp' if i == largest else None for i in range(len(shape))]))
  return NamedSharding(mesh, spec)


def _is_boxed(x) -> bool:
  return isinstance(x, nn.LogicallyPartitioned)
