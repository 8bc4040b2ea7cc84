"""Directory of a run: created, checked and locked before anything is computed."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator

import jax

from seetalk_jax import files
from seetalk_jax.errors import ConfigError

_LOCK = '.training.lock'


@contextlib.contextmanager
def opened(workdir: pathlib.Path) -> Iterator[None]:
  """Creates the directory of a run and keeps other processes from training in it until the block ends.

  With several processes, the first one checks and locks it for all.

  Raises:
    OutputError: it cannot be created, or no file can be written in it.
    ConfigError: another process trains in it.
  """
  if jax.process_index():
    yield
    return
  files.make_folder(workdir)
  files.check_writable(workdir / _LOCK)
  with contextlib.ExitStack() as stack:
    try:
      stack.enter_context(files.locked(workdir / _LOCK, wait=False))
    except BlockingIOError as error:
      raise ConfigError(
        f'another process trains in {workdir}: wait for its end, or use another --workdir'
      ) from error
    yield
