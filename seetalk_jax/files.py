"""Atomic writes of files and folders, lock files, checksums, and the user's cache folder.

A new file is written under a hidden name in the target's folder, synced to disk and renamed. A reader sees
either the old file or the complete new one. An exception or a signal leaves the old file in place. A killed
process leaves the hidden file; `remove_leftovers` removes it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import hashlib
import os
import pathlib
import re
import shutil
from collections.abc import Iterator

PathLike = str | os.PathLike

# Glob pattern of unfinished files and folders.
UNFINISHED = '.*.part*'
_WRITER = re.compile(r'\.(?P<process>\d+)-[0-9a-f]{8}\.part')


@contextlib.contextmanager
def replacing(path: PathLike) -> Iterator[pathlib.Path]:
  """Yields a temporary path, which is renamed to `path` at the end of the `with` block.

  On an exception, `path` is unchanged and the temporary file is removed. Missing folders are created. A link
  at `path` is replaced; its target is not changed. The new file has default permissions.

  Args:
    path: the file to create or replace. The yielded path has the same suffix.
  """
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  part = unfinished(path)
  try:
    yield part
    commit(part, path)
  finally:
    part.unlink(missing_ok=True)


def unfinished(path: PathLike) -> pathlib.Path:
  """Hidden path for an unfinished file: in the folder of `path`, with its suffix, unique to this call."""
  return _beside(pathlib.Path(path), 'part')


def commit(part: pathlib.Path, path: PathLike) -> None:
  """Syncs a finished file to disk and renames it atomically; for writers that cannot use `replacing`."""
  with part.open('rb') as file:
    os.fsync(file.fileno())
  os.replace(part, path)


@contextlib.contextmanager
def replacing_folder(path: PathLike) -> Iterator[pathlib.Path]:
  """Yields a new temporary folder, which is renamed to `path` at the end of the `with` block.

  On an exception, `path` is unchanged and the temporary folder is removed. Missing parents are created. An
  existing folder at `path` is removed after the new one is in place. If `path` is a link to a folder, only
  the link is removed.

  Raises:
    NotADirectoryError: `path` is a file.
  """
  path = pathlib.Path(path)
  if path.exists() and not path.is_dir():
    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
  path.parent.mkdir(parents=True, exist_ok=True)
  part = unfinished(path)
  part.mkdir()
  try:
    yield part
    _swap(part, path)
  finally:
    shutil.rmtree(part, ignore_errors=True)


def write_bytes(path: PathLike, data: bytes) -> None:
  """Creates or replaces a file, see `replacing`."""
  with replacing(path) as part:
    part.write_bytes(data)


def write_text(path: PathLike, text: str) -> None:
  """Creates or replaces a UTF-8 file, see `replacing`.

  Lone surrogates, which stand for bytes of file names that are not UTF-8, become escapes like `\\udcff`. JSON
  readers turn these into the same file names again.
  """
  write_bytes(path, text.encode('utf-8', 'backslashreplace'))


def remove_leftovers(path: PathLike) -> None:
  """Removes unfinished files of `path` whose writers were killed; files of running local processes are kept."""
  path = pathlib.Path(path)
  for part in path.parent.glob(f'.{glob.escape(path.stem)}.*.part{glob.escape(path.suffix)}'):
    if (writer := _WRITER.search(part.name)) and not _is_running(int(writer['process'])):
      part.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: PathLike, *, wait: bool = True) -> Iterator[None]:
  """Holds an exclusive lock file; it is released when the block or the process ends.

  Args:
    path: lock file; created if missing, never removed.
    wait: whether to wait until the lock is free.

  Raises:
    BlockingIOError: another process or thread holds the lock, and `wait` is False.
  """
  with open(path, 'w') as file:
    fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    yield


def checksum(path: PathLike) -> str:
  """SHA-256 of a file, 64 hexadecimal digits."""
  with open(path, 'rb') as file:
    return hashlib.file_digest(file, 'sha256').hexdigest()


def code_checksum() -> str:
  """SHA-256 of this package's Python files, 64 hexadecimal digits."""
  package = pathlib.Path(__file__).resolve().parent
  total = hashlib.sha256()
  for path in sorted(package.rglob('*.py')):
    total.update(str(path.relative_to(package)).encode() + b'\0' + path.read_bytes() + b'\0')
  return total.hexdigest()


def cache_dir() -> pathlib.Path:
  """Folder of downloaded and computed files: `seetalk-jax` in XDG_CACHE_HOME or, without that, in ~/.cache."""
  base = os.environ.get('XDG_CACHE_HOME')
  return (pathlib.Path(base) if base else pathlib.Path.home() / '.cache') / 'seetalk-jax'


def _beside(path: pathlib.Path, kind: str) -> pathlib.Path:
  # The random digits separate threads, and processes with the same id in several containers.
  return path.with_name(f'.{path.stem}.{os.getpid()}-{os.urandom(4).hex()}.{kind}{path.suffix}')


def _swap(part: pathlib.Path, path: pathlib.Path) -> None:
  """Renames a finished folder to `path` and removes the folder or link that was there."""
  if not os.path.lexists(path):
    os.rename(part, path)
    return
  old = _beside(path, 'old')
  os.rename(path, old)
  try:
    os.rename(part, path)
  except BaseException:
    os.rename(old, path)
    raise
  if old.is_symlink():
    old.unlink()
  else:
    shutil.rmtree(old)


def _is_running(process: int) -> bool:
  try:
    os.kill(process, 0)
  except ProcessLookupError:
    return False
  except PermissionError:  # a process of another user
    return True
  return True
