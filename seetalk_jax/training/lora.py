"""Low-rank adaptation (LoRA, arXiv 2106.09685): a given network stays as it is, factors beside its kernels learn.

Where a stage would train a kernel `[n, m]`, it trains `lora_a [n, rank]` and `lora_b [rank, m]`; the kernel is
`base + alpha / rank * lora_a @ lora_b`. Parameters that the given network lacks are trained whole, all others not
at all. The sum is made inside the loss (see `adapted_stage`), so stages and networks are as without factors, and
once more when the run is read: later stages get plain kernels. (The gradient of a whole kernel exists for a moment;
what is saved is its place in the optimizer's moments, the running mean and the checkpoints.)
"""

from __future__ import annotations

import dataclasses
import fnmatch
import zlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import traverse_util

from seetalk_jax.errors import ConfigError
from seetalk_jax.training.state import key_for

PyTree = Any

FACTOR_A, FACTOR_B = 'lora_a', 'lora_b'


@dataclasses.dataclass(frozen=True)
class LowRank:
  """How one network is adapted.

  Attributes:
    rank: of the factors.
    alpha: the factors' product counts alpha / rank; 0: as much as the rank, so that it counts once.
    targets: names of the dense layers whose kernels are adapted; `*` and `?` as in file names.
  """

  rank: int = 16
  alpha: float = 0.0
  targets: tuple[str, ...] = ('to_q', 'to_k', 'to_v', 'to_out')

  @property
  def scale(self) -> float:
    """What the product of the factors is multiplied by."""
    return (self.alpha or self.rank) / self.rank

  def adapts(self, path: str, ndim: int) -> bool:
    """Whether the parameter at `a/b/kernel`, of so many dimensions, is a kernel that gets factors."""
    *layers, leaf = path.split('/')
    named = layers and any(fnmatch.fnmatchcase(layers[-1], target) for target in self.targets)
    return bool(named) and leaf == 'kernel' and ndim == 2


def read(name: str, fields: Mapping[str, Any]) -> LowRank | None:
  """config.lora.NAME, with rank, alpha and targets; None for rank 0: the network's kernels are trained.

  Raises:
    ConfigError: a negative rank or alpha, or another field.
  """
  for field in fields:
    if field not in ('rank', 'alpha', 'targets'):
      raise ConfigError(f'config.lora.{name} has no field {field!r}: use rank, alpha and targets')
  options = LowRank(**fields)
  for field in ('rank', 'alpha'):
    if (value := getattr(options, field)) < 0:
      raise ConfigError(f'config.lora.{name}.{field}={value} is negative: use 0 or more')
  return options if options.rank else None


def start(rng: jax.Array, full: PyTree, given: PyTree, options: LowRank) -> PyTree:
  """What is trained at first: factors whose product is zero, and what `given` lacks of `full`, whole.

  Args:
    full: parameters as a fresh network has them, boxed with logical names or not; factors get the names of their
      kernel's dimensions, the rank has none and is not split.
    given: the base.
  """
  full, given = traverse_util.flatten_dict(full, sep='/'), traverse_util.flatten_dict(given, sep='/')
  trained = {path: leaf for path, leaf in full.items() if path not in given}
  for path in full.keys() & given.keys():
    if not options.adapts(path, np.ndim(given[path])):
      continue
    (n, m), layer = np.shape(given[path]), path.removesuffix('kernel')
    names = full[path].names if isinstance(full[path], nn.LogicallyPartitioned) else None
    key = key_for(rng, path)
    a = jax.random.normal(key, (n, options.rank)) / np.sqrt(n)
    b = jnp.zeros((options.rank, m))
    trained[layer + FACTOR_A] = nn.LogicallyPartitioned(a, (names[0], None)) if names else a
    trained[layer + FACTOR_B] = nn.LogicallyPartitioned(b, (None, names[1])) if names else b
  return traverse_util.unflatten_dict(trained, sep='/')


def merge(given: PyTree, trained: PyTree, scale: float) -> PyTree:
  """A network's parameters: the base with the factors' products added, and with what is trained whole.

  With `lora_b` zero they are those of the base exactly.
  """
  merged, learned = traverse_util.flatten_dict(given, sep='/'), traverse_util.flatten_dict(trained, sep='/')
  for path, value in learned.items():
    if path.endswith(FACTOR_A):
      layer = path.removesuffix(FACTOR_A)
      # In full precision everywhere, so that a release means what was trained.
      product = jnp.matmul(value, learned[layer + FACTOR_B], precision=jax.lax.Precision.HIGHEST)
      merged[layer + 'kernel'] = merged[layer + 'kernel'] + scale * product
    elif not path.endswith(FACTOR_B):
      merged[path] = value
  return traverse_util.unflatten_dict(merged, sep='/')


def checksum(params: PyTree) -> int:
  """CRC-32 of the paths and values of a parameter tree."""
  found = 0
  for path, leaf in sorted(traverse_util.flatten_dict(params, sep='/').items()):
    found = zlib.crc32(path.encode(), found)
    found = zlib.crc32(np.ascontiguousarray(leaf), found)
  return found
