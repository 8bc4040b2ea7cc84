"""EfficientNet-Lite0 converter: the PyTorch port's state dict to a `PerceptualTower`, batch norms folded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from seetalk_jax.convert import arcface
from seetalk_jax.convert.rules import Rule, convolution
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models.critics.efficientnet_lite import NUM_BLOCKS, STEM_CHANNELS
from seetalk_jax.models.critics.perceptual import PerceptualTower

FRESH = ()

# Epsilon of all batch norms; the weights were trained with TensorFlow's.
_EPSILON = 1e-3
# Convolutions of a block, with the batch norm after each: name in the source, batch norm, name here.
_BLOCK = (
  ('_expand_conv', '_bn0', 'expand'),
  ('_depthwise_conv', '_bn1', 'depthwise'),
  ('_project_conv', '_bn2', 'project'),
)


def build(
  config: Mapping[str, Any] | None, shapes: Mapping[str, tuple[int, ...]], kind: str
) -> PerceptualTower:
  """The tower of the tensor names, of any width.

  Raises:
    CheckpointError: the tensors are not those of an EfficientNet-Lite0.
  """
  del config, kind
  stem = shapes.get('_conv_stem.weight', ())
  blocks = {int(m[1]) for m in (re.match(r'_blocks\.(\d+)\.', name) for name in shapes) if m}
  if len(stem) != 4 or blocks != set(range(NUM_BLOCKS)):
    raise CheckpointError(
      f'these are no weights of an EfficientNet-Lite0: {len(blocks)} blocks (of {NUM_BLOCKS}), '
      f'_conv_stem.weight {stem or "is not there"}'
    )
  if any('._se_' in name for name in shapes):
    raise CheckpointError(
      'these are weights of an EfficientNet with squeeze-and-excite: give those of EfficientNet-Lite0'
    )
  return PerceptualTower('efficientnet-lite0', calibrated=False, width=stem[0] / STEM_CHANNELS)


def rules(module: PerceptualTower) -> list[Rule]:
  """Rules for the names of the port, which are those of EfficientNet-PyTorch. The classifier is ignored."""
  del module  # the names are the same for all widths
  rule_list = _folded(('', ''), '_conv_stem', '_bn0', 'trunk/conv_stem')
  for layer, norm, ours in _BLOCK:
    rule_list += _folded((r'_blocks\.(\d+)\.', '_blocks.{0}.'), layer, norm, 'trunk/blocks_{0}/' + ours)
  rule_list.append(Rule(r'(?:_conv_head|_bn1|_fc)\.(?:weight|bias|running_mean|running_var)', None))
  return [*rule_list, Rule(r'.*\.num_batches_tracked', None)]


def folded_kernel(kernel: np.ndarray, scale: np.ndarray, variance: np.ndarray) -> np.ndarray:
  """Kernel `[out, in, h, w]` to `[h, w, in, out]`, times the scale of the batch norm after it."""
  return convolution(kernel) * arcface.fold_scale(scale, variance, _EPSILON)


def folded_bias(bias: np.ndarray, scale: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
  """Bias `[out]` of a convolution without one and the batch norm after it."""
  return arcface.fold_bias(bias, scale, mean, variance, epsilon=_EPSILON)


def _folded(prefix: tuple[str, str], layer: str, norm: str, target: str) -> list[Rule]:
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
