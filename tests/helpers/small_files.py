"""Limit on the size of files that this process writes; a stand-in for a full disk."""

import contextlib
import resource


@contextlib.contextmanager
def file_size_limit(num_bytes):
  """Inside, a file that grows beyond `num_bytes` raises EFBIG, as with `ulimit -f`."""
  before = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
  try:
    yield
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
