"""Configuration files loaded without the flags of train.py."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import sys

from ml_collections import ConfigDict

from seetalk_jax.errors import ConfigError


def load(path: str | os.PathLike, variant: str = '') -> ConfigDict:
  """Loads a configuration file such as configs/portrait.py.

  Args:
    path: the file; it defines `get_config`.
    variant: argument of `get_config`; '' for its default.

  Returns:
    The locked configuration.

  Raises:
    ConfigError: no such file or variant.
  """
  file = pathlib.Path(path).resolve()
  if not file.is_file():
    raise ConfigError(f'no such configuration, {path}: give configs/STAGE.py, one of the files there')
  if (folder := str(file.parent.parent)) not in sys.path:
    sys.path.append(folder)  # configurations import each other
  spec = importlib.util.spec_from_file_location(f'seetalk_jax_config_{file.stem}', file)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  try:
    return module.get_config(variant).lock() if variant else module.get_config().lock()
  except ValueError as e:
    raise ConfigError(f'{e}, {path}') from e
