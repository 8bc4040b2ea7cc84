"""Safetensors files written one array at a time, so that large networks need not fit memory twice."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from seetalk_jax import files

# The format's names of what is written here, from the first in a file to the last: as the safetensors library orders
# them, whose files these are byte for byte.
_NAMES = {
  'uint64': 'U64',
  'int64': 'I64',
  'float64': 'F64',
  'float32': 'F32',
  'uint32': 'U32',
  'int32': 'I32',
  'float16': 'F16',
  'uint16': 'U16',
  'int16': 'I16',
  'int8': 'I8',
  'uint8': 'U8',
  'bool': 'BOOL',
}


@dataclasses.dataclass(frozen=True)
class LazyArray:
  """An array whose shape and type are known and whose values are made when asked for, by `np.asarray`.

  Attributes:
    shape, dtype: of what `make` returns.
    make: called every time; nothing is kept.
  """

  shape: tuple[int, ...]
  dtype: np.dtype
  make: Callable[[], np.ndarray]

  @property
  def size(self) -> int:
    """How many numbers."""
    return int(np.prod(self.shape, dtype=np.int64))

  def __array__(self, dtype=None, copy=None) -> np.ndarray:
    del copy  # a fresh one in any case
    return np.asarray(self.make(), dtype)


def write(path: str | os.PathLike, arrays: Mapping[str, Any]) -> str:
  """Writes a safetensors file; it appears whole or not at all.

  Args:
    path: a file there is replaced.
    arrays: name -> array, jax.Array or `LazyArray`; of the lazy ones, no more than one is in memory.

  Returns:
    The file's sha256, 64 hexadecimal digits.

  Raises:
    ValueError: a type that is not written here, or a lazy array that turns out other than it said.
  """
  for name, array in arrays.items():
    if np.dtype(array.dtype).name not in _NAMES:
      raise ValueError(f'{name} is {array.dtype}, which is not one of {", ".join(_NAMES)}')
  rank = {dtype: i for i, dtype in enumerate(_NAMES)}
  order = sorted(arrays, key=lambda name: (rank[np.dtype(arrays[name].dtype).name], name))
  digest = hashlib.sha256()
  with files.replacing(path) as part, part.open('wb') as file:

    def put(piece):
      digest.update(piece)
      file.write(piece)

    put(_header(arrays, order))
    for name in order:  # (a buffer has no name here: it is gone when the next one is made)
      put(_buffer(name, arrays[name]))
  return digest.hexdigest()


def _header(arrays: Mapping[str, Any], order: list[str]) -> bytes:
  """How long the header is, in eight bytes, and the header: where each array lies in what follows."""
  header, end = {}, 0
  for name in order:
    dtype, shape = np.dtype(arrays[name].dtype), tuple(arrays[name].shape)
    start, end = end, end + dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    header[name] = {'dtype': _NAMES[dtype.name], 'shape': list(shape), 'data_offsets': [start, end]}
  text = json.dumps(header, separators=(',', ':'), ensure_ascii=False).encode()
  text += b' ' * (-len(text) % 8)  # what follows is aligned
  return struct.pack('<Q', len(text)) + text


def _buffer(name: str, given: Any) -> np.ndarray:
  """The bytes of an array `[n]`, in the format's order (little endian, rows first)."""
  array = np.asarray(given)
  if array.shape != tuple(given.shape) or array.dtype != given.dtype:
    raise ValueError(
      f'{name} is {array.dtype} {array.shape}, but was announced as {given.dtype} {tuple(given.shape)}'
    )
  array = np.ascontiguousarray(array, array.dtype.newbyteorder('<'))
  return array.reshape(-1).view(np.uint8)
