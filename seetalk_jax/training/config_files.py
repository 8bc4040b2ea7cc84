"""Configuration files: found by name or by path, and loaded without the flags of `seetalk train`."""

from __future__ import annotations

import importlib.util
import os
import pathlib

from ml_collections import ConfigDict

from seetalk_jax import configs
from seetalk_jax.errors import ConfigError

_SHARED = ('__init__', 'common', 'recordings')  # files that others import, with no configuration of their own


def names() -> list[str]:
  """Names of the configurations that come with the library, such as portrait and all."""
  return sorted(path.stem for path in _folder().glob('*.py') if path.stem not in _SHARED)


def find(name: str | os.PathLike) -> pathlib.Path:
  """The file of a configuration.

  Args:
    name: one of `names`, or the path of a file: with a slash or the suffix .py.

  Raises:
    ConfigError: there is no such configuration.
  """
  text = os.fspath(name)
  path = pathlib.Path(text)
  if os.sep not in text and path.suffix != '.py':
    path = _folder() / f'{text}.py'
    if text not in _SHARED and path.is_file():
      return path
    raise ConfigError(
      f'no such configuration, {text}: give the path of a file, or one of {", ".join(names())}'
    )
  if path.is_file():
    return path.resolve()
  hint = (
    f'give another file, or the name {path.stem}' if path.stem in names() else 'give another file or a name'
  )
  raise ConfigError(f'no such configuration, {text}: {hint}')


def load(path: str | os.PathLike, variant: str = '') -> ConfigDict:
  """Loads a configuration file such as configs/portrait.py.

  Args:
    path: the file, which defines `get_config`, or a name; see `find`.
    variant: argument of `get_config`; '' for its default.

  Returns:
    The locked configuration.

  Raises:
    ConfigError: no such file or variant.
  """
  file = find(path)
  spec = importlib.util.spec_from_file_location(f'seetalk_jax_config_{file.stem}', file)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  try:
    return module.get_config(variant).lock() if variant else module.get_config().lock()
  except ValueError as e:
    raise ConfigError(f'{e}, {path}') from e


def _folder() -> pathlib.Path:
  return pathlib.Path(list(configs.__path__)[0])
