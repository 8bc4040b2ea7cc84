"""Collectives of a compiled program: how often they run, and the bytes that a device receives."""

from __future__ import annotations

import collections
import dataclasses
import math
import re

from seetalk_jax.planning.hlo import Instruction, Program

KINDS = ('all-gather', 'all-reduce', 'reduce-scatter', 'all-to-all', 'collective-permute')

_CHANNEL = re.compile(r'channel_id=(\d+)')
# On a TPU an asynchronous collective appears in three kinds of fusions: start, overlap with other work, done.
_BEGINS = 'custom_call_target="AsyncCollectiveStart"'
# A reduce-scatter is a fusion of an all-reduce and a slice.
_SCATTERS = 'all-reduce-scatter'
_LISTED = re.compile(r'replica_groups=\{\{([\d,]*)\}')
_IOTA = re.compile(r'replica_groups=\[(\d+),(\d+)\]')
# Such as mesh['axis_0'=2,'axis_1'=8] {'axis_1'}; a part of an axis is written 'axis_1':(2)4.
_NAMED = re.compile(r'replica_groups=mesh\[([^\]]*)\][^{]*\{([^}]*)\}')
_AXIS = re.compile(r"'(\w+)'=(\d+)")
_USED = re.compile(r"'(\w+)'(?::\(\d+\)(\d+))?")


@dataclasses.dataclass(frozen=True)
class Traffic:
  """Collectives of one kind in one run of the program.

  Attributes:
    count: number of executions.
    bytes: bytes that one device receives in all of them.
  """

  count: int
  bytes: float


def traffic(program: Program, devices: int) -> dict[str, Traffic]:
  """Kind -> traffic of one device. Loop bodies count once per iteration (once if that number is unknown).

  For an array on n devices, an all-gather or all-to-all receives (n - 1) / n of its bytes, an all-reduce
  twice that, and a reduce-scatter (n - 1) / n of the bytes of its input.

  Args:
    program: a compiled program.
    devices: number of devices that run the program. It is the group size of collectives that list no groups.

  Raises:
    ValueError: replica groups in an unknown form.
  """
  times = program.runs(inside_fusions=True)
  transfers = []  # (computation, instruction, kind), channel
  begun = set()
  for name, body in program.bodies.items():
    begins = any(_BEGINS in i.rest for i in body.values())
    for instruction in body.values():
      kind = instruction.kind.removesuffix('-start')
      if kind not in KINDS or not times[name]:
        continue
      if name.startswith(_SCATTERS):
        kind = 'reduce-scatter'
      channel = _CHANNEL.search(instruction.rest)
      channel = (kind, channel.group(1)) if channel else None
      transfers.append((name, instruction, kind, channel, begins))
      if begins and channel:
        begun.add(channel)
  totals: dict[str, list] = collections.defaultdict(lambda: [0, 0.0])
  for name, instruction, kind, channel, begins in transfers:
    if channel in begun and not begins:
      continue
    size = _moved(instruction, kind)
    totals[kind][0] += times[name]
    members = _group(kind, instruction.rest, devices)
    if name.startswith(_SCATTERS):
      size /= members  # the bytes of one device's slice, as for other reduce-scatters
    totals[kind][1] += times[name] * size * _received(kind, members)
  return {kind: Traffic(*totals[kind]) for kind in KINDS if kind in totals}


def _moved(instruction: Instruction, kind: str) -> float:
  """Bytes of the results. A `-start` instruction lists inputs before outputs, except for all-reduce."""
  sizes = [array.bytes for array in instruction.arrays]
  if instruction.kind.endswith('-start'):
    if kind == 'collective-permute':
      sizes = sizes[1:2]
    elif kind != 'all-reduce':
      sizes = sizes[len(sizes) // 2 :]
  return sum(sizes)


def _group(kind: str, rest: str, devices: int) -> int:
  """The number of devices in a group."""
  if match := _NAMED.search(rest):
    sizes = {name: int(size) for name, size in _AXIS.findall(match.group(1))}
    return math.prod(int(part) if part else sizes[name] for name, part in _USED.findall(match.group(2)))
  if match := _IOTA.search(rest):
    return int(match.group(2))
  if match := _LISTED.search(rest):
    return len(match.group(1).split(','))
  if kind == 'collective-permute' or 'replica_groups={}' in rest:
    return devices
  raise ValueError(f'replica groups of {kind} do not read: {rest[:200]}')


def _received(kind: str, n: int) -> float:
  share = (n - 1) / n
  if kind == 'all-reduce':
    return 2 * share
  if kind == 'reduce-scatter':
    return n - 1  # its size is that of the scattered result
  return 1.0 if kind == 'collective-permute' else share
