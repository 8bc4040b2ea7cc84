"""Dependencies between networks: a network that was trained on the outputs of another one expects that one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from flax import traverse_util

from seetalk_jax.stages import motion_codec

PyTree = Any

# Network -> networks whose outputs it was trained on.
READS = {
  'portrait_unet': ('speech_encoder', 'autoencoder'),
  'sample_adaptive_weighting': ('speech_encoder', 'autoencoder'),
  'motion_transformer': ('speech_encoder', 'motion_codec'),
  'lip_refiner': ('speech_encoder', 'motion_codec', 'motion_transformer'),
  'code_transformer': ('codebook', 'motion_codec'),
  'hr_decoder': ('codebook', 'motion_codec'),
}
# (network, network that it reads) -> top-level parts of the parameters that make what it reads; all if absent.
_PARTS = {
  ('motion_transformer', 'motion_codec'): motion_codec.KEPT,
  ('lip_refiner', 'motion_codec'): motion_codec.KEPT,
}
# Network -> how to train it so that networks which read it stay valid.
_ADVICE = {
  'motion_codec': 'train motion_codec with --config.options.keep_motion=True, which keeps the motion latents, or '
}
_TOLERANCE = 1e-3  # relative; float16 rounds by 5e-4


def warnings(old: Mapping[str, PyTree], new: Mapping[str, PyTree], where: str) -> list[str]:
  """One line for each new network that differs from the one that kept networks were trained with.

  Args:
    old: network name -> parameters in the release that the networks are put into.
    new: network name -> parameters that replace them.
    where: the release, for the message.
  """
  lines = []
  for name in new.keys() & old.keys():
    readers = [
      reader
      for reader in READS
      if name in READS[reader]
      and reader in old
      and reader not in new
      and _differ(old[name], new[name], _PARTS.get((reader, name)))
    ]
    if readers:
      advice = _ADVICE.get(name, '') if any((reader, name) in _PARTS for reader in readers) else ''
      lines.append(
        f'{name} is replaced, but {", ".join(readers)} of {where} were trained with the {name} there: {advice}train '
        f'{"them" if len(readers) > 1 else "it"} again'
      )
  return sorted(lines)


def _differ(old: PyTree, new: PyTree, parts: tuple[str, ...] | None) -> bool:
  """Whether parameters differ by more than the rounding of a release, in some of their parts or in all."""
  first, second = (
    {path: x for path, x in traverse_util.flatten_dict(tree).items() if parts is None or path[0] in parts}
    for tree in (old, new)
  )
  if first.keys() != second.keys():
    return True
  return any(
    np.shape(first[path]) != np.shape(second[path])
    or not np.allclose(first[path], second[path], rtol=_TOLERANCE, atol=_TOLERANCE * 1e-2)
    for path in first
  )
