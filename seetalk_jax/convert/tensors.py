"""Tensor files, read one tensor at a time: safetensors, sharded or not, and PyTorch files."""

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

# File names that are searched for in a folder of published weights, in this order.
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
    read: function of a name that reads a float32 or integer array from the file.
    file: path of the file.
  """

  shapes: Mapping[str, tuple[int, ...]]
  read: Callable[[str], np.ndarray]
  file: pathlib.Path


def find_file(source: str | os.PathLike) -> pathlib.Path:
  """The weights file of a source: the file itself, or the one in a folder with the layout of model hubs.

  Raises:
    CheckpointError: no weights, or several files with other names.
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
  paths = sorted(p for suffix in ('safetensors', 'bin', 'pth', 'pt') for p in path.glob(f'*.{suffix}'))
  if len(paths) != 1:
    what = 'several files of weights' if paths else 'no weights'
    raise CheckpointError(f'{what}, {source}: give the file itself')
  return paths[0]


def read_config(source: str | os.PathLike) -> dict | None:
  """The `config.json` beside the weights, or None.

  Raises:
    CheckpointError: the file is not a JSON object.
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
  """Checks that the fields of a `config.json` have the wanted values; missing fields are accepted.

  Raises:
    CheckpointError: a field has another value; the message names it and both values.
  """
  for name, value in wanted.items():
    if config.get(name, value) != value:
      raise unsupported(name, config[name], value)


def unsupported(name: str, value: Any, wanted: Any) -> CheckpointError:
  """The error for a field of a `config.json` with an unsupported value."""
  return CheckpointError(
    f'config.json has {name} {value!r}, only {wanted!r} is supported: convert another model'
  )


def open_tensors(source: str | os.PathLike) -> Tensors:
  """Opens the weights of a file or folder and reads names and shapes only.

  PyTorch files are read with `weights_only=True`, which executes no code from the file.

  Raises:
    CheckpointError: no weights, a file of another format, or a PyTorch file without PyTorch installed.
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
    if name in halves:  # NumPy has no bfloat16
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
  for key in ('state_dict', 'model', 'params_ema', 'params'):  # wrappers written by trainers
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
  """Reads a file from before PyTorch 1.6, which is not a zip archive and cannot be memory-mapped."""
  try:
    return torch.load(path, map_location='cpu', weights_only=True)
  except Exception as error:  # torch raises many types, some with long messages
    reason = str(error).splitlines()[0][:120]
    raise CheckpointError(f'not a file of PyTorch weights ({reason}), {path}: download it again') from None


def _plain(array: np.ndarray) -> np.ndarray:
  return array.astype(np.float32) if array.dtype.kind == 'f' else array
