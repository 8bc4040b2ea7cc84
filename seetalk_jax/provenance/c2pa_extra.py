"""The optional package `c2pa-python` (extra `provenance`): found or not, with its settings."""

from __future__ import annotations

import os
import pathlib

from seetalk_jax.errors import InputError

FORMATS = {'.mp4': 'video/mp4', '.png': 'image/png', '.jpg': 'image/jpeg', '.jpeg': 'image/jpeg'}
FORMATS |= {'.mov': 'video/quicktime', '.m4v': 'video/mp4', '.webp': 'image/webp', '.avif': 'image/avif'}
# The box that describes a manifest store, ISO 19566-5 with the UUID of C2PA; no other content has these bytes.
_STORE = b'jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71'
_BLOCK = 1 << 20


def load():
  """The module `c2pa`.

  Raises:
    InputError: it is not installed.
  """
  try:
    import c2pa
  except ImportError:
    raise InputError(
      "signatures need c2pa-python, this installation: pip install 'seetalk-jax[provenance]'"
    ) from None
  return c2pa


def context(trusted: bytes | None = None):
  """Settings for reading and signing: nothing is fetched from the network.

  Args:
    trusted: certificates of authorities to trust, PEM; None: none.
  """
  settings = {'verify': {'remote_manifest_fetch': False, 'ocsp_fetch': False}}
  if trusted is not None:
    settings['trust'] = {'trust_anchors': trusted.decode('ascii', 'replace')}
  return load().Context.from_dict(settings)


def has_manifest(path: str | os.PathLike) -> bool:
  """Whether a file holds a C2PA manifest, by its bytes; needs no extra."""
  before = b''
  with open(path, 'rb') as file:
    while block := file.read(_BLOCK):
      if _STORE in before + block:
        return True
      before = block[-len(_STORE) :]
  return False


def media_type(path: str | os.PathLike) -> str:
  """Media type of a file by its name, as C2PA needs it."""
  return FORMATS.get(pathlib.Path(path).suffix.lower(), 'application/octet-stream')
