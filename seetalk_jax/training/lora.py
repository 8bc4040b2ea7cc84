"""Low-rank adaptation (LoRA, arXiv 2106.09685): trains low-rank factors beside frozen pretrained kernels.

For a kernel `[n, m]`, or that of a convolution as such a matrix, the factors `lora_a [n, rank]` and
`lora_b [rank, m]` are trained, and the kernel is `base + alpha / rank * lora_a @ lora_b`. Parameters that the
base lacks are trained in full; all other parameters are frozen. The factors are merged inside the loss (see
`adapted_stage`), so stages and networks need no LoRA code. They are merged again when the run is loaded, so
later stages get plain kernels.

The gradient of the full kernel exists during the backward pass. LoRA saves memory in the optimizer's moments,
the EMA parameters and the checkpoints.
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
  """LoRA options of one network.

  Attributes:
    rank: rank of the factors.
    alpha: the product of the factors is scaled by alpha / rank; 0: alpha = rank, a scale of 1.
    targets: names of the layers whose kernels are adapted; `*` and `?` are wildcards.
    convolutions: adapt convolutions too, their kernels `[height, width, in, out]` as matrices
      `[height * width * in, out]`; False: dense layers alone.
  """

  rank: int = 16
  alpha: float = 0.0
  targets: tuple[str, ...] = ('to_q', 'to_k', 'to_v', 'to_out')
  convolutions: bool = False

  @property
  def scale(self) -> float:
    """Scale of the product of the factors."""
    return (self.alpha or self.rank) / self.rank

  def adapts(self, path: str, ndim: int) -> bool:
    """Whether the parameter at path `a/b/kernel` with `ndim` dimensions is a kernel that gets factors."""
    *layers, leaf = path.split('/')
    named = layers and any(fnmatch.fnmatchcase(layers[-1], target) for target in self.targets)
    return bool(named) and leaf == 'kernel' and ndim in ((2, 4) if self.convolutions else (2,))


def read(name: str, fields: Mapping[str, Any]) -> LowRank | None:
  """Reads the options of config.lora.NAME; None for rank 0, which trains the network without LoRA.

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


def start(rng: jax.Array, full: PyTree, base_params: PyTree, options: LowRank) -> PyTree:
  """Initial trained parameters: factors whose product is zero, and parameters that are in `full` alone.

  Args:
    rng: key for the factors.
    full: parameters of a newly initialized network, boxed with logical axis names or not. Factors inherit the
      axis names of their kernel; the rank axis has none and is not sharded.
    base_params: base parameters.
    options: LoRA options.
  """
  full, base_params = (
    traverse_util.flatten_dict(full, sep='/'),
    traverse_util.flatten_dict(base_params, sep='/'),
  )
  trained = {path: leaf for path, leaf in full.items() if path not in base_params}
  for path in full.keys() & base_params.keys():
    if not options.adapts(path, np.ndim(base_params[path])):
      continue
    (*before, m), layer = np.shape(base_params[path]), path.removesuffix('kernel')
    n = int(np.prod(before))
    names = full[path].names if isinstance(full[path], nn.LogicallyPartitioned) else None
    rows = names[0] if names and len(before) == 1 else None
    key = key_for(rng, path)
    a = jax.random.normal(key, (n, options.rank)) / np.sqrt(n)
    b = jnp.zeros((options.rank, m))
    trained[layer + FACTOR_A] = nn.LogicallyPartitioned(a, (rows, None)) if names else a
    trained[layer + FACTOR_B] = nn.LogicallyPartitioned(b, (None, names[-1])) if names else b
  return traverse_util.unflatten_dict(trained, sep='/')


def merge(base_params: PyTree, trained: PyTree, scale: float) -> PyTree:
  """Full parameters of a network: base plus products of the factors, and parameters trained in full.

  With `lora_b` zero the result equals the base exactly.
  """
  merged, learned = (
    traverse_util.flatten_dict(base_params, sep='/'),
    traverse_util.flatten_dict(trained, sep='/'),
  )
  for path, value in learned.items():
    if path.endswith(FACTOR_A):
      layer = path.removesuffix(FACTOR_A)
      # Full float32 precision on every device, so that an exported network equals the trained one.
      product = jnp.matmul(value, learned[layer + FACTOR_B], precision=jax.lax.Precision.HIGHEST)
      kernel = merged[layer + 'kernel']
      merged[layer + 'kernel'] = kernel + scale * product.reshape(kernel.shape)
    elif not path.endswith(FACTOR_B):
      merged[path] = value
  return traverse_util.unflatten_dict(merged, sep='/')


def checksum(params: PyTree) -> int:
  """CRC-32 of the paths and values of a parameter tree."""
  crc = 0
  for path, leaf in sorted(traverse_util.flatten_dict(params, sep='/').items()):
    crc = zlib.crc32(path.encode(), crc)
    crc = zlib.crc32(np.ascontiguousarray(leaf), crc)
  return crc
