"""Atomic writes of files and folders, lock files, checksums, and the user's cache folder.

A new file is written under a hidden name in the target's folder, synced to disk and renamed. A reader sees
either the old file or the complete new one. An exception or a signal leaves the old file in place. A killed
process leaves the hidden file; `remove_leftovers` removes it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import glob
import hashlib
import logging
import os
import pathlib
import re
import shutil
from collections.abc import Callable, Iterator

from seetalk_jax.errors import OutputError

PathLike = str | os.PathLike

# Glob pattern of unfinished files and folders.
UNFINISHED = '.*.part*'
_WRITER = re.compile(r'\.(?P<process>\d+)-[0-9a-f]{8}\.part')
# Bytes reserved for what `_WRITER` matches, so that the shortened name does not depend on the process id.
_WRITER_BYTES = 32
_NAME_BYTES = 255  # the longest hidden name; some file systems count characters and report more bytes
_SUFFIX_BYTES = 32
# Unfinished file or folder of this process -> function that removes it.
_removers: dict[pathlib.Path, Callable[[], object]] = {}
# Errors of a write that does not name its file: full, damaged, removed or unreachable storage.
_STORAGE_ERRORS = {
  *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.ENXIO, errno.ENODEV),
  *(errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN),
}
# Errors of flock: another process holds the lock; the file system or the system has no locks.
_HELD = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}


@contextlib.contextmanager
def replacing(path: PathLike) -> Iterator[pathlib.Path]:
  """Yields a temporary path, which is renamed to `path` at the end of the `with` block.

  On an exception, `path` is unchanged and the temporary file is removed. Missing folders are created. A link
  at `path` is replaced; its target is not changed. The new file has default permissions.

  Args:
    path: the file to create or replace. The yielded path has the same suffix.

  Raises:
    OutputError: the file cannot be written.
  """
  path = pathlib.Path(path)
  make_folder(path.parent)
  part = unfinished(path)
  try:
    with _writing(part, path):
      yield part
    commit(part, path)
  finally:
    discard(part)


def unfinished(path: PathLike) -> pathlib.Path:
  """Hidden path for an unfinished file: in the folder of `path`, with its suffix, unique to this call.

  `commit` or `discard` must follow; a process that has to end at once calls `remove_unfinished`.
  """
  part = _beside(pathlib.Path(path), 'part')
  remove_at_exit(part, functools.partial(_remove, part))
  return part


def remove_at_exit(path: pathlib.Path, remove: Callable[[], object]) -> None:
  """Makes `remove_unfinished` call `remove`, until `keep_at_exit(path)`."""
  _removers[path] = remove


def keep_at_exit(path: pathlib.Path) -> None:
  """Ends `remove_at_exit`."""
  _removers.pop(path, None)


def remove_unfinished() -> None:
  """Removes what this process is writing, in a process that ends without leaving its `with` blocks."""
  for remove in list(_removers.values()):
    remove()


def _remove(part: pathlib.Path) -> None:
  if part.is_dir():
    shutil.rmtree(part, ignore_errors=True)
  else:
    with contextlib.suppress(OSError):
      part.unlink()


def hidden(path: PathLike, ending: str) -> pathlib.Path:
  """Hidden path `.NAME` + `ending` in the folder of `path`; a name that would be too long is shortened.

  Shortened names of two paths differ, because they contain a checksum of the whole name.

  Args:
    path: a file or folder, which need not exist.
    ending: what follows the name.
  """
  path = pathlib.Path(path)
  return path.with_name(f'.{_shortened(path, path.name, len(os.fsencode(ending)))}{ending}')


def longest_name(folder: PathLike) -> int:
  """The number of bytes that a file name in a folder may have; 255 for a folder that does not exist."""
  try:
    number = os.pathconf(folder, 'PC_NAME_MAX')
  except (OSError, ValueError):
    number = 0
  return number if number > 0 else _NAME_BYTES


def commit(part: pathlib.Path, path: PathLike) -> None:
  """Syncs a finished file to disk and renames it atomically; for writers that cannot use `replacing`.

  Raises:
    OutputError: an error of the disk, or `path` cannot be replaced.
  """
  with part.open('rb') as file, output_errors(path):
    os.fsync(file.fileno())
    os.replace(part, path)
  keep_at_exit(part)


def discard(part: pathlib.Path) -> None:
  """Removes an unfinished file or folder, if it exists and can be removed."""
  _remove(part)
  keep_at_exit(part)


@contextlib.contextmanager
def output_errors(path: PathLike) -> Iterator[None]:
  """Context for calls that write `path`: every error of the operating system becomes an `OutputError`."""
  try:
    yield
  except OSError as error:
    if isinstance(error, OutputError) or error.errno is None:
      raise
    raise OutputError.of(error, path) from error


@contextlib.contextmanager
def _writing(part: pathlib.Path, path: pathlib.Path) -> Iterator[None]:
  """As `output_errors`, for code that may also read other files: their errors are not changed."""
  try:
    yield
  except OSError as error:
    name = error.filename
    own = error.errno in _STORAGE_ERRORS if name is None else str(name).startswith(str(part))
    if isinstance(error, OutputError) or error.errno is None or not own:
      raise
    raise OutputError.of(error, path) from error


def make_folder(path: PathLike) -> None:
  """Creates a folder and those above it, unless it exists.

  Raises:
    OutputError: it cannot be created.
  """
  with output_errors(path):
    pathlib.Path(path).mkdir(parents=True, exist_ok=True)


def check_writable(path: PathLike) -> None:
  """Checks that a file or folder can be created at a path, by creating and removing a hidden file beside it.

  `os.access` does not suffice: it approves of read-only, remote and special file systems that refuse files. If
  the folder of `path` does not exist, the nearest existing folder above it is checked.

  Raises:
    OutputError: it cannot be created.
  """
  path = pathlib.Path(path)
  with output_errors(path):
    first, folder = path, path.parent
    while not folder.exists() and folder != folder.parent:
      first, folder = folder, folder.parent
    for name in path.parts[len(folder.parts) :]:
      if len(os.fsencode(name)) > longest_name(folder):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    with contextlib.suppress(FileNotFoundError):
      path.lstat()
    part = unfinished(first)
    try:
      part.touch(exist_ok=False)
      part.unlink()
    finally:
      discard(part)


@contextlib.contextmanager
def replacing_folder(path: PathLike) -> Iterator[pathlib.Path]:
  """Yields a new temporary folder, which is renamed to `path` at the end of the `with` block.

  On an exception, `path` is unchanged and the temporary folder is removed. Missing parents are created. An
  existing folder at `path` is removed after the new one is in place. If `path` is a link to a folder, only
  the link is removed.

  Raises:
    NotADirectoryError: `path` is a file.
    OutputError: the folder cannot be written.
  """
  path = pathlib.Path(path)
  if path.exists() and not path.is_dir():
    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
  make_folder(path.parent)
  part = unfinished(path)
  with output_errors(path):
    part.mkdir()
  try:
    with _writing(part, path):
      yield part
    with output_errors(path):
      _swap(part, path)
  finally:
    discard(part)


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
  stem, suffix = _stem_and_suffix(path)
  for part in path.parent.glob(f'.{glob.escape(stem)}.*.part{glob.escape(suffix)}'):
    if (writer := _WRITER.search(part.name)) and not _is_running(int(writer['process'])):
      part.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: PathLike, *, wait: bool = True) -> Iterator[None]:
  """Holds an exclusive lock file; it is released when the block or the process ends.

  On a file system without locks (some Lustre, NFS and FUSE mounts) the block runs without a lock, after one
  log message per process.

  Args:
    path: lock file; created if missing, never removed.
    wait: whether to wait until the lock is free.

  Raises:
    BlockingIOError: another process or thread holds the lock, and `wait` is False.
    OutputError: the file cannot be created.
  """
  with output_errors(path):
    file = open(path, 'w')  # noqa: SIM115
  with file:
    try:
      fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
      if error.errno in _HELD and not wait:
        raise BlockingIOError(error.errno, os.strerror(error.errno), str(path)) from None
      if error.errno not in _NO_LOCKS:
        raise
      _note_missing_locks(error.errno, pathlib.Path(path).parent)
    yield


@functools.cache
def _note_missing_locks(number: int, folder: pathlib.Path) -> None:
  logging.getLogger(__name__).warning(
    'the file system has no locks (%s), %s: start no second process with the same output',
    os.strerror(number).lower(),
    folder,
  )


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


def cache_dir() -> pathlib.Path | None:
  """Folder of downloaded and computed files: `seetalk-jax` in XDG_CACHE_HOME or, without that, in ~/.cache.

  None for a user without a home folder (containers that run with any user id); callers then work without a
  cache.
  """
  base = os.environ.get('XDG_CACHE_HOME')
  try:
    return (pathlib.Path(base) if base else pathlib.Path.home() / '.cache') / 'seetalk-jax'
  except RuntimeError:
    return None


def _beside(path: pathlib.Path, kind: str) -> pathlib.Path:
  stem, suffix = _stem_and_suffix(path)
  # The random digits separate threads, and processes with the same id in several containers.
  return path.with_name(f'.{stem}.{os.getpid()}-{os.urandom(4).hex()}.{kind}{suffix}')


def _stem_and_suffix(path: pathlib.Path) -> tuple[str, str]:
  """Stem and suffix of the hidden names of `path`; the stem is shortened if they would be too long."""
  stem, suffix = path.stem, path.suffix
  if len(os.fsencode(suffix)) > _SUFFIX_BYTES:  # rather text with a dot than the suffix of a format
    stem, suffix = path.name, ''
  return _shortened(path, stem, _WRITER_BYTES + len(os.fsencode(suffix))), suffix


def _shortened(path: pathlib.Path, name: str, reserved: int) -> str:
  """`name`, or its beginning and a checksum of `path.name` if a hidden name of it would be too long.

  Args:
    path: the file that the hidden name is for.
    name: the part of the hidden name that can be shortened.
    reserved: bytes of the hidden name after `name`.
  """
  room = min(_NAME_BYTES, longest_name(path.parent)) - 1 - reserved
  if len(os.fsencode(name)) <= room:
    return name
  mark = '~' + hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
  while name and len(os.fsencode(name)) > room - len(mark):  # whole characters
    name = name[:-1]
  return name + mark


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
  return not _has_ended(process)


def _has_ended(process: int) -> bool:
  """Whether a process has ended, but its parent has not read its exit status: some containers never do."""
  try:
    stat = pathlib.Path(f'/proc/{process}/stat').read_text()
  except OSError:  # systems without /proc
    return False
  return stat.rpartition(')')[2].split()[0] in 'ZX'
