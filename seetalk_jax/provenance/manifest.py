"""Reading of C2PA manifests: who signed a file, and whether it is unchanged since (extra `provenance`)."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from typing import Any

from seetalk_jax.errors import InputError
from seetalk_jax.provenance import c2pa_extra

# The validation state of a file, and what it says.
TRUSTED = 'trusted'  # unchanged since it was signed, by a certificate of a trusted authority
VALID = 'valid'  # unchanged since it was signed, by a certificate that nobody here vouches for
INVALID = 'invalid'  # changed after signing, or signed wrongly
UNREAD = 'unread'  # there is a signature, and c2pa-python is not installed
_UNTRUSTED = 'signingCredential.untrusted'


@dataclasses.dataclass(frozen=True)
class Signature:
  """The active manifest of a file.

  Attributes:
    state: one of the constants above.
    signer, issuer: common name of the certificate, and its organization; empty if they cannot be read.
    time: time of signing by a time-stamp authority, or empty.
    source_type: IPTC's digital source type of the media, such as `trainedAlgorithmicMedia`, or empty.
    ingredients: titles and relationships of what the file was made from, such as `photo.jpg (parentOf)`.
    problems: codes of C2PA for what is wrong; an unknown authority alone is none.
  """

  state: str
  signer: str = ''
  issuer: str = ''
  time: str = ''
  source_type: str = ''
  ingredients: tuple[str, ...] = ()
  problems: tuple[str, ...] = ()


def read(path: str | os.PathLike, trust: str | os.PathLike | None = None) -> Signature | None:
  """Reads and checks the manifest of a file; None if it has none.

  Args:
    path: a picture or video.
    trust: PEM file of authorities to trust; None: none.

  Raises:
    InputError: `trust` cannot be read, or c2pa-python is not installed and `trust` is given.
  """
  if trust is not None:
    c2pa_extra.load()
  if not c2pa_extra.has_manifest(path):
    return None
  try:
    c2pa = c2pa_extra.load()
  except InputError:
    return Signature(UNREAD)
  try:
    with open(path, 'rb') as stream:
      with c2pa.Reader(
        c2pa_extra.media_type(path), stream, context=c2pa_extra.context(_trusted(trust))
      ) as reader:
        return _signature(json.loads(reader.json()))
  except c2pa.C2paError as error:
    return Signature(INVALID, problems=(' '.join(str(error).split()),))


def _signature(content: dict[str, Any]) -> Signature:
  active = content['manifests'][content['active_manifest']]
  signed_by = active.get('signature_info') or {}
  problems = [entry['code'] for entry in content.get('validation_status') or ()]
  actions = [
    action
    for assertion in active.get('assertions', ())
    if assertion['label'].startswith('c2pa.actions')
    for action in assertion['data']['actions']
  ]
  sources = [action['digitalSourceType'] for action in actions if action.get('digitalSourceType')]
  return Signature(
    state={'Trusted': TRUSTED, 'Valid': VALID}.get(content.get('validation_state'), INVALID),
    signer=signed_by.get('common_name') or '',
    issuer=signed_by.get('issuer') or '',
    time=signed_by.get('time') or '',
    source_type=sources[0].rsplit('/', 1)[-1] if sources else '',
    ingredients=tuple(
      f'{each.get("title", "")} ({each["relationship"]})' for each in active.get('ingredients', ())
    ),
    problems=tuple(dict.fromkeys(code for code in problems if code != _UNTRUSTED)),
  )


def _trusted(path: str | os.PathLike | None) -> bytes | None:
  if path is None:
    return None
  try:
    content = pathlib.Path(path).read_bytes()
  except OSError as error:
    raise InputError(
      f'cannot read the authorities ({error.strerror}), {path}: give certificates as PEM'
    ) from None
  if b'BEGIN CERTIFICATE' not in content:
    raise InputError(f'no certificates in the file, {path}: give those of the authorities as PEM')
  return content
