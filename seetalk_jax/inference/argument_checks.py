"""Checks of numbers that a caller gives: an InputError names the value, the argument and the accepted range."""

from __future__ import annotations

import math
import operator
from typing import Any, cast

from seetalk_jax.errors import InputError

SEEDS = (-(2**31), 2**32 - 1)  # JAX maps others to one of these
MAX_FACE = 2**32 - 1
MAX_STEPS = 1000


def whole(name: str, value: Any, low: int, high: int | None = None) -> int:
  """A whole number from `low` to `high`, or of `low` or more.

  Raises:
    InputError: it is not a whole number, or out of range.
  """
  accepted = f'a whole number of {low} or more' if high is None else f'a whole number from {low} to {high}'
  try:
    number = operator.index(value)
  except TypeError:
    raise InputError(f'{name} {_shown(value)}, argument {name}: give {accepted}') from None
  if number < low or (high is not None and number > high):
    raise InputError(f'{name} {number}, argument {name}: give {accepted}')
  return number


def number(name: str, value: Any, low: float = -math.inf, high: float = math.inf, where: str = '') -> float:
  """A finite number from `low` to `high`; Python's numbers are returned as they are.

  Args:
    where: the argument, if it is not `name`.

  Raises:
    InputError: it is not a finite number, or out of range.
  """
  bounded = math.isfinite(low) or math.isfinite(high)
  accepted = f'a number from {low:g} to {high:g}' if bounded else 'a finite number'
  try:
    if isinstance(value, (str, bytes)):
      raise TypeError
    found = value if type(value) in (int, float, bool) else float(value)
    valid = math.isfinite(found) and low <= found <= high
  except (TypeError, ValueError, OverflowError):
    found, valid = value, False
  if not valid:
    raise InputError(f'{name} {_shown(value)}, argument {where or name}: give {accepted}')
  return cast(float, found)


def frame_size(size: Any) -> int:
  """Side of frames in pixels.

  Raises:
    InputError: it is no even number of 16 or more.
  """
  if whole('size', size, 16) % 2:
    raise InputError(f'size {size}, argument size: give an even number of 16 or more')
  return int(size)


def _shown(value: Any) -> str:
  text = repr(value)
  return text if len(text) <= 40 else f'of type {type(value).__name__}'
