"""Low-rank factors of a release's motion codec and decoder, and the networks that they change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

from seetalk_jax.training import lora
from seetalk_jax.training.state import key_for

PyTree = Any
Parts = Mapping[str, tuple[str, ...]]  # network -> names of parts, the first level of its parameters

# What places a person's face: phi_m, which encodes the motion of a picture, and the flow basis of a portrait. The
# warper, which turns motion into amplitudes of this basis, and the truth networks stay as they are. So a motion means
# the same for every person; motion and lips are sampled in its space.
GEOMETRY: Parts = {'motion_codec': ('motion_encoder', 'identity_encoder', 'motion_modes')}


def options_for(rank: int) -> lora.LowRank:
  """Factors of one rank for every dense layer and convolution."""
  return lora.LowRank(rank=rank, targets=('*',), convolutions=True)


def decoder_parts(params: Mapping[str, PyTree], complete: bool) -> Parts:
  """Adapted parts of the decoder.

  Args:
    params: network -> parameters.
    complete: whether frames are drawn by the HR decoder; else by the codec's own decoder.
  """
  return {'hr_decoder': tuple(sorted(params['hr_decoder']))} if complete else {'motion_codec': ('decoder',)}


def adapted_networks(complete: bool) -> tuple[str, ...]:
  """Names of the networks that an adaptation changes."""
  return ('motion_codec', 'hr_decoder') if complete else ('motion_codec',)


def start(params: Mapping[str, PyTree], parts: Parts, options: lora.LowRank, seed: int) -> dict[str, PyTree]:
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
