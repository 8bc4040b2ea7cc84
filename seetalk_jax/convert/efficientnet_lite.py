"""EfficientNet-Lite0 converter: the PyTorch port's state dict to a `PerceptualTower`, batch norms folded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from seetalk_jax.convert.folded import folded
from seetalk_jax.convert.rules import Rule
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models.critics.efficientnet_lite import NUM_BLOCKS, STEM_CHANNELS
from seetalk_jax.models.critics.perceptual import PerceptualTower

FRESH = ()

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
  rule_list = folded(('', ''), '_conv_stem', '_bn0', 'trunk/conv_stem')
  for layer, norm, ours in _BLOCK:
    rule_list += folded((r'_blocks\.(\d+)\.', '_blocks.{0}.'), layer, norm, 'trunk/blocks_{0}/' + ours)
  rule_list.append(Rule(r'(?:_conv_head|_bn1|_fc)\.(?:weight|bias|running_mean|running_var)', None))
  return [*rule_list, Rule(r'.*\.num_batches_tracked', None)]
