"""Files of tensors, read one tensor at a time: safetensors, sharded or not, and PyTorch's own."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from seetalk_jax.errors import CheckpointError

# What a folder of published weights is looked through for, in this order.
_NAMES = (
  'model.safetensors',
  'diffusion_pytorch_model.safetensors',
  'model.safetensors.index.json',
  'diffusion_pytorch_model.safetensors.index.json',
  'pytorch_model.bin',
  'diffusion_pytorch_model.bin',
  'pytorch_model.bin.index.json',
)


@dataclasses.dataclass(frozen=True)
class Tensors:
  """Named tensors of a source.

  Attributes:
    shapes: name -> shape.
    read: name -> float32 or integer array, read from the file when asked for.
    file: where they are.
  """

  shapes: Mapping[str, tuple[int, ...]]
  read: Callable[[str], np.ndarray]
  file: pathlib.Path


def find_file(source: str | os.PathLike) -> pathlib.Path:
  """The file of weights of a source: itself, or the one in a folder as hubs lay them out.

  Raises:
    CheckpointError: there is none.
  """
  path = pathlib.Path(source)
  if not path.exists():
    raise CheckpointError(
      f'no such file or folder, {source}: give the weights, or the folder that holds them'
    )
  if path.is_file():
    return path
  for name in _NAMES:
    if (path / name).is_file():
      return path / name
  found = sorted(p for suffix in ('safetensors', 'bin', 'pth', 'pt') for p in path.glob(f'*.{suffix}'))
  if len(found) != 1:
    what = 'several files of weights' if found else 'no weights'
    raise CheckpointError(f'{what}, {source}: give the file itself')
  return found[0]


def read_config(source: str | os.PathLike) -> dict | None:
  """The `config.json` beside the weights, or None.

  Raises:
    CheckpointError: it is there but is no JSON object.
  """
  path = pathlib.Path(source)
  path = (path if path.is_dir() else path.parent) / 'config.json'
  if not path.is_file():
    return None
  try:
    config = json.loads(path.read_text('utf-8'))
    if not isinstance(config, dict):
      raise ValueError
  except (ValueError, OSError):
    raise CheckpointError(f'damaged config.json, {path}: copy it again') from None
  return config


def require(config: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
  """Fields of a `config.json` that must have one value, where they are given at all.

  Raises:
    CheckpointError: one has another; the message names it and both values.
  """
  for name, value in wanted.items():
    if config.get(name, value) != value:
      raise unsupported(name, config[name], value)


def unsupported(name: str, value: Any, wanted: Any) -> CheckpointError:
  """The error of a field of a `config.json` that says what is not built here."""
  return CheckpointError(
    f'config.json has {name} {value!r}, only {wanted!r} is supported: convert another model'
  )


def open_tensors(source: str | os.PathLike) -> Tensors:
  """Opens the weights of a file or folder; nothing but names and shapes is read yet.

  PyTorch's files are read with `weights_only=True`, which runs no code of theirs.

  Raises:
    CheckpointError: no weights there, or not such a file. ModuleNotFoundError does not pass: PyTorch's files
      need PyTorch, and the message says so.
  """
  path = find_file(source)
  if path.name.endswith('.index.json'):
    return _join(path, [_open(path.parent / name) for name in _shards(path)])
  return _open(path)


def _shards(path: pathlib.Path) -> list[str]:
  try:
    names = sorted(set(json.loads(path.read_text('utf-8'))['weight_map'].values()))
  except (ValueError, KeyError, TypeError, AttributeError):
    raise CheckpointError(f'damaged index of shards, {path}: copy it again') from None
  for name in names:
    if pathlib.PurePath(name).name != name or not (path.parent / name).is_file():
      raise CheckpointError(f'a shard is missing, {path.parent / name}: copy the whole folder again')
  return names


def _join(path: pathlib.Path, parts: list[Tensors]) -> Tensors:
  home = {name: part for part in parts for name in part.shapes}
  shapes = {name: part.shapes[name] for name, part in home.items()}
  return Tensors(shapes, lambda name: home[name].read(name), path)


def _open(path: pathlib.Path) -> Tensors:
  return _open_safetensors(path) if path.suffix == '.safetensors' else _open_torch(path)


def _open_safetensors(path: pathlib.Path) -> Tensors:
  import safetensors

  try:
    file = safetensors.safe_open(path, framework='numpy')
    shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}
    halves = {name for name in shapes if file.get_slice(name).get_dtype() == 'BF16'}
  except (safetensors.SafetensorError, OSError) as error:
    raise CheckpointError(f'not a safetensors file ({error}), {path}: download it again') from None

  def read(name: str) -> np.ndarray:
    if name in halves:  # numpy has no bfloat16 of its own
      import ml_dtypes

      with safetensors.safe_open(path, framework='flax') as flax_file:
        return np.asarray(flax_file.get_tensor(name)).astype(ml_dtypes.bfloat16).astype(np.float32)
    return _plain(file.get_tensor(name))

  return Tensors(shapes, read, path)


def _open_torch(path: pathlib.Path) -> Tensors:
  try:
    import torch
  except ModuleNotFoundError:
    raise CheckpointError(
      f"PyTorch's files need PyTorch to be read, {path}: pip install 'seetalk-jax[convert]', or give the "
      '.safetensors of the same weights'
    ) from None
  try:
    content = torch.load(path, map_location='cpu', weights_only=True, mmap=True)
  except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, ValueError):
    content = _load_old_format(torch, path)
  for key in ('state_dict', 'model', 'params_ema', 'params'):  # as trainers wrap them
    if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
      content = content[key]
  if not isinstance(content, Mapping) or not all(isinstance(v, torch.Tensor) for v in content.values()):
    raise CheckpointError(f'not a table of tensors, {path}: give the state dict alone')
  return Tensors(
    {name: tuple(value.shape) for name, value in content.items()},
    lambda name: _plain(
      content[name].detach().float().numpy() if content[name].is_floating_point() else content[name].numpy()
    ),
    path,
  )


def _load_old_format(torch, path: pathlib.Path):
  """Files from before PyTorch 1.6 are no zip archives and cannot be mapped."""
  try:
    return torch.load(path, map_location='cpu', weights_only=True)
  except Exception as error:  # torch raises many kinds, some with a page of advice
    reason = str(error).splitlines()[0][:120]
    raise CheckpointError(f'not a file of PyTorch weights ({reason}), {path}: download it again') from None


def _plain(array: np.ndarray) -> np.ndarray:
  return array.astype(np.float32) if array.dtype.kind == 'f' else array
