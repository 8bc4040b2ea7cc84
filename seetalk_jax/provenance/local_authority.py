"""A local test authority: a certificate for trying signatures, which nobody else trusts.

`python -m seetalk_jax.provenance.local_authority FOLDER` writes chain.pem, key.pem and authority.pem to a folder.
"""

from __future__ import annotations

import datetime
import os
import pathlib
import sys

from seetalk_jax import files
from seetalk_jax.errors import InputError
from seetalk_jax.provenance.signing import Signer

CHAIN, KEY, AUTHORITY = 'chain.pem', 'key.pem', 'authority.pem'
_NAME = 'seetalk-jax local test'
_VALID = datetime.timedelta(days=365)


def write(folder: str | os.PathLike) -> Signer:
  """Writes a new key, its certificate and the certificate of a new authority, which signed it.

  Args:
    folder: gets chain.pem and key.pem, for `Signer`, and authority.pem, for readers that should trust it. The key of
      the authority is not kept.

  Raises:
    InputError: the package cryptography, which comes with the extra `provenance`, is not installed.
  """
  try:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec
  except ImportError:
    raise InputError(
      "certificates need cryptography, this installation: pip install 'seetalk-jax[provenance]'"
    ) from None
  folder = pathlib.Path(folder)
  authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
  authority, certificate = _certificate(authority_key), _certificate(authority_key, key)
  pem = serialization.Encoding.PEM
  private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
  files.make_folder(folder)
  files.write_bytes(folder / CHAIN, certificate.public_bytes(pem) + authority.public_bytes(pem))
  files.write_bytes(folder / AUTHORITY, authority.public_bytes(pem))
  files.write_bytes(folder / KEY, private)
  os.chmod(folder / KEY, 0o600)
  return Signer(folder / CHAIN, folder / KEY)


def _certificate(authority_key, key=None):
  """The certificate of the authority, or that of `key`, signed by the authority; fields as C2PA requires."""
  from cryptography import x509
  from cryptography.hazmat.primitives import hashes

  is_authority = key is None
  public = (authority_key if is_authority else key).public_key()
  now = datetime.datetime.now(datetime.UTC)
  usage = dict.fromkeys(
    (
      'content_commitment',
      'key_encipherment',
      'data_encipherment',
      'key_agreement',
      'encipher_only',
      'decipher_only',
    ),
    False,
  )
  usage |= {'digital_signature': not is_authority, 'key_cert_sign': is_authority, 'crl_sign': is_authority}
  builder = (
    x509.CertificateBuilder()
    .subject_name(_named('authority' if is_authority else 'signer'))
    .issuer_name(_named('authority'))
    .public_key(public)
    .serial_number(x509.random_serial_number())
    .not_valid_before(now - datetime.timedelta(hours=1))
    .not_valid_after(now + _VALID)
    .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    .add_extension(x509.KeyUsage(**usage), critical=True)
    .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    .add_extension(
      x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
    )
  )
  if not is_authority:
    purposes = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.EMAIL_PROTECTION])
    builder = builder.add_extension(purposes, critical=False)
  return builder.sign(authority_key, hashes.SHA256())


def _named(role: str):
  from cryptography import x509

  names = {x509.oid.NameOID.ORGANIZATION_NAME: _NAME, x509.oid.NameOID.COMMON_NAME: f'{_NAME} {role}'}
  return x509.Name([x509.NameAttribute(kind, value) for kind, value in names.items()])


if __name__ == '__main__':
  if len(sys.argv) != 2:
    sys.exit('error: one folder, command line: python -m seetalk_jax.provenance.local_authority FOLDER')
  write(sys.argv[1])
