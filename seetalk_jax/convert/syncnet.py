"""SyncNet converter: the authors' state dict (`syncnet_v2.model`) to a `SyncNet` without norms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seetalk_jax.convert.arcface import fold_bias, fold_scale
from seetalk_jax.convert.rules import Rule, affine
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models.critics.syncnet import SyncNet

FRESH = ()

# Indices of the six convolutions in their sequences; a batch norm follows each of them.
_CONVOLUTIONS = (0, 4, 8, 11, 14, 18)
# The first layer of the face tower was trained on pixel values 0 to 255 in the order blue, green, red.
_HALF_RANGE = 127.5


def build(config: Mapping[str, Any] | None, shapes: Mapping[str, tuple[int, ...]], kind: str) -> SyncNet:
  """The network of the tensor shapes.

  Raises:
    CheckpointError: the tensors are not those of SyncNet.
  """
  del config, kind

  def channels(tower):
    return tuple(shapes.get(f'{tower}.{index}.weight', (0,))[0] for index in _CONVOLUTIONS)

  audio, face = channels('netcnnaud'), channels('netcnnlip')
  last = shapes.get('netfcaud.3.weight', ())
  if 0 in audio + face or len(last) != 2:
    raise CheckpointError('these are no weights of a SyncNet: netcnnaud, netcnnlip or netfcaud is not whole')
  return SyncNet(embedding_dim=last[0], hidden=last[1], audio_channels=audio, face_channels=face, norm='none')


def rules(module: SyncNet) -> list[Rule]:
  """Rules for the names of SyncNet. Batch norms are folded into the layers before in double precision."""
  del module  # the names are the same for all sizes
  rule_list: list[Rule] = []
  for theirs, ours, dense in (
    ('netcnnaud', 'audio_tower', 'netfcaud'),
    ('netcnnlip', 'face_tower', 'netfclip'),
  ):
    for i, index in enumerate(_CONVOLUTIONS):
      first = i == 0 and theirs == 'netcnnlip'
      rule_list += _folded(f'{theirs}.{index}', f'{theirs}.{index + 1}', f'{ours}/conv_{i}', first)
    rule_list += _folded(f'{dense}.0', f'{dense}.1', f'{ours}/dense_0')
    rule_list += affine(rf'{dense}\.3', f'{ours}/dense_1')
  return [*rule_list, Rule(r'.*\.num_batches_tracked', None)]


def _folded(layer: str, norm: str, target: str, pixels: bool = False) -> list[Rule]:
  """Rules for a layer with the batch norm after it folded in."""
  scale, bias, mean, variance = (
    f'{norm}.{part}' for part in ('weight', 'bias', 'running_mean', 'running_var')
  )
  kernel = (_escaped(f'{layer}.weight'), scale, variance)
  offset = (_escaped(f'{layer}.bias'), bias, scale, mean, variance)
  if pixels:
    return [
      Rule(kernel, f'{target}/kernel', pixel_kernel),
      Rule((*offset, f'{layer}.weight'), f'{target}/bias', pixel_bias),
    ]
  return [Rule(kernel, f'{target}/kernel', folded_kernel), Rule(offset, f'{target}/bias', folded_bias)]


def folded_kernel(kernel: np.ndarray, scale: np.ndarray, variance: np.ndarray) -> np.ndarray:
  """Kernel `[out, in, *window]` to `[*window, in, out]`, times the scale of the batch norm.

  A time axis of the window is merged into the input channels, before them, because frames are stacked as
  channels.
  """
  spread = np.moveaxis(kernel.astype(np.float64), 0, -1) * fold_scale(scale, variance)  # [in, *window, out]
  if spread.ndim == 5:  # [in, time, height, width, out]
    turned = np.transpose(spread, (2, 3, 1, 0, 4))
    return turned.reshape(*turned.shape[:2], -1, turned.shape[-1])
  return np.moveaxis(spread, 0, -2)


def folded_bias(
  before: np.ndarray, bias: np.ndarray, scale: np.ndarray, mean: np.ndarray, variance: np.ndarray
) -> np.ndarray:
  """Bias of layer and batch norm together, `[out]`; `before` is the bias of the layer."""
  return fold_bias(bias, scale, mean, variance, before)


def pixel_kernel(kernel: np.ndarray, scale: np.ndarray, variance: np.ndarray) -> np.ndarray:
  """As `folded_kernel`, for an input of red, green, blue in [-1, 1]."""
  return _HALF_RANGE * folded_kernel(kernel[:, ::-1], scale, variance)


def pixel_bias(
  before: np.ndarray,
  bias: np.ndarray,
  scale: np.ndarray,
  mean: np.ndarray,
  variance: np.ndarray,
  kernel: np.ndarray,
) -> np.ndarray:
  """As `folded_bias`, plus the output for mid-range pixels; exact because the layer has no padding."""
  middle = _HALF_RANGE * kernel.astype(np.float64).sum(axis=tuple(range(1, kernel.ndim)))
  return fold_bias(bias, scale, mean, variance, before + middle)


def _escaped(name: str) -> str:
  return name.replace('.', r'\.')
