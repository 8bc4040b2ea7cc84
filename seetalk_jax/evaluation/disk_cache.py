"""Disk cache of evaluation results that are costly and independent of the checkpoint under test."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from seetalk_jax import files

T = TypeVar('T')


def digest(content: Any) -> str:
  """Ten hex digits of the SHA-256 of `content` as JSON, for file names that depend on settings.

  Values that JSON does not have are written as `str(value)`.
  """
  return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:10]


def cached(
  path: str | os.PathLike,
  make: Callable[[], T],
  save: Callable[[str, T], None],
  load: Callable[[str], T],
) -> T:
  """`load(path)` if the file exists; otherwise `make()`, which `save(path, result)` writes first."""
  path = os.fspath(path)
  if os.path.exists(path):
    return load(path)
  made = make()
  save(path, made)
  return made


def save_arrays(path: str, arrays: Mapping[str, np.ndarray]) -> None:
  """Writes named arrays to one npz file, whole or not at all."""
  with files.replacing(path) as part:
    np.savez(part, **arrays)


def load_arrays(path: str) -> dict[str, np.ndarray]:
  """The arrays that `save_arrays` wrote."""
  with np.load(path, allow_pickle=False) as arrays:
    return {name: arrays[name] for name in arrays.files}
