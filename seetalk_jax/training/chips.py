"""Accelerator specifications from their vendors: peak FLOP rates, memory sizes and bandwidths."""

from __future__ import annotations

import dataclasses

import jax


@dataclasses.dataclass(frozen=True)
class Chip:
  """Specification of one TPU chip.

  Attributes:
    flops: dense bfloat16 operations per second.
    memory: bytes of HBM.
    memory_rate: bytes of HBM per second.
    link_rate: outgoing bytes per second over all interconnect links.
    clock: cycles per second: `flops` divided by the operations of all matrix units in a cycle.
    kinds: prefixes of JAX's `device_kind`.
  """

  flops: float
  memory: float
  memory_rate: float
  link_rate: float
  clock: float
  kinds: tuple[str, ...]


GIB = 2**30
# Generation, as in topology names -> chip.
CHIPS = {
  'v4': Chip(275e12, 32 * GIB, 1228e9, 300e9, 1.05e9, ('TPU v4',)),
  'v5e': Chip(197e12, 16 * GIB, 819e9, 200e9, 1.5e9, ('TPU v5 lite', 'TPU v5e')),
  'v5p': Chip(459e12, 95 * GIB, 2765e9, 600e9, 1.75e9, ('TPU v5p', 'TPU v5')),
  'v6e': Chip(918e12, 32 * GIB, 1640e9, 448e9, 1.75e9, ('TPU v6 lite', 'TPU v6e')),
}
# Other devices: part of `device_kind` -> dense bfloat16 operations per second.
_PEAKS = {'TPU7x': 2307e12, 'H200': 989e12, 'H100': 989e12, 'A100': 312e12}


def peak_flops(device: jax.Device) -> float | None:
  """Peak dense bfloat16 operations per second of a device; None for a device that is not in the tables."""
  kind = getattr(device, 'device_kind', '')
  for chip in CHIPS.values():
    if kind.startswith(chip.kinds):
      return chip.flops
  return next((peak for name, peak in _PEAKS.items() if name in kind), None)
