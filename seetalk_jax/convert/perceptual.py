"""Perceptual tower converter: `lpips.LPIPS`, or the VGG and AlexNet of torchvision."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from seetalk_jax.convert.rules import Rule, affine, convolution
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models.critics.perceptual import PerceptualTower, layout

FRESH = ()

# The source numbers convolutions, ReLUs and pooling layers together; here only convolutions are numbered.
_CONVOLUTION, _POOL = 2, 1  # numbers that each layer takes in the source


def build(
  config: Mapping[str, Any] | None, shapes: Mapping[str, tuple[int, ...]], kind: str
) -> PerceptualTower:
  """The tower of the tensor names. It is calibrated if they include LPIPS's weights per channel.

  Raises:
    CheckpointError: the tensors are not those of a VGG-16, VGG-19 or AlexNet.
  """
  del config, kind
  calibrated = any(re.fullmatch(r'lin0(\.model)?\.1\.weight', name) for name in shapes)
  trunk = {_index(name) for name in shapes if _index(name) is not None and name.endswith('.weight')}
  for architecture in ('vgg16', 'vgg19', 'alex'):
    wanted = set(layer_indices(architecture, whole=not calibrated))
    if trunk == wanted:
      published = layout(architecture)[0][0][0]
      width = next(shape[0] for name, shape in shapes.items() if _index(name) == 0) / published
      return PerceptualTower(architecture=architecture, calibrated=calibrated, width=width)
  raise CheckpointError(
    f'these are no weights of a VGG-16, VGG-19 or AlexNet: convolutions are layers {sorted(trunk)}'
  )


def layer_indices(architecture: str, whole: bool = False) -> list[int]:
  """Indices of convolutions in torchvision's `features`; `whole` includes those after the last used one."""
  layers, _ = layout(architecture)
  indices, index = [], 0
  for layer in layers:
    if layer == 'pool':
      index += _POOL
    else:
      indices.append(index)
      index += _CONVOLUTION
  if whole and architecture == 'vgg19':
    indices += [indices[-1] + _CONVOLUTION * i for i in (1, 2, 3)]
  return indices


def rules(module: PerceptualTower) -> list[Rule]:
  """Rules for the names of LPIPS's slices, or of torchvision's `features`."""
  rule_list: list[Rule] = []
  prefix = r'(?:net\.slice\d+|features)'
  used = layer_indices(module.architecture)
  for i, place in enumerate(used):
    rule_list += affine(rf'{prefix}\.{place}', f'convs_{i}', convolution)
  # LPIPS stores these weights twice: as lin0 and as lins.0.
  rule_list.append(Rule(r'lin(\d)(?:\.model)?\.1\.weight', 'level_{0}', _flat))
  rule_list.append(Rule(r'lins\.\d(?:\.model)?\.1\.weight', None))
  rule_list.append(Rule(r'scaling_layer\.(?:shift|scale)', None))
  # Unused: the classifier, and convolutions after the last used one.
  return [*rule_list, Rule(r'classifier\..*', None), Rule(rf'{prefix}\.\d+\.(?:weight|bias)', None)]


def _index(name: str) -> int | None:
  match = re.fullmatch(r'(?:net\.slice\d+|features)\.(\d+)\.(?:weight|bias)', name)
  return int(match.group(1)) if match else None


def _flat(weights: np.ndarray) -> np.ndarray:
  return weights.reshape(-1)
