"""Error types for user mistakes, reported in one line. Any other exception is a bug and keeps its traceback."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

# Errors of the operating system that are not bugs of this library -> (what, what to do).
_SYSTEM_ERRORS = {
  errno.ENOSPC: ('no space left', 'free some'),
  errno.EDQUOT: ('quota exceeded', 'free some'),
  errno.EFBIG: ('file too large for its disk or for ulimit -f', 'raise the limit, or give another place'),
  errno.EROFS: ('read-only file system', 'give another place'),
  errno.EACCES: ('permission denied', 'check its permissions'),
  errno.EPERM: ('operation not permitted', 'check its permissions'),
  errno.ENAMETOOLONG: ('file name too long', 'give a shorter one'),
  errno.EIO: ('input/output error', 'check the disk'),
}
# These may also come from something else than a file.
_NEED_A_FILE = (errno.EACCES, errno.EPERM)


class InputError(Exception):
  """Invalid user input. The message is one line, `WHAT, WHERE, WHAT TO DO`, shown without a traceback.

  The command line prints it as `error: ...` on stderr and exits with status 2.
  """

  def __init__(self, message: str):
    super().__init__(' '.join(str(message).split()))


class OutputError(InputError, OSError):
  """A file or folder cannot be written. Also an `OSError`, with its `errno`."""

  def __init__(self, message: str, number: int | None = None):
    super().__init__(message)
    self.errno = number

  @classmethod
  def of(cls, error: OSError, path: str | os.PathLike) -> OutputError:
    """The error of the operating system for an output `path`; any error number gives one line."""
    return cls(_one_line(error, path), error.errno)

  def __reduce__(self):  # that of OSError loses the number
    return type(self), (str(self), self.errno)


def chain(error: BaseException | None) -> Iterator[BaseException]:
  """An error and those that caused it or were being handled, each once."""
  visited = set()
  while error is not None and id(error) not in visited:
    visited.add(id(error))
    yield error
    error = error.__cause__ or error.__context__


def explain_system_error(error: OSError) -> str | None:
  """One line for an error of the machine, such as a full disk; None for an error that may be a bug."""
  if error.errno not in _SYSTEM_ERRORS or (error.errno in _NEED_A_FILE and not error.filename):
    return None
  return _one_line(error, error.filename or 'output')


def _one_line(error: OSError, path: str | os.PathLike) -> str:
  number = error.errno or 0
  what, advice = _SYSTEM_ERRORS.get(number, (os.strerror(number).lower(), 'give another place'))
  return f'{what}, {os.fspath(path)}: {advice}'


class SpeechError(InputError):
  """The speech file is missing, not audio, empty, silent, too short, or contains NaN samples."""


class PortraitError(InputError):
  """The portrait file is missing, is not an image, or shows no face or several faces."""


class CheckpointError(InputError):
  """The checkpoint is unknown, damaged, or belongs to another configuration."""


class ConfigError(InputError):
  """A configuration value is invalid; the message names the field and the value."""
