"""`seetalk convert`: a release from published weights; bad sources are one line."""

import json

import numpy as np
import pytest
from sources import autoencoder_source

from seetalk_jax.cli import main
from seetalk_jax.releases import storage


@pytest.mark.parametrize(
  'content, message',
  [(None, 'no such file'), ('folder', 'no weights'), (b'not weights', 'not a safetensors file')],
)
def test_bad_sources_are_one_line(tmp_path, capsys, content, message):
  path = tmp_path / 'weights.safetensors'
  if content == 'folder':
    path.mkdir()
  elif content is not None:
    path.write_bytes(content)
  assert main.main(['convert', 'sd-vae', str(path), str(tmp_path / 'out')]) == 2
  error = capsys.readouterr().err
  assert error.startswith('error: ') and error.count('\n') == 1 and message in error
  assert not (tmp_path / 'out').exists()


def test_the_command_writes_a_release(tmp_path, capsys):
  tensors = autoencoder_source(tmp_path / 'vae')
  target = tmp_path / 'released'
  assert main.main(['convert', 'sd-vae', str(tmp_path / 'vae'), str(target), '--json']) == 0
  summary = json.loads(capsys.readouterr().out)
  assert summary['licence'] == 'openrail' and summary['fresh'] == []
  assert summary['parameters'] == sum(value.size for value in tensors.values())
  networks = storage.load_networks(target)
  kernel = networks.params['autoencoder']['encoder']['conv_in']['kernel']
  np.testing.assert_array_equal(kernel, np.moveaxis(tensors['encoder.conv_in.weight'], (0, 1), (3, 2)))
  assert networks.info['networks']['autoencoder']['licence'] == 'openrail'
  assert main.main(['convert', 'sd-vae', str(tmp_path / 'vae'), str(target)]) == 2
  assert 'the release exists' in capsys.readouterr().err
