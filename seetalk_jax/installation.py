"""This installation of the package: a checksum of its code, and the folder of the user's cache."""

from __future__ import annotations

import hashlib
import os
import pathlib


def cache_dir() -> pathlib.Path:
  """Where fetched and computed files are kept: XDG_CACHE_HOME or ~/.cache, and in it seetalk-jax."""
  base = os.environ.get('XDG_CACHE_HOME')
  return (pathlib.Path(base) if base else pathlib.Path.home() / '.cache') / 'seetalk-jax'


def code_digest() -> str:
  """SHA-256 of this package's Python files, in hexadecimal."""
  package = pathlib.Path(__file__).resolve().parent
  total = hashlib.sha256()
  for path in sorted(package.rglob('*.py')):
    total.update(str(path.relative_to(package)).encode() + b'\0' + path.read_bytes() + b'\0')
  return total.hexdigest()
