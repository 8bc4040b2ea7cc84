"""`seetalk verify`: text, JSON, the missing extra, and an error for a signature that does not match."""

import json
import sys

import numpy as np
import pytest

from seetalk_jax.cli import main
from seetalk_jax.inference import clip
from seetalk_jax.provenance import c2pa_extra

RECORD = {'version': '1', 'seed': 3}


@pytest.fixture
def portrait(tmp_path):
  path = tmp_path / 'a.png'
  clip.save_portrait(path, np.full((256, 256, 3), 128, np.uint8), RECORD)
  return path


def test_text_and_json_agree(portrait, capsys):
  assert main.main(['verify', str(portrait)]) == 0
  text = capsys.readouterr().out
  assert main.main(['verify', str(portrait), '--json']) == 0
  content = json.loads(capsys.readouterr().out)
  assert content['watermark']['of_tag'] is True and content['watermark']['payload'] in text
  assert content['signature'] is False and content['settings']['seed'] == '3'


def test_a_signature_without_the_extra_is_named(portrait, capsys, monkeypatch):
  monkeypatch.setitem(sys.modules, 'c2pa', None)
  with open(portrait, 'ab') as file:
    file.write(c2pa_extra._STORE)
  assert main.main(['verify', str(portrait)]) == 0
  assert 'seetalk-jax[provenance]' in capsys.readouterr().out
  assert main.main(['verify', str(portrait), '--trust', str(portrait)]) == 2
  assert 'seetalk-jax[provenance]' in capsys.readouterr().err


def test_a_changed_file_is_an_error_after_the_report(tmp_path, capsys):
  pytest.importorskip('c2pa')
  from seetalk_jax.provenance import local_authority

  path = tmp_path / 'a.png'
  signer = local_authority.write(tmp_path / 'authority')
  clip.save_portrait(path, np.full((64, 64, 3), 128, np.uint8), RECORD, signer=signer)
  assert main.main(['verify', str(path)]) == 0
  path.write_bytes(path.read_bytes().replace(b'Synthetic portrait', b'Authentic portrait'))
  capsys.readouterr()
  assert main.main(['verify', str(path), '--json']) == 2
  out, err = capsys.readouterr()
  assert json.loads(out)['signature']['state'] == 'invalid'
  assert err.startswith('error: the signature does not match') and err.count('\n') == 1
