"""Convolutions with the batch norm after them folded in, of weights that were trained with TensorFlow."""

from __future__ import annotations

import numpy as np

from seetalk_jax.convert import arcface
from seetalk_jax.convert.rules import Rule, convolution

# Epsilon of TensorFlow's batch norms; PyTorch's is another.
_EPSILON = 1e-3


def folded(prefix: tuple[str, str], layer: str, norm: str, target: str) -> list[Rule]:
  """Rules for a convolution without bias, with the batch norm after it folded in.

  Args:
    prefix: of both names: as a regular expression, and as a text with the groups of it.
    layer, norm: names of convolution and batch norm after the prefix.
    target: path of the convolution here.
  """
  pattern, start = prefix
  scale, mean, variance = (f'{start}{norm}.{part}' for part in ('weight', 'running_mean', 'running_var'))
  return [
    Rule((rf'{pattern}{layer}\.weight', scale, variance), f'{target}/kernel', folded_kernel),
    Rule((rf'{pattern}{norm}\.bias', scale, mean, variance), f'{target}/bias', folded_bias),
  ]


def folded_kernel(kernel: np.ndarray, scale: np.ndarray, variance: np.ndarray) -> np.ndarray:
  """Kernel `[out, in, *window]` to `[*window, in, out]`, times the scale of the batch norm after it."""
  return convolution(kernel) * arcface.fold_scale(scale, variance, _EPSILON)


def folded_bias(bias: np.ndarray, scale: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
  """Bias `[out]` of a convolution without one and the batch norm after it."""
  return arcface.fold_bias(bias, scale, mean, variance, epsilon=_EPSILON)
