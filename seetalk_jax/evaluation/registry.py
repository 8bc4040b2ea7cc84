"""Registry of evaluation parts: every file of `evaluation/parts` registers a function by the decorator `part`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

from seetalk_jax.evaluation import parts
from seetalk_jax.evaluation.inputs import EvaluationInputs
from seetalk_jax.evaluation.report import Figure

# The figures of one part, from the shared inputs.
PartFunction = Callable[[EvaluationInputs], list[Figure]]

_REGISTERED: dict[str, tuple[int, PartFunction]] = {}


def part(name: str, *, order: int = 1000) -> Callable[[PartFunction], PartFunction]:
  """Decorator that registers a part of the evaluation.

  Args:
    name: what users write after `--only`.
    order: parts run and are reported by increasing `order`, equal ones by name.

  Raises:
    ValueError: another function has this name.
  """

  def register(function: PartFunction) -> PartFunction:
    if name in _REGISTERED:
      raise ValueError(f'two evaluation parts are named {name!r}')
    _REGISTERED[name] = order, function
    return function

  return register


def all_parts() -> dict[str, PartFunction]:
  """The functions of all parts by name, in the order in which they run."""
  for module in pkgutil.iter_modules(parts.__path__):
    importlib.import_module(f'{parts.__name__}.{module.name}')
  names = sorted(_REGISTERED, key=lambda name: (_REGISTERED[name][0], name))
  return {name: _REGISTERED[name][1] for name in names}
