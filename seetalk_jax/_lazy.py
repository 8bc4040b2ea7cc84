"""Names that a package imports on first use, so that `import seetalk_jax` stays fast and imports no JAX.

A package lists such names twice: in a block of imports under `if TYPE_CHECKING`, which editors and type checkers read,
and in the table that it gives to `attach`.
"""

from __future__ import annotations

import importlib
import sys

# Type checkers know the name. `typing` has it too, but takes longer to import than the rest of the package.
TYPE_CHECKING: bool = False
if TYPE_CHECKING:
  from collections.abc import Callable, Mapping
  from typing import Any


def attach(
  package: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
  """The `__getattr__`, `__dir__` and `__all__` of a package whose names are imported on first use.

  Args:
    package: its `__name__`.
    modules: public name -> full name of the module that has it.
  """
  namespace = vars(sys.modules[package])
  public = sorted(modules)

  def get(name: str) -> Any:
    if name not in modules:
      raise AttributeError(f'module {package!r} has no attribute {name!r}')
    value = namespace[name] = getattr(importlib.import_module(modules[name]), name)
    return value

  return get, lambda: sorted({*namespace, *public}), public
