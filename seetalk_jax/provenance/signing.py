"""Signing of finished files with a C2PA manifest that says that they are synthetic (extra `provenance`)."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Sequence

from seetalk_jax import __version__, files
from seetalk_jax.errors import InputError
from seetalk_jax.provenance import c2pa_extra

# IPTC's term for media that a trained model made; Code of Practice of the EU on marking, measure 1.1.
SOURCE_TYPE = 'http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia'
_CURVES = {'secp256r1': 'es256', 'secp384r1': 'es384', 'secp521r1': 'es512'}


@dataclasses.dataclass(frozen=True)
class Signer:
  """Certificate and key that files are signed with.

  Attributes:
    chain: PEM file of the certificate, followed by those of the authorities above it.
    key: PEM file of its private key, without a password.
    timestamp_url: address of a time-stamp authority (RFC 3161) that is asked for every file; None: no time stamp, and
      nothing is sent.
  """

  chain: str | os.PathLike
  key: str | os.PathLike
  timestamp_url: str | None = None

  def check(self) -> None:
    """Checks that a file can be signed, before any work is done.

    Raises:
      InputError: c2pa-python is not installed, a file cannot be read, or is not what it should be.
    """
    c2pa_extra.load()
    self._loaded()

  def _loaded(self):
    """The signer of c2pa-python."""
    from cryptography import x509

    c2pa = c2pa_extra.load()
    chain, key = _read(self.chain), _read(self.key)
    try:
      certificate = x509.load_pem_x509_certificates(chain)[0]
    except ValueError:
      raise InputError(f'not a certificate chain, {self.chain}: give certificates as PEM') from None
    private, algorithm = _private_key(key, self.key)
    if certificate.public_key() != private.public_key():
      raise InputError(f'the key is not that of the first certificate, {self.key}: give its own key')
    url = None if self.timestamp_url is None else self.timestamp_url.encode()
    try:
      return c2pa.Signer.from_info(c2pa.C2paSignerInfo(algorithm.encode(), chain, key, url))
    except c2pa.C2paError as error:
      raise InputError(
        f'cannot sign with these files ({error}), {self.chain}: see docs/provenance.md'
      ) from None

  def sign(self, path: pathlib.Path, *, title: str, ingredients: Sequence[str | os.PathLike] = ()) -> None:
    """Signs a finished .mp4 or .png file in its place; pictures and sound stay bit for bit.

    Args:
      path: the file, which nobody else reads yet.
      title: name of the file in the manifest.
      ingredients: pictures and videos that it was made from. The first one with a manifest becomes its parent, further
        ones become inputs; those without a manifest are left out.

    Raises:
      InputError: the certificate does not suit C2PA, or the time-stamp authority does not answer.
    """
    c2pa = c2pa_extra.load()
    marked = [pathlib.Path(each) for each in ingredients if c2pa_extra.has_manifest(each)]
    signed = files.unfinished(path)
    try:
      with c2pa.Builder(_manifest(title, bool(marked)), c2pa_extra.context()) as builder:
        for number, ingredient in enumerate(marked):
          entry = {
            'title': ingredient.name,
            'relationship': 'inputTo' if number else 'parentOf',
            'instance_id': f'ingredient-{number}',
          }
          with open(ingredient, 'rb') as stream:
            builder.add_ingredient(entry, c2pa_extra.media_type(ingredient), stream)
        builder.sign_file(path, signed, self._loaded())
      with files.output_errors(path):
        os.replace(signed, path)
    except c2pa.C2paError as error:
      raise InputError(f'cannot sign ({error}), {self.chain}: see docs/provenance.md') from None
    finally:
      files.discard(signed)


def _manifest(title: str, has_parent: bool) -> dict[str, object]:
  """What is signed. A manifest with a parent opens it; only one without may say that its file was created."""
  made = {'digitalSourceType': SOURCE_TYPE}
  actions = [{'action': 'c2pa.created', **made}]
  if has_parent:
    opened = {'action': 'c2pa.opened', 'parameters': {'ingredientIds': ['ingredient-0']}}
    actions = [opened, {'action': 'c2pa.edited', **made}]
  return {
    'title': title,
    'claim_generator_info': [{'name': 'seetalk-jax', 'version': __version__}],
    'assertions': [{'label': 'c2pa.actions.v2', 'data': {'actions': actions}}],
  }


def _read(path: str | os.PathLike) -> bytes:
  try:
    return pathlib.Path(path).read_bytes()
  except OSError as error:
    raise InputError(
      f'cannot read the file ({error.strerror}), {path}: give certificate and key as PEM'
    ) from None


def _private_key(pem: bytes, path: str | os.PathLike):
  """The private key, and its algorithm in the words of C2PA."""
  from cryptography import exceptions
  from cryptography.hazmat.primitives import serialization
  from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

  try:
    key = serialization.load_pem_private_key(pem, None)
  except (ValueError, TypeError, exceptions.UnsupportedAlgorithm):
    raise InputError(f'not a private key, {path}: give one as PEM, without a password') from None
  if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
    return key, _CURVES[key.curve.name]
  if isinstance(key, ed25519.Ed25519PrivateKey):
    return key, 'ed25519'
  if isinstance(key, rsa.RSAPrivateKey):
    return key, 'ps256'
  raise InputError(f'a key of a kind that C2PA does not know, {path}: give one of P-256, Ed25519 or RSA')
