"""From their names to ours: one rule per kind of tensor, and nothing may be left over on either side."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from seetalk_jax.convert.tensors import Tensors
from seetalk_jax.errors import CheckpointError
from seetalk_jax.releases.safetensors_writer import LazyArray


def keep(array: np.ndarray) -> np.ndarray:
  """As it is."""
  return array


def linear(array: np.ndarray) -> np.ndarray:
  """`[out, in]` of a linear layer, or of a 1 x 1 convolution that is one, to `[in, out]`."""
  return array.reshape(array.shape[:2]).T


def convolution(array: np.ndarray) -> np.ndarray:
  """`[out, in, *window]` to `[*window, in, out]`."""
  return np.moveaxis(array, (0, 1), (-1, -2))


class Rule(NamedTuple):
  """How tensors of one kind are found and turned.

  Attributes:
    source: regular expression of a whole name of theirs; several names (a tuple) make one parameter together.
      The later ones may use the groups of the first as `{0}`, `{1}`.
    target: our path, with `{0}`, `{1}` for the groups; several (a tuple) when one tensor of theirs holds several
      parameters of ours, of which `turn` then makes as many; None: known, and of no use to us.
    turn: their arrays to ours, in the order of the names. The shape that it makes must follow from theirs alone.
  """

  source: str | tuple[str, ...]
  target: str | tuple[str, ...] | None
  turn: Callable[..., np.ndarray] = keep


def affine(source: str, target: str, turn: Callable[[np.ndarray], np.ndarray] = linear) -> list[Rule]:
  """Weight and bias of a linear layer or convolution."""
  return [Rule(rf'{source}\.weight', f'{target}/kernel', turn), Rule(rf'{source}\.bias', f'{target}/bias')]


def norm(source: str, target: str) -> list[Rule]:
  """Scale and offset of a normalisation."""
  return [Rule(rf'{source}\.weight', f'{target}/scale'), Rule(rf'{source}\.bias', f'{target}/bias')]


def plan(
  tensors: Tensors, rules: Sequence[Rule], wanted: Mapping[str, tuple[int, ...]], fresh: Sequence[str] = ()
) -> dict[str, LazyArray]:
  """Our parameters from their tensors, each read and turned only when asked for; names and shapes are checked now.

  Args:
    tensors: the source.
    rules: the first that matches a name counts.
    wanted: flat path -> shape of all our parameters.
    fresh: beginnings of paths that the source does not know: new layers of ours, left out of the result.

  Returns:
    flat path -> float32 array.

  Raises:
    CheckpointError: a tensor that no rule knows, a parameter that no tensor gives, or one of another shape; the
      message names it and both shapes.
  """
  found: dict[str, LazyArray] = {}
  origin: dict[str, str] = {}
  used: set[str] = set()
  for name, shape in tensors.shapes.items():
    match, rule = _first_match(name, rules)
    if match is None:
      continue
    names = [name, *_others(rule, match, tensors)]
    used.update(names)
    if rule.target is None:
      continue
    targets = (rule.target,) if isinstance(rule.target, str) else rule.target
    for part, (target, turned) in enumerate(zip(targets, _turned_shapes(rule, names, tensors), strict=True)):
      path = target.format(*match.groups())
      if path not in wanted:
        raise CheckpointError(
          f'a tensor too many, {tensors.file}: {name} {shape} would be {path}, which the network does not have'
        )
      if path in found:
        raise CheckpointError(f'two tensors for {path}, {tensors.file}: {origin[path]} and {name}')
      if turned != tuple(wanted[path]):
        raise CheckpointError(
          f'a tensor of another shape, {tensors.file}: {name} {shape} makes {path} {turned}, the '
          f'network has {tuple(wanted[path])}'
        )
      make = functools.partial(_read_and_turn, rule, names, tensors, part)
      found[path], origin[path] = LazyArray(turned, np.dtype(np.float32), make), name
  for name, shape in tensors.shapes.items():
    if name not in used:
      raise CheckpointError(f'an unknown tensor, {tensors.file}: {name} {shape} is none of such a network')
  for path, shape in wanted.items():
    if path not in found and not any(path.startswith(start) for start in fresh):
      raise CheckpointError(f'a tensor is missing, {tensors.file}: nothing there makes {path} {shape}')
  return found


def _turned(rule: Rule, arrays: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
  """One array per target."""
  turned = rule.turn(*arrays)
  return (turned,) if isinstance(rule.target, str) else turned


def _turned_shapes(rule: Rule, names: Sequence[str], tensors: Tensors) -> list[tuple[int, ...]]:
  """The shapes that a rule makes: it turns ones, of which moved axes take no memory."""
  ones = [np.broadcast_to(np.float32(1), tensors.shapes[name]) for name in names]
  try:
    return [tuple(array.shape) for array in _turned(rule, ones)]
  except ValueError:  # numpy's, which does not say of what
    told = ', '.join(f'{name} {tensors.shapes[name]}' for name in names)
    raise CheckpointError(f'shapes that do not go together, {tensors.file}: {told}') from None


def _read_and_turn(rule: Rule, names: Sequence[str], tensors: Tensors, part: int) -> np.ndarray:
  return _turned(rule, [tensors.read(name) for name in names])[part].astype(np.float32, copy=False)


def _first_match(name: str, rules: Sequence[Rule]) -> tuple[re.Match, Rule] | tuple[None, None]:
  for rule in rules:
    source = rule.source if isinstance(rule.source, str) else rule.source[0]
    match = re.fullmatch(source, name)
    if match:
      return match, rule
  return None, None


def _others(rule: Rule, match: re.Match, tensors: Tensors) -> list[str]:
  if isinstance(rule.source, str):
    return []
  names = [other.format(*match.groups()) for other in rule.source[1:]]
  for name in names:
    if name not in tensors.shapes:
      raise CheckpointError(f'a tensor is missing, {tensors.file}: {name}, which goes with {match.string}')
  return names
