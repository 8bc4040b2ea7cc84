"""Low-rank factors of a release's appearance encoder and decoder, and the networks that they change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

from seetalk_jax.training import lora
from seetalk_jax.training.state import key_for

PyTree = Any

# Parts of the motion codec that encode a portrait; phi_m is left alone, as motion and lips are sampled in its space.
_APPEARANCE = ('identity_encoder', 'motion_modes')


def options_for(rank: int) -> lora.LowRank:
  """Factors of one rank for every dense layer and convolution."""
  return lora.LowRank(rank=rank, targets=('*',), convolutions=True)


def adapted_parts(params: Mapping[str, PyTree], complete: bool) -> dict[str, tuple[str, ...]]:
  """Network -> names of its adapted parts, the first level of its parameters.

  Args:
    params: network -> parameters.
    complete: whether frames are drawn by the HR decoder; else by the codec's own decoder.
  """
  if complete:
    return {'motion_codec': _APPEARANCE, 'hr_decoder': tuple(sorted(params['hr_decoder']))}
  return {'motion_codec': (*_APPEARANCE, 'decoder')}


def start(
  params: Mapping[str, PyTree], parts: Mapping[str, tuple[str, ...]], options: lora.LowRank, seed: int
) -> dict[str, PyTree]:
  """Initial factors, network -> tree; merged, they change nothing."""
  key = jax.random.key(seed)
  factors = {}
  for network, names in parts.items():
    base = {name: params[network][name] for name in names}
    factors[network] = lora.start(key_for(key, network), base, base, options)
  return factors


def merge(params: Mapping[str, PyTree], factors: Mapping[str, PyTree], scale: float) -> dict[str, PyTree]:
  """Parameters of all networks, with the factors merged into those that have any."""
  changed = {network: lora.merge(params[network], tree, scale) for network, tree in factors.items()}
  return {**params, **changed}
