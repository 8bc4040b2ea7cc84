"""Pipes as input files: copies in temporary files, because audio and video files are read several times."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import pathlib
import shutil
import stat
import tempfile
from collections.abc import Iterator

from seetalk_jax.errors import InputError


def is_pipe(path: str | os.PathLike) -> bool:
  """Whether a path is a pipe, such as a named pipe, or /dev/stdin after `|`."""
  try:
    return stat.S_ISFIFO(os.stat(path).st_mode)
  except (OSError, ValueError):  # ValueError: a NUL in the path
    return False


@contextlib.contextmanager
def seekable(path: str | os.PathLike) -> Iterator[pathlib.Path]:
  """Yields a path that can be read several times: `path`, or for a pipe that of a temporary copy.

  The copy stays until the process exits, because sound tracks and driving videos are read again later. Errors
  inside the `with` block name the pipe.

  Raises:
    OSError: no space for the copy.
  """
  path = pathlib.Path(path)
  copy = _copy(path) if is_pipe(path) and os.access(path, os.R_OK) else None
  if copy is None:
    yield path
    return
  try:
    yield copy
  except InputError as error:
    raise type(error)(str(error).replace(str(copy), str(path))) from None


def _copy(path: pathlib.Path) -> pathlib.Path:
  number, name = tempfile.mkstemp(dir=_folder())
  with open(path, 'rb') as pipe, open(number, 'wb') as file:
    shutil.copyfileobj(pipe, file)
  return pathlib.Path(name)


@functools.cache
def _folder() -> str:
  """Folder of all copies of this process; removed at its exit."""
  folder = tempfile.mkdtemp(prefix='seetalk-')
  atexit.register(shutil.rmtree, folder, ignore_errors=True)
  return folder
