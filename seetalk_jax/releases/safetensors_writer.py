"""Safetensors writer: writes one array at a time, so that a large network is not held in memory twice."""

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

# NumPy dtype -> safetensors dtype name, in the order in which the reference writer lays arrays out. Files are
# byte-identical to those of the safetensors library.
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
  """An array of known shape and dtype whose values are computed on demand by `np.asarray`.

  Attributes:
    shape, dtype: shape and dtype of the result of `make`.
    make: computes the values; called every time, results are not cached.
  """

  shape: tuple[int, ...]
  dtype: np.dtype
  make: Callable[[], np.ndarray]

  @property
  def size(self) -> int:
    """Number of elements."""
    return int(np.prod(self.shape, dtype=np.int64))

  def __array__(self, dtype=None, copy=None) -> np.ndarray:
    del copy  # every call returns a new array
    return np.asarray(self.make(), dtype)


def write(path: str | os.PathLike, arrays: Mapping[str, Any]) -> str:
  """Writes a safetensors file atomically.

  Args:
    path: the file; an existing one is replaced.
    arrays: name -> NumPy array, jax.Array or `LazyArray`; at most one lazy array is in memory at a time.

  Returns:
    SHA-256 of the file, 64 hexadecimal digits.

  Raises:
    ValueError: an unsupported dtype, or a lazy array with another shape or dtype than it declares.
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
    for name in order:  # no variable holds a buffer, so that it is freed before the next one is computed
      put(_buffer(name, arrays[name]))
  return digest.hexdigest()


def _header(arrays: Mapping[str, Any], order: list[str]) -> bytes:
  """File header: its length (8 bytes, little endian), and JSON with dtype, shape and offsets of arrays."""
  header, end = {}, 0
  for name in order:
    dtype, shape = np.dtype(arrays[name].dtype), tuple(arrays[name].shape)
    start, end = end, end + dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    header[name] = {'dtype': _NAMES[dtype.name], 'shape': list(shape), 'data_offsets': [start, end]}
  text = json.dumps(header, separators=(',', ':'), ensure_ascii=False).encode()
  text += b' ' * (-len(text) % 8)  # aligns the data to 8 bytes
  return struct.pack('<Q', len(text)) + text


def _buffer(name: str, value: Any) -> np.ndarray:
  """Bytes of an array, uint8 `[n]`, little endian and in row-major order."""
  array = np.asarray(value)
  if array.shape != tuple(value.shape) or array.dtype != value.dtype:
    raise ValueError(
      f'{name} is {array.dtype} {array.shape}, but was announced as {value.dtype} {tuple(value.shape)}'
    )
  array = np.ascontiguousarray(array, array.dtype.newbyteorder('<'))
  return array.reshape(-1).view(np.uint8)
