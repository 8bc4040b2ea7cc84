"""Conversion rules: map tensors of a source to parameter paths, with no tensor or parameter left over."""

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
  """The array, unchanged."""
  return array


def linear(array: np.ndarray) -> np.ndarray:
  """Kernel `[out, in]` of a linear layer, or `[out, in, 1, 1]` of a 1 x 1 convolution, to `[in, out]`."""
  return array.reshape(array.shape[:2]).T


def convolution(array: np.ndarray) -> np.ndarray:
  """Kernel `[out, in, *window]` of a convolution to `[*window, in, out]`."""
  return np.moveaxis(array, (0, 1), (-1, -2))


class Rule(NamedTuple):
  """How tensors of one kind are matched and converted.

  Attributes:
    source: regular expression for the full name of a source tensor. A tuple of names means that several
      tensors make one parameter; the later names can use the groups of the first as `{0}`, `{1}`.
    target: parameter path, with `{0}`, `{1}` for the groups. A tuple of paths means that one tensor holds
      several parameters; `turn` then returns one array per path. None: the tensor is ignored.
    turn: function of the source arrays, in the order of the names, that returns the parameter. Its output
      shape must depend only on the input shapes.
  """

  source: str | tuple[str, ...]
  target: str | tuple[str, ...] | None
  turn: Callable[..., np.ndarray] = keep


def affine(source: str, target: str, turn: Callable[[np.ndarray], np.ndarray] = linear) -> list[Rule]:
  """Rules for weight and bias of a linear layer or convolution."""
  return [Rule(rf'{source}\.weight', f'{target}/kernel', turn), Rule(rf'{source}\.bias', f'{target}/bias')]


def norm(source: str, target: str) -> list[Rule]:
  """Rules for scale and offset of a normalization."""
  return [Rule(rf'{source}\.weight', f'{target}/scale'), Rule(rf'{source}\.bias', f'{target}/bias')]


def plan(
  tensors: Tensors, rules: Sequence[Rule], wanted: Mapping[str, tuple[int, ...]], fresh: Sequence[str] = ()
) -> dict[str, LazyArray]:
  """The parameters from the source tensors. Names and shapes are checked now; each array is converted lazily.

  Args:
    tensors: the source.
    rules: conversion rules; the first that matches a name is used.
    wanted: flat path -> shape of all parameters of the network.
    fresh: path prefixes of layers that the source does not have. They are not part of the result.

  Returns:
    flat path -> float32 array.

  Raises:
    CheckpointError: a tensor that no rule matches, a parameter without a tensor, or a wrong shape; the
      message names it and both shapes.
  """
  arrays: dict[str, LazyArray] = {}
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
      if path in arrays:
        raise CheckpointError(f'two tensors for {path}, {tensors.file}: {origin[path]} and {name}')
      if turned != tuple(wanted[path]):
        raise CheckpointError(
          f'a tensor of another shape, {tensors.file}: {name} {shape} makes {path} {turned}, the '
          f'network has {tuple(wanted[path])}'
        )
      make = functools.partial(_read_and_turn, rule, names, tensors, part)
      arrays[path], origin[path] = LazyArray(turned, np.dtype(np.float32), make), name
  for name, shape in tensors.shapes.items():
    if name not in used:
      raise CheckpointError(f'an unknown tensor, {tensors.file}: {name} {shape} is none of such a network')
  for path, shape in wanted.items():
    if path not in arrays and not any(path.startswith(start) for start in fresh):
      raise CheckpointError(f'a tensor is missing, {tensors.file}: nothing there makes {path} {shape}')
  return arrays


def _turned(rule: Rule, arrays: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
  """The converted arrays, one per target."""
  turned = rule.turn(*arrays)
  return (turned,) if isinstance(rule.target, str) else turned


def _turned_shapes(rule: Rule, names: Sequence[str], tensors: Tensors) -> list[tuple[int, ...]]:
  """The output shapes of a rule, from broadcast arrays of ones, which take no memory."""
  ones = [np.broadcast_to(np.float32(1), tensors.shapes[name]) for name in names]
  try:
    return [tuple(array.shape) for array in _turned(rule, ones)]
  except ValueError:  # the message of NumPy does not name the tensors
    shapes = ', '.join(f'{name} {tensors.shapes[name]}' for name in names)
    raise CheckpointError(f'shapes that do not go together, {tensors.file}: {shapes}') from None


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
