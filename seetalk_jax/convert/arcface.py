"""ArcFace converter: InsightFace's `iresnet` state dict to a `FaceEncoder` with frozen norms."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from seetalk_jax.convert.rules import Rule, convolution
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models.face.face_encoder import FaceEncoder

FRESH = ()

# Epsilon of all batch norms, including the last one over the embedding; PyTorch's default.
_EPSILON = 1e-5
_STAGES = 4
# Optional name prefix from multi-device training.
_ANY = r'(?:module\.)?'


def build(config: Mapping[str, Any] | None, shapes: Mapping[str, tuple[int, ...]], kind: str) -> FaceEncoder:
  """The `FaceEncoder` of the tensor shapes, of any depth and width. Its input is RGB portraits in [-1, 1].

  Raises:
    CheckpointError: the tensors are not those of an IResNet.
  """
  del config, kind  # there is no config.json, and only one kind
  shapes = {re.sub(f'^{_ANY}', '', name): shape for name, shape in shapes.items()}
  channels = [shapes.get(f'layer{i + 1}.0.conv1.weight', (0,))[0] for i in range(_STAGES)]
  blocks = [
    sum(re.fullmatch(rf'layer{i + 1}\.\d+\.conv1\.weight', name) is not None for name in shapes)
    for i in range(_STAGES)
  ]
  dense = shapes.get('fc.weight', ())
  if 0 in channels or len(dense) != 2:
    raise CheckpointError('these are no weights of an IResNet: layer1 to layer4 or fc is not there')
  side = math.isqrt(dense[1] // channels[-1])
  if side**2 * channels[-1] != dense[1]:
    raise CheckpointError(
      f'these are no weights of an IResNet for square portraits: fc.weight {dense} reads no square map of '
      f'{channels[-1]} channels'
    )
  return FaceEncoder(
    architecture='iresnet',
    norm='frozen',
    image_size=side * 2**_STAGES,
    channels=tuple(channels),
    blocks=tuple(blocks),
    embedding_dim=dense[0],
  )


def fold_scale(scale: np.ndarray, variance: np.ndarray, epsilon: float = _EPSILON) -> np.ndarray:
  """Scale of a batch norm with frozen statistics, `[c]`."""
  return scale.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)


def fold_bias(
  bias: np.ndarray,
  scale: np.ndarray,
  mean: np.ndarray,
  variance: np.ndarray,
  before: np.ndarray | float = 0.0,
  epsilon: float = _EPSILON,
) -> np.ndarray:
  """Offset of a batch norm with frozen statistics, `[c]`; `before` is the bias of the layer before it."""
  return bias + (before - mean.astype(np.float64)) * fold_scale(scale, variance, epsilon)


def dense_kernel(
  kernel: np.ndarray, scale: np.ndarray, variance: np.ndarray, map_scale: np.ndarray
) -> np.ndarray:
  """Dense kernel `[out, c * h * w]` to `[h * w * c, out]`, with the batch norm after the layer folded in.

  Args:
    kernel: kernel of the dense layer on a channel-first map.
    scale, variance: of the norm after the layer, `[out]`.
    map_scale: scale of the norm before the layer, `[c]`, for the number of channels of the map.
  """
  out, channels = len(kernel), len(map_scale)
  side = math.isqrt(kernel.shape[1] // channels)
  turned = kernel.reshape(out, channels, side, side).transpose(2, 3, 1, 0).reshape(-1, out)
  return turned * fold_scale(scale, variance)


def rules(module: FaceEncoder) -> list[Rule]:
  """Rules for the names of InsightFace's IResNet. Batch norms are folded in double precision."""
  del module  # the names are the same for all sizes
  rule_list = [Rule(_ANY + r'conv1\.weight', 'conv_in/kernel', convolution)]
  rule_list += _batch_norm('bn1', 'norm_in')
  rule_list.append(Rule(_ANY + r'prelu\.weight', 'prelu_in'))
  for i in range(_STAGES):
    theirs, ours = rf'layer{i + 1}\.(\d+)\.', f'stage_{i}_'
    for name in ('conv1', 'conv2'):
      rule_list.append(
        Rule(_ANY + theirs + rf'{name}\.weight', ours + '{0}/' + name + '/kernel', convolution)
      )
    rule_list.append(Rule(_ANY + theirs + r'prelu\.weight', ours + '{0}/prelu'))
    shortcut = _ANY + theirs + r'downsample\.0\.weight'
    rule_list.append(Rule(shortcut, ours + '{0}/conv_shortcut/kernel', convolution))
    # These patterns have one more group before the others: the whole name.
    for name in ('1', '2', '3'):
      rule_list += _batch_norm(theirs + f'bn{name}', ours + '{1}/norm' + name)
    rule_list += _batch_norm(theirs + r'downsample\.1', ours + '{1}/norm_shortcut')
  rule_list += _batch_norm('bn2', 'norm_out')
  norm = ('{0}features.weight', '{0}features.running_var')
  rule_list.append(
    Rule((rf'({_ANY})fc\.weight', *norm, '{0}bn2.weight'), 'to_embedding/kernel', dense_kernel)
  )
  names = ('features.weight', 'features.running_mean', 'features.running_var', 'fc.bias')
  bias = (rf'({_ANY})features\.bias', *('{0}' + name for name in names))
  rule_list.append(Rule(bias, 'to_embedding/bias', fold_bias))
  rule_list.append(Rule(r'.*\.num_batches_tracked', None))
  return rule_list


def _batch_norm(source: str, target: str) -> list[Rule]:
  """Rules for a batch norm; `{0}` of the target is the whole name, `{1}` the first group in it."""
  name = f'({_ANY}{source})'
  statistics = ('{0}.running_mean', '{0}.running_var')
  return [
    Rule((name + r'\.weight', statistics[1]), f'{target}/scale', fold_scale),
    Rule((name + r'\.bias', '{0}.weight', *statistics), f'{target}/bias', fold_bias),
  ]
