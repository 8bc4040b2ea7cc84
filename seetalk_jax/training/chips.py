"""What TPU chips have, as their maker states it: memory, and the rates that bound a step."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Chip:
  """One chip.

  Attributes:
    flops: dense bfloat16 operations per second.
    memory: bytes of HBM.
    memory_rate: bytes of HBM per second.
    link_rate: bytes per second that leave it over all its links to neighbours.
  """

  flops: float
  memory: float
  memory_rate: float
  link_rate: float


GIB = 2**30
# Generation as topologies name it -> chip.
CHIPS = {
  'v4': Chip(275e12, 32 * GIB, 1228e9, 300e9),
  'v5e': Chip(197e12, 16 * GIB, 819e9, 200e9),
  'v5p': Chip(459e12, 95 * GIB, 2765e9, 600e9),
  'v6e': Chip(918e12, 32 * GIB, 1640e9, 448e9),
}
