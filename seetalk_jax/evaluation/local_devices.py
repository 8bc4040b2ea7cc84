"""Local devices: networks of an evaluation compute every batch on all devices of their process."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import Mesh

from seetalk_jax.sharding import device_mesh

PyTree = Any


@functools.cache
def mesh() -> Mesh:
  """All devices of this process, along the axis `data`."""
  return device_mesh.make_mesh(devices=jax.local_devices())


def batch_size(rows: int) -> int:
  """The smallest batch of at least `rows` rows that the devices can share equally."""
  count = mesh().size
  return -(-rows // count) * count


def replicate(params: PyTree) -> PyTree:
  """Copies arrays to every device, once for many calls."""
  return jax.device_put(params, device_mesh.replicated(mesh()))


def compiled(run: Callable[..., PyTree]) -> Callable[..., PyTree]:
  """`jax.jit(run)` with products and convolutions in full precision, also where they are rounded by default."""

  def exact(*args):
    with jax.default_matmul_precision('float32'):
      return run(*args)

  return jax.jit(exact)


def over_devices(run: Callable[..., PyTree], params: PyTree) -> Callable[..., PyTree]:
  """`run(params, *arrays)` as a function of the arrays, whose rows the devices share.

  Args:
    run: from `compiled`; rows of its arrays `[b, ...]` do not depend on each other. b is from `batch_size`.
    params: from `replicate`, or NumPy arrays, which every call copies.
  """
  rows = device_mesh.batch_sharding(mesh())
  return lambda *arrays: run(params, *jax.device_put(arrays, rows))
