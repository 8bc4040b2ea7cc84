"""HLO parser: instructions of a compiled program from its text, and the run counts of its computations."""

from __future__ import annotations

import collections
import dataclasses
import math
import re

_BYTES = {
  'pred': 1, 's4': 0.5, 'u4': 0.5, 's8': 1, 'u8': 1, 'f8e4m3fn': 1, 'f8e5m2': 1, 's16': 2, 'u16': 2, 'bf16': 2,
  'f16': 2, 's32': 4, 'u32': 4, 'f32': 4, 's64': 8, 'u64': 8, 'f64': 8, 'c64': 8, 'c128': 16,
}  # fmt: skip

_COMPUTATION = re.compile(r'^(ENTRY )?%?([\w.-]+) \(.*\) -> .* \{$')
_INSTRUCTION = re.compile(r'^\s+(ROOT )?%?([\w.-]+) = (.*?) ([a-z][\w-]*)\((.*)$')
_ARRAY = re.compile(r'\b([a-z]+\d*(?:e\dm\d(?:fn)?)?)\[([\d,]*)\](?:\{([^}]*)\})?')
_TILE = re.compile(r'T\((\d+)(?:,(\d+))?\)')
_SPACE = re.compile(r'S\((\d+)\)')
_OPERAND = re.compile(r'%([\w.-]+)')
_CALLED = re.compile(r'(?:calls|to_apply|body|condition)=%?([\w.-]+)|branch_computations=\{([^}]*)\}')
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"')
_LOOP = re.compile(r'condition=%?([\w.-]+).*body=%?([\w.-]+)|body=%?([\w.-]+).*condition=%?([\w.-]+)')


@dataclasses.dataclass(frozen=True)
class Array:
  """An array that an instruction returns.

  Attributes:
    bytes: bytes of its elements.
    held: bytes that it occupies, padded to whole tiles of its layout.
    space: memory space; 0 is the main memory of the device (HBM), others are on the chip.
  """

  bytes: float
  held: float
  space: int


@dataclasses.dataclass(frozen=True)
class Instruction:
  """One line of a computation.

  Attributes:
    name: name within the computation.
    kind: opcode, such as 'fusion' or 'all-gather-start'.
    arrays: results; several for a tuple.
    operands: names of instructions of the same computation.
    called: names of called computations.
    rest: the text after the opening bracket.
    is_root: whether it is the result of the computation.
  """

  name: str
  kind: str
  arrays: tuple[Array, ...]
  operands: tuple[str, ...]
  called: tuple[str, ...]
  rest: str
  is_root: bool


