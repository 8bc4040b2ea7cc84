"""I3D converter: state dict of the PyTorch port (`pytorch-i3d`) to an `InceptionI3D`, batch norms folded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seetalk_jax.convert.folded import folded
from seetalk_jax.convert.rules import Rule, affine
from seetalk_jax.convert.width import common_width
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models.critics import i3d

FRESH = ()


def build(
  config: Mapping[str, Any] | None, shapes: Mapping[str, tuple[int, ...]], kind: str
) -> i3d.InceptionI3D:
  """The network of the tensor shapes, of any width and number of classes.

  Raises:
    CheckpointError: the tensors are not those of an I3D.
  """
  del config, kind
  published = i3d.layer_channels()
  kernels = {path: shapes.get(f'{path.replace("/", ".")}.conv3d.weight', ()) for path in published}
  missing = [path for path, shape in kernels.items() if len(shape) != 5]
  logits = shapes.get('logits.conv3d.weight', ())
  if len(missing) > len(published) // 2 or len(logits) != 5:
    raise CheckpointError(
      f'these are no weights of an I3D: {len(missing)} of its {len(published)} convolutions are not there, '
      f'logits.conv3d.weight {logits or "is not there"}'
    )
  pairs = [(shape[0], published[path]) for path, shape in kernels.items() if path not in missing]
  return i3d.InceptionI3D(common_width(pairs), num_classes=logits[0])


def rules(module: i3d.InceptionI3D) -> list[Rule]:
  """Rules for the names of the port."""
  del module  # the names are the same for all widths
  return [
    *affine(r'logits\.conv3d', 'logits'),
    *folded((r'(\w+)\.(\w+)\.', '{0}.{1}.'), 'conv3d', 'bn', '{0}/{1}'),
    *folded((r'(\w+)\.', '{0}.'), 'conv3d', 'bn', '{0}'),
    Rule(r'.*\.bn\.num_batches_tracked', None),
  ]
