"""Files and folders that appear whole or not at all, lock files, checksums, and the user's cache folder.

A new file is written beside its place under a hidden name, made durable and renamed. So a reader sees the old file or
the whole new one, and a failure or a signal leaves what was there. A process that is killed leaves the hidden file;
`remove_leftovers` removes it.
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

# What the names of unfinished files and folders match.
UNFINISHED = '.*.part*'
_WRITER = re.compile(r'\.(?P<process>\d+)-[0-9a-f]{8}\.part')


@contextlib.contextmanager
def replacing(path: PathLike) -> Iterator[pathlib.Path]:
  """Yields a path to write a file to, which becomes `path` at the end of the `with` block.

  On an exception, `path` stays as it was and what was written is removed. Missing folders are made. A link at `path`
  is replaced, not the file that it points to. The new file has the permissions of any new file.

  Args:
    path: the file to make or replace. The yielded path has its suffix.
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
  """A hidden path in the folder of `path`, with its suffix and unique to this call, for a file in the making."""
  return _beside(pathlib.Path(path), 'part')


def commit(part: pathlib.Path, path: PathLike) -> None:
  """Makes a finished file durable and gives it its name in one step; for writers that `replacing` does not fit."""
  with part.open('rb') as file:
    os.fsync(file.fileno())
  os.replace(part, path)


@contextlib.contextmanager
def replacing_folder(path: PathLike) -> Iterator[pathlib.Path]:
  """Yields a new folder to fill, which becomes `path` at the end of the `with` block.

  On an exception, `path` stays as it was and what was written is removed. Missing parents are made. A folder at `path`
  is removed after the new one has its place; of a link to a folder, the link alone.

  Raises:
    NotADirectoryError: a file is there.
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
  """Makes or replaces a file, see `replacing`."""
  with replacing(path) as part:
    part.write_bytes(data)


def write_text(path: PathLike, text: str) -> None:
  """Makes or replaces a UTF-8 file, see `replacing`."""
  write_bytes(path, text.encode())


def remove_leftovers(path: PathLike) -> None:
  """Removes unfinished files of `path` whose writers were killed; those of running processes of this machine stay."""
  path = pathlib.Path(path)
  for part in path.parent.glob(f'.{glob.escape(path.stem)}.*.part{glob.escape(path.suffix)}'):
    if (writer := _WRITER.search(part.name)) and not _is_running(int(writer['process'])):
      part.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: PathLike, *, wait: bool = True) -> Iterator[None]:
  """Holds a lock file, which no other process or thread can hold at the same time; any end of the process releases it.

  Args:
    path: made where it is missing, and left there.
    wait: until it is free.

  Raises:
    BlockingIOError: it is held by another, and `wait` is False.
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
  # Random digits tell apart threads, and processes of the same number in several containers.
  return path.with_name(f'.{path.stem}.{os.getpid()}-{os.urandom(4).hex()}.{kind}{path.suffix}')


def _swap(part: pathlib.Path, path: pathlib.Path) -> None:
  """Gives a finished folder its name, and removes what had it."""
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
  except PermissionError:  # of another user
    return True
  return True
