"""Signing: manifests that match, flipped bytes, ingredients, and errors of certificates in one line."""

import av
import numpy as np
import pytest

from seetalk_jax.errors import InputError
from seetalk_jax.media import image, video
from seetalk_jax.provenance import c2pa_extra, local_authority, manifest, signing

pytest.importorskip('c2pa')


@pytest.fixture(scope='module')
def signer(tmp_path_factory):
  return local_authority.write(tmp_path_factory.mktemp('authority'))


def write(path, signer=None, ingredients=()):
  pixels = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)
  finish = None
  if signer is not None:
    finish = lambda part: signer.sign(part, title=path.name, ingredients=ingredients)
  if path.suffix == '.png':
    image.save_png(path, pixels[0], finish=finish)
  else:
    with video.VideoWriter(path, size=(64, 64), finish=finish) as writer:
      writer.write(pixels)
  return path


@pytest.mark.parametrize('name', ['a.mp4', 'a.png'])
def test_a_signature_matches_until_a_byte_is_flipped(tmp_path, signer, name):
  path = write(tmp_path / name, signer)
  found = manifest.read(path)
  assert (found.state, found.source_type, found.problems) == ('valid', 'trainedAlgorithmicMedia', ())
  assert manifest.read(path, local_authority_file(signer)).state == 'trusted'
  content = bytearray(path.read_bytes())
  content[-200] ^= 1
  path.write_bytes(content)
  changed = manifest.read(path)
  assert changed.state == 'invalid' and 'mismatch' in changed.problems[0]


def local_authority_file(signer):
  return signer.chain.with_name(local_authority.AUTHORITY)


def test_pictures_and_sound_stay_bit_for_bit(tmp_path, signer):
  def packets(path):
    with av.open(str(path)) as container:
      return [bytes(packet) for packet in container.demux() if packet.dts is not None]

  assert packets(write(tmp_path / 'a.mp4')) == packets(write(tmp_path / 'b.mp4', signer))
  assert sorted(path.name for path in tmp_path.iterdir()) == ['a.mp4', 'b.mp4']


def test_a_signed_input_becomes_the_parent(tmp_path, signer):
  photo, plain = write(tmp_path / 'photo.png', signer), write(tmp_path / 'plain.png')
  made = write(tmp_path / 'made.mp4', signer, [plain, photo])
  found = manifest.read(made)
  assert (found.state, found.ingredients) == ('valid', ('photo.png (parentOf)',))
  assert c2pa_extra.has_manifest(made) and not c2pa_extra.has_manifest(plain)


def test_wrong_files_are_one_line(tmp_path, signer):
  other = local_authority.write(tmp_path / 'other')
  text = tmp_path / 'text.pem'
  text.write_text('no certificate')
  for chain, key, words in (
    (tmp_path / 'none.pem', signer.key, 'cannot read'),
    (text, signer.key, 'not a certificate'),
    (signer.chain, text, 'not a private key'),
    (signer.chain, other.key, 'not that of the first certificate'),
  ):
    with pytest.raises(InputError, match=words):
      signing.Signer(chain, key).check()
