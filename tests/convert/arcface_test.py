"""ArcFace: an IResNet becomes a release; what is no IResNet is named."""

import json

import jax
import numpy as np
import pytest
from in_memory import convert
from safetensors.numpy import save_file
from sources import iresnet_source

from seetalk_jax.cli import main
from seetalk_jax.errors import CheckpointError
from seetalk_jax.releases import storage


def test_an_iresnet_becomes_a_release(tmp_path, capsys):
  tensors = iresnet_source(tmp_path / 'arcface')
  target = tmp_path / 'released'
  assert main.main(['convert', 'arcface', str(tmp_path / 'arcface'), str(target), '--json']) == 0
  summary = json.loads(capsys.readouterr().out)
  assert (
    summary['network'] == 'face_encoder'
    and summary['fresh'] == []
    and summary['licence'].startswith('unknown')
  )
  networks = storage.load_networks(target)
  module, params = networks.modules['face_encoder'], networks.params['face_encoder']
  assert module.norm == 'frozen' and module.image_size == 32 and module.embedding_dim == 24
  assert module.channels == (8, 16, 24, 32) and module.blocks == (1, 1, 1, 1)
  kernel = tensors['layer2.0.conv1.weight']
  np.testing.assert_array_equal(params['stage_1_0']['conv1']['kernel'], np.moveaxis(kernel, (0, 1), (3, 2)))

  def normed(x, name):
    spread = np.sqrt(tensors[f'{name}.running_var'] + 1e-5)
    return (x - tensors[f'{name}.running_mean']) / spread * tensors[f'{name}.weight'] + tensors[
      f'{name}.bias'
    ]

  rng = np.random.default_rng(1)
  x = rng.standard_normal((3, 8)).astype(np.float32)
  affine = params['stage_1_0']['norm1']
  np.testing.assert_allclose(x * affine['scale'] + affine['bias'], normed(x, 'layer2.0.bn1'), atol=1e-5)
  features = rng.standard_normal((1, 2, 2, 32)).astype(np.float32)  # the reference flattens channels first
  read = tensors['fc.weight'] @ np.moveaxis(features[0], -1, 0).reshape(-1) + tensors['fc.bias']
  dense = params['to_embedding']
  ours = features.reshape(-1) @ dense['kernel'] + dense['bias']
  np.testing.assert_allclose(ours, normed(read, 'features'), atol=1e-4)


def test_names_of_training_on_several_devices_are_known(tmp_path):
  iresnet_source(tmp_path / 'one')
  iresnet_source(tmp_path / 'many', prefix='module.')
  one, many = (convert('arcface', tmp_path / name) for name in ('one', 'many'))
  assert one.module == many.module
  jax.tree.map(np.testing.assert_array_equal, one.params, many.params)


@pytest.mark.parametrize(
  'name, value, message',
  [
    ('layer3.0.bn2.running_var', None, r'missing.*layer3\.0\.bn2\.running_var'),
    ('layer3.0.se.fc1.weight', np.zeros((2, 2)), r'unknown tensor.*layer3\.0\.se\.fc1\.weight \(2, 2\)'),
    ('fc.weight', np.zeros((24, 32 * 3)), r'fc\.weight \(24, 96\) reads no square map of 32 channels'),
    ('layer4.0.conv1.weight', None, 'no weights of an IResNet'),
    ('bn2.weight', np.zeros(31), r'do not go together.*bn2\.weight \(31,\).*\(32,\)'),
  ],
)
def test_what_is_no_iresnet_is_named(tmp_path, name, value, message):
  tensors = iresnet_source(tmp_path) | {name: value}
  save_file({k: v for k, v in tensors.items() if v is not None}, tmp_path / 'backbone.safetensors')
  with pytest.raises(CheckpointError, match=message):
    convert('arcface', tmp_path)