@dataclasses.dataclass(frozen=True)
class Program:
  """Computations by name, each with its instructions by name, and the name of the entry computation."""

  bodies: dict[str, dict[str, Instruction]]
  entry: str

  def runs(self, *, inside_fusions: bool) -> dict[str, int]:
    """Run count of every computation in one run of the program.

    A loop of unknown trip count counts once. All branches of a conditional count.

    Args:
      inside_fusions: whether fused computations are visited; loops, branches and calls always are.
    """
    times: dict[str, int] = collections.defaultdict(int)

    def visit(name: str, factor: int) -> None:
      times[name] += factor
      for instruction in self.bodies.get(name, {}).values():
        if instruction.kind == 'while':
          trips = self._trips(name, instruction)
          for called in instruction.called:
            visit(called, factor * trips)
        elif inside_fusions or instruction.kind in ('call', 'conditional'):
          for called in instruction.called:
            visit(called, factor)

    visit(self.entry, 1)
    return times

  def _trips(self, inside: str, loop: Instruction) -> int:
    """Trip count: from the compiler's annotation, else from the condition `i < n`, i's start and its step."""
    if match := _TRIPS.search(loop.rest):
      return int(match.group(1))
    names = _LOOP.search(loop.rest)
    condition, body = names.group(1) or names.group(4), names.group(2) or names.group(3)
    test = next((i for i in self.bodies[condition].values() if i.is_root), None)
    if test is None or test.kind != 'compare' or 'direction=LT' not in test.rest:
      return 1
    counter, limit = (self.bodies[condition].get(name) for name in test.operands)
    if (
      counter is None
      or counter.kind != 'get-tuple-element'
      or (end := self._constant(condition, limit)) is None
    ):
      return 1
    index = int(re.search(r'index=(\d+)', counter.rest).group(1))
    start, step = self._begin(inside, loop, index), self._step(body, index)
    return max(0, math.ceil((end - start) / step))

  def _begin(self, inside: str, loop: Instruction, index: int) -> int:
    state = self.bodies[inside].get(loop.operands[0])
    if state is None or state.kind != 'tuple':
      return 0
    return self._constant(inside, self.bodies[inside].get(state.operands[index])) or 0

  def _step(self, body: str, index: int) -> int:
    root = next(i for i in self.bodies[body].values() if i.is_root)
    after = self.bodies[body].get(root.operands[index]) if root.kind == 'tuple' else None
    while after is not None and after.kind in ('copy', 'bitcast'):
      after = self.bodies[body].get(after.operands[0])
    if after is None or after.kind != 'add':
      return 1
    steps = [self._constant(body, self.bodies[body].get(name)) for name in after.operands]
    return next((s for s in steps if s), 1)

  def _constant(self, inside: str, instruction: Instruction | None) -> int | None:
    while instruction is not None and instruction.kind in ('copy', 'bitcast'):
      instruction = self.bodies[inside].get(instruction.operands[0])
    if instruction is None or instruction.kind != 'constant':
      return None
    match = re.match(r'(-?\d+)\)', instruction.rest)
    return int(match.group(1)) if match else None


def parse(text: str) -> Program:
  """Parses the text of `compiled.as_text()`, of XLA for TPUs, GPUs or CPUs."""
  bodies: dict[str, dict[str, Instruction]] = {}
  current, entry = None, ''
  for line in text.splitlines():
    if head := _COMPUTATION.match(line):
      current = bodies.setdefault(head.group(2), {})
      entry = head.group(2) if head.group(1) else entry
    elif current is not None and (match := _INSTRUCTION.match(line)):
      root, name, shape, kind, rest = match.groups()
      current[name] = Instruction(
        name, kind, tuple(_arrays(shape)), _operands(rest), tuple(_called(rest)), rest, root is not None
      )
  return Program(bodies, entry)


def _arrays(shape: str):
  for dtype, dimensions, layout in _ARRAY.findall(shape):
    if dtype not in _BYTES:
      continue
    sizes = [int(n) for n in dimensions.split(',') if n]
    space = _SPACE.search(layout)
    plain = float(_BYTES[dtype] * math.prod(sizes))
    held = float(_BYTES[dtype] * math.prod(_padded(sizes, layout)))
    yield Array(plain, held, int(space.group(1)) if space else 0)


def _padded(sizes: list[int], layout: str) -> list[int]:
  """Sizes padded to the first tile, which covers the minor dimensions."""
  tile = _TILE.search(layout)
  order = [int(n) for n in layout.partition(':')[0].split(',') if n.isdigit()]
  if tile is None or len(order) != len(sizes):
    return sizes
  sizes = list(sizes)
  for dimension, length in zip(order, [int(n) for n in tile.groups() if n][::-1], strict=False):
    sizes[dimension] += -sizes[dimension] % length
  return sizes


def _operands(rest: str) -> tuple[str, ...]:
  depth = 1
  for end, character in enumerate(rest):
    depth += (character in '([{') - (character in ')]}')
    if not depth:
      return tuple(_OPERAND.findall(rest[:end]))
  return tuple(_OPERAND.findall(rest))


def _called(rest: str):
  for one, several in _CALLED.findall(rest):
    yield from [one] if one else [part.strip(' %') for part in several.split(',')]
