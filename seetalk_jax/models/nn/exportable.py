"""Registration of named tuples with jax.export, so that a function that returns them can be serialized."""

from __future__ import annotations

import contextlib
from typing import TypeVar

from jax import export

NamedTupleType = TypeVar('NamedTupleType', bound=type)


def exportable(cls: NamedTupleType) -> NamedTupleType:
  """Class decorator: `jax.export` serializes this named tuple as 'seetalk_jax.NAME', a name that must not change.

  Fields that are dictionaries need string keys, see `jax.export`.
  """
  with contextlib.suppress(ValueError):  # the module is imported again, as notebooks with autoreload do
    export.register_namedtuple_serialization(cls, serialized_name=f'seetalk_jax.{cls.__name__}')
  return cls
