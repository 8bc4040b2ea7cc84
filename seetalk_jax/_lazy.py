"""Lazy imports of public names, so that `import seetalk_jax` is fast and does not import JAX.

A package lists its lazy names twice: in imports under `if TYPE_CHECKING` for editors and type checkers, and
in the table passed to `attach`.
"""

from __future__ import annotations

import importlib
import sys

# Type checkers recognize this name. `typing.TYPE_CHECKING` is avoided because importing `typing` takes longer
# than importing the rest of the package.
TYPE_CHECKING: bool = False
if TYPE_CHECKING:
  from collections.abc import Callable, Mapping
  from typing import Any


def attach(
  package: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
  """Returns `__getattr__`, `__dir__` and `__all__` for a package with lazy imports.

  Args:
    package: `__name__` of the package.
    modules: public name -> full name of the module that defines it.
  """
  namespace = vars(sys.modules[package])
  public = sorted(modules)

  def get(name: str) -> Any:
    if name not in modules:
      raise AttributeError(f'module {package!r} has no attribute {name!r}')
    value = namespace[name] = getattr(importlib.import_module(modules[name]), name)
    return value

  return get, lambda: sorted({*namespace, *public}), public
