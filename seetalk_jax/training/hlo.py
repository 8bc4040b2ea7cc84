"""What a compiled program moves between devices, read from its text."""

from __future__ import annotations

import collections
import dataclasses
import math
import re

_BYTES = {
  'pred': 1, 's8': 1, 'u8': 1, 'f8e4m3fn': 1, 'f8e5m2': 1, 's16': 2, 'u16': 2, 'bf16': 2, 'f16': 2,
  's32': 4, 'u32': 4, 'f32': 4, 's64': 8, 'u64': 8, 'f64': 8, 'c64': 8,
}  # fmt: skip
KINDS = ('all-gather', 'all-reduce', 'reduce-scatter', 'all-to-all', 'collective-permute')

_COMPUTATION = re.compile(r'^(ENTRY )?%?([\w.-]+) \(.*\) -> .* \{$')
_INSTRUCTION = re.compile(r'^\s+(?:ROOT )?%?[\w.-]+ = (.*?) ([a-z][\w-]*)\((.*)$')
_ARRAY = re.compile(r'\b([a-z]+\d*(?:e\dm\d(?:fn)?)?)\[([\d,]*)\]')
_CALLED = re.compile(r'(?:calls|to_apply|body|condition)=%?([\w.-]+)|branch_computations=\{([^}]*)\}')
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"')
_LISTED = re.compile(r'replica_groups=\{\{([\d,]*)\}')
_IOTA = re.compile(r'replica_groups=\[(\d+),(\d+)\]')
# mesh['axis_0'=2,'axis_1'=8] {'axis_1'}, where a part of an axis reads 'axis_1':(2)4.
_NAMED = re.compile(r'replica_groups=mesh\[([^\]]*)\][^{]*\{([^}]*)\}')
_AXIS = re.compile(r"'(\w+)'=(\d+)")
_USED = re.compile(r"'(\w+)'(?::\(\d+\)(\d+))?")


@dataclasses.dataclass(frozen=True)
class Traffic:
  """Collectives of one kind in a run of the program.

  Attributes:
    count: how often they run.
    bytes: that a device receives in all of them together.
  """

  count: int
  bytes: float


def collectives(text: str, devices: int) -> dict[str, Traffic]:
  """Kind -> traffic of one device, loops counted as often as they run (once where nobody knows).

  Of an array that n devices hold together a gather or an exchange brings (n - 1) / n, a sum twice that, a sum
  whose result is scattered once that of its input.

  Args:
    devices: that run the program; groups that are not told are all of them.

  Raises:
    ValueError: groups in a form that is not known here.
  """
  bodies, entry = _computations(text)
  times: dict[str, int] = collections.defaultdict(int)

  def visit(name: str, factor: int) -> None:
    times[name] += factor
    for _, kind, rest in bodies.get(name, ()):
      trips = int(found.group(1)) if kind == 'while' and (found := _TRIPS.search(rest)) else 1
      for one, several in _CALLED.findall(rest):
        for called in [one] if one else [part.strip(' %') for part in several.split(',')]:
          visit(called, factor * trips)

  visit(entry, 1)
  found = {kind: [0, 0.0] for kind in KINDS}
  for name, body in bodies.items():
    for shape, kind, rest in body:
      base = kind.removesuffix('-start')
      if base not in found or not times[name]:
        continue
      size = (
        max(_sizes(shape), default=0)
        if kind.endswith('-start') or base == 'all-gather'
        else sum(_sizes(shape))
      )
      found[base][0] += times[name]
      found[base][1] += times[name] * size * _received(base, _group(base, rest, devices))
  return {kind: Traffic(count, moved) for kind, (count, moved) in found.items() if count}


def _computations(text: str) -> tuple[dict[str, list[tuple[str, str, str]]], str]:
  bodies: dict[str, list[tuple[str, str, str]]] = {}
  current, entry = None, ''
  for line in text.splitlines():
    if head := _COMPUTATION.match(line):
      current = head.group(2)
      bodies[current] = []
      entry = current if head.group(1) else entry
    elif current is not None and (found := _INSTRUCTION.match(line)):
      bodies[current].append(found.groups())
  return bodies, entry


def _sizes(shape: str) -> list[float]:
  return [
    _BYTES[dtype] * math.prod(int(n) for n in dimensions.split(',') if n)
    for dtype, dimensions in _ARRAY.findall(shape)
    if dtype in _BYTES
  ]


def _group(kind: str, rest: str, devices: int) -> int:
  """How many devices take part together."""
  if found := _NAMED.search(rest):
    sizes = {name: int(size) for name, size in _AXIS.findall(found.group(1))}
    return math.prod(int(part) if part else sizes[name] for name, part in _USED.findall(found.group(2)))
  if found := _IOTA.search(rest):
    return int(found.group(2))
  if found := _LISTED.search(rest):
    return len(found.group(1).split(','))
  if kind == 'collective-permute' or 'replica_groups={}' in rest:
    return devices
  raise ValueError(f'replica groups of {kind} do not read: {rest[:200]}')


def _received(kind: str, n: int) -> float:
  share = (n - 1) / n
  if kind == 'all-reduce':
    return 2 * share
  if kind == 'reduce-scatter':
    return n - 1  # its text tells the scattered result
  return 1.0 if kind == 'collective-permute' else share
