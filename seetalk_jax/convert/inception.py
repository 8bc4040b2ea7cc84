"""Inception converter: state dict of pytorch-fid's Inception-v3 to an `InceptionV3`, batch norms folded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seetalk_jax.convert.folded import folded
from seetalk_jax.convert.rules import Rule
from seetalk_jax.convert.width import common_width
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models.critics import inception

FRESH = ()

_CLASSES = 1008  # of TensorFlow's Inception of 2015, which pytorch-fid has; torchvision's has 1000


def build(
  config: Mapping[str, Any] | None, shapes: Mapping[str, tuple[int, ...]], kind: str
) -> inception.InceptionV3:
  """The network of the tensor shapes, of any width.

  Raises:
    CheckpointError: the tensors are not those of pytorch-fid's Inception-v3.
  """
  del config, kind
  published = inception.layer_channels()
  kernels = {path: shapes.get(f'{path.replace("/", ".")}.conv.weight', ()) for path in published}
  missing = [path for path, shape in kernels.items() if len(shape) != 4]
  if len(missing) > len(published) // 2:
    raise CheckpointError(
      f'these are no weights of an Inception-v3: {len(missing)} of its {len(published)} convolutions are not there, '
      f'such as {missing[0].replace("/", ".")}.conv.weight'
    )
  classifier = shapes.get('fc.weight')
  if classifier is not None and classifier[0] != _CLASSES:
    raise CheckpointError(
      f"these are weights of another Inception-v3 than pytorch-fid's: fc.weight {classifier} has not {_CLASSES} "
      "classes; give pytorch-fid's, others do not measure FID"
    )
  pairs = [(shape[0], published[path]) for path, shape in kernels.items() if path not in missing]
  return inception.InceptionV3(common_width(pairs))


def rules(module: inception.InceptionV3) -> list[Rule]:
  """Rules for the names of torchvision's Inception-v3. The classifier is ignored."""
  del module  # the names are the same for all widths
  return [
    *folded((r'(\w+)\.(\w+)\.', '{0}.{1}.'), 'conv', 'bn', '{0}/{1}'),
    *folded((r'(\w+)\.', '{0}.'), 'conv', 'bn', '{0}'),
    Rule(r'fc\.(?:weight|bias)', None),
    Rule(r'.*\.bn\.num_batches_tracked', None),
  ]
