"""Memory traffic of a compiled program: bytes to and from main memory (HBM), and estimated cycles.

XLA's own cost analysis counts a loop body once and includes data that stays on the chip. Here loop bodies
count once per iteration, and only arrays in main memory count.
"""

from __future__ import annotations

import re

from seetalk_jax.planning.hlo import Array, Instruction, Program

_NOTHING = frozenset(
  'parameter tuple get-tuple-element bitcast constant while conditional call after-all partition-id '
  'replica-id add-dependency opt-barrier optimization-barrier domain'.split()
)
_SLICES = ('dynamic-slice', 'slice', 'gather')
_UPDATES = {'dynamic-update-slice': 1, 'scatter': 2}  # kind -> operand that is written
_FREE = ('AllocateBuffer', 'ConcatBitcast', 'AsyncCollectiveStart', 'AsyncCollectiveDone')
_CYCLES = re.compile(r'"estimated_cycles":"(\d+)"')


def moved(program: Program) -> float:
  """Bytes that one device moves in one run of the program, with arrays padded to whole tiles of their layout.

  If an operation reads only slices of an array, the slices count. If it updates an array in place, the update
  counts.
  """
  times = program.runs(inside_fusions=False)
  return sum(
    factor * _of(program, program.bodies[name], instruction)
    for name, factor in times.items()
    for instruction in program.bodies.get(name, {}).values()
  )


def cycles(program: Program) -> float:
  """The TPU compiler's estimate of the run time of its kernels, in cycles; 0 if it gives none.

  Time spent waiting for other devices is not included.
  """
  times = program.runs(inside_fusions=False)
  return float(
    sum(
      factor * int(match.group(1))
      for name, factor in times.items()
      for instruction in program.bodies.get(name, {}).values()
      if (match := _CYCLES.search(instruction.rest))
    )
  )


def _in_main_memory(arrays) -> float:
  return sum(array.held for array in arrays if array.space == 0)


def _of(program: Program, body: dict[str, Instruction], instruction: Instruction) -> float:
  kind = instruction.kind
  if kind in _NOTHING or kind.endswith('-done') or any(f'"{name}"' in instruction.rest for name in _FREE):
    return 0.0
  operands = [body[name] for name in instruction.operands if name in body]
  if kind in ('copy-start', 'slice-start', 'dynamic-slice-start', 'async-start'):
    # The results are (to, from, context) for a copy, and ((from, ...), to, context) for all kinds of slices.
    to = instruction.arrays[0 if kind == 'copy-start' else len(instruction.arrays) - 2]
    source = operands[0].arrays if operands else ()
    return to.held * ((to.space == 0) + any(array.space == 0 for array in source))
  if kind in _SLICES:
    read = any(array.space == 0 for array in operands[0].arrays)
    return _in_main_memory(instruction.arrays) + read * sum(array.held for array in instruction.arrays)
  if kind in _UPDATES:
    return 2 * _in_main_memory(_update(body, instruction))
  if kind == 'fusion':
    fused = program.bodies[instruction.called[0]]
    read = sum(_read(program, fused, index, operand) for index, operand in enumerate(operands))
    return read + _written(program, fused, instruction.arrays)
  return _in_main_memory(instruction.arrays) + sum(_in_main_memory(operand.arrays) for operand in operands)


def _update(body: dict[str, Instruction], instruction: Instruction) -> tuple[Array, ...]:
  """The written part of an in-place update, in the memory space of the updated array."""
  written = body.get(instruction.operands[_UPDATES[instruction.kind]])
  space = max((array.space for array in instruction.arrays), default=0)
  return tuple(Array(a.bytes, a.held, space) for a in written.arrays) if written else instruction.arrays


def _read(program: Program, fused: dict[str, Instruction], index: int, operand: Instruction) -> float:
  whole = _in_main_memory(operand.arrays)
  parameter = _parameter(fused, index)
  if not whole or parameter is None:
    return whole
  part = _used(program, fused, parameter.name)
  return whole if part is None else min(whole, part)


def _parameter(fused: dict[str, Instruction], index: int) -> Instruction | None:
  return next((i for i in fused.values() if i.kind == 'parameter' and i.rest.startswith(f'{index})')), None)


def _used(program: Program, fused: dict[str, Instruction], name: str, nested: bool = False) -> float | None:
  """Bytes that a fusion reads of one of its values; None: all of them.

  Args:
    program: the program.
    fused: instructions of the fusion.
    name: name of the value.
    nested: whether the fusion is part of another fusion, which uses its result.
  """
  total = 0.0
  for user in fused.values():
    if name not in user.operands:
      continue
    if user.kind in _SLICES and user.operands[0] == name:
      total += sum(array.held for array in user.arrays)
      continue
    if user.kind in _UPDATES and user.operands[0] == name:
      continue  # in place
    inner = program.bodies[user.called[0]] if user.kind == 'fusion' else {}
    parameter = _parameter(inner, user.operands.index(name))
    if user.kind == 'bitcast' or (
      parameter is not None and _result(inner) is parameter
    ):  # the same bytes under another name
      part = (None if nested else 0.0) if user.is_root else _used(program, fused, user.name, nested)
    elif user.kind == 'copy' and not user.is_root:
      part = _used(program, fused, user.name, nested)
    else:
      part = None if parameter is None else _used(program, inner, parameter.name, nested=True)
    if part is None:
      return None
    total += part
  return total


def _result(fused: dict[str, Instruction]) -> Instruction | None:
  """The root, or the instruction behind it if the root is a bitcast."""
  root = next(i for i in fused.values() if i.is_root)
  while root is not None and root.kind == 'bitcast':
    root = fused.get(root.operands[0])
  return root


def _written(program: Program, fused: dict[str, Instruction], arrays: tuple[Array, ...]) -> float:
  root = next(i for i in fused.values() if i.is_root)
  results = [fused.get(name) for name in root.operands] if root.kind == 'tuple' else [root]
  if len(results) != len(arrays):
    return _in_main_memory(arrays)
  total = 0.0
  for result, array in zip(results, arrays, strict=True):
    while result is not None and result.kind == 'bitcast':
      result = fused.get(result.operands[0])
    if array.space:
      continue
    if result is not None and result.kind in _UPDATES:
      total += min(array.held, sum(a.held for a in _update(fused, result)))
    elif result is not None and result.kind == 'parameter':
      pass  # returned unchanged
    else:
      total += array.held
  return total
