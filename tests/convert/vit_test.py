"""ViT: converted weights become a release that training completes; others are named."""

import json

import numpy as np
import pytest
from in_memory import convert
from sources import vit_source

from seetalk_jax.cli import main
from seetalk_jax.errors import CheckpointError
from seetalk_jax.releases import storage


def test_a_vit_becomes_a_release_that_training_completes(tmp_path, capsys):
  tensors = vit_source(tmp_path / 'vit')
  target = tmp_path / 'released'
  assert main.main(['convert', 'vit', str(tmp_path / 'vit'), str(target), '--json']) == 0
  summary = json.loads(capsys.readouterr().out)
  assert summary['fresh'] == ['to_embedding/']
  used = {name: value for name, value in tensors.items() if name.startswith('vit.')}
  assert summary['parameters'] == sum(value.size for value in used.values())
  with pytest.raises(CheckpointError, match='to_embedding/ are not trained yet'):
    storage.load_networks(target)
  params = storage.load_networks(target, unfinished=True).params['face_encoder']
  query = tensors['vit.encoder.layer.0.attention.attention.query.weight']
  np.testing.assert_array_equal(params['layers_0']['attention']['to_q']['kernel'], query.T)


@pytest.mark.parametrize(
  'changes, message',
  [
    (dict(model_type='deit'), "model_type 'deit', only 'vit'"),
    (dict(hidden_act='gelu_new'), "hidden_act 'gelu_new', only 'gelu'"),
    (dict(layer_norm_eps=1e-6), 'layer_norm_eps 1e-06, only 1e-12'),
    (dict(qkv_bias=False), 'qkv_bias False, only True'),
    (dict(image_size=[16, 24]), r'image_size \[16, 24\], only .*squares'),
    (dict(num_attention_heads=3), 'num_attention_heads 3'),
    (dict(image_size=24), r'another shape.*position_embeddings \(1, 5, 8\).*\(10, 8\)'),
  ],
)
def test_other_vits_are_refused(tmp_path, changes, message):
  vit_source(tmp_path, **changes)
  with pytest.raises(CheckpointError, match=message):
    convert('vit', tmp_path)


def test_a_vit_needs_its_configuration(tmp_path):
  vit_source(tmp_path)
  (tmp_path / 'config.json').unlink()
  with pytest.raises(CheckpointError, match=r'vit needs the config\.json'):
    convert('vit', tmp_path)
