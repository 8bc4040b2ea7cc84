"""CodeFormer-512 and SyncNet, converted from random weights: they match outputs of the published code."""

import json
import pathlib

import golden_weights
import jax
import numpy as np
import pytest
from in_memory import convert
from safetensors.numpy import save_file

from seetalk_jax.convert import network
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models import registry

GOLDEN = pathlib.Path(__file__).parent / 'golden'


def golden(name):
  """(name -> shape of the published tensors, outputs of the published code)."""
  with np.load(GOLDEN / f'{name}.npz') as file:
    found = dict(file)
  return json.loads(str(found.pop('shapes'))), found


def written(folder, shapes, rename=lambda name: name):
  """File with the random weights."""
  tensors = {rename(name): array for name, array in golden_weights.random_tensors(shapes).items()}
  save_file(tensors, folder / 'weights.safetensors')
  return folder / 'weights.safetensors'


def close(ours, theirs, tolerance=1e-4):
  """Asserts that the largest error is within `tolerance` times the largest value."""
  np.testing.assert_allclose(ours, theirs, atol=tolerance * max(1.0, np.abs(theirs).max()))


@pytest.mark.parity
def test_syncnet_gives_what_the_published_program_gave(tmp_path):
  shapes, theirs = golden('syncnet')
  converted = convert('syncnet', written(tmp_path, shapes))
  module, params = converted.module, converted.params
  assert converted.fresh == () and module.embedding_dim == 1024 and module.norm == 'none'
  frames = golden_weights.random_input('syncnet frames', (2, 5, 224, 224, 3))
  cepstra = golden_weights.random_input('syncnet cepstra', (2, 20, 13), -15, 15)

  def run(value, method):
    return jax.jit(lambda params, x: module.apply({'params': params}, x, method=method))(params, value)

  assert theirs['audio'].std() > 1 and theirs['face'].std() > 1  # otherwise the tolerance means little
  close(run(cepstra, 'audio'), theirs['audio'])
  close(run(frames, 'face'), theirs['face'])


@pytest.mark.parity
def test_codeformer_512_gives_what_the_published_program_gave(tmp_path):
  shapes, theirs = golden('codeformer')
  converted = convert('codeformer', written(tmp_path, shapes))
  module, params = converted.module, converted.params
  assert converted.fresh == () and module == registry.make('codeformer', 'base')
  assert sum(np.prod(shape) for shape in shapes.values()) == sum(a.size for a in jax.tree.leaves(params))
  image = golden_weights.random_input('codeformer image', (1, 512, 512, 3))

  @jax.jit
  def run(params, image):
    variables = {'params': params}
    restored, logits, features = module.apply(variables, image, 0.7)
    coded, _, _ = module.apply(variables, image, 0.0, match_colours=False)
    rebuilt, indices = module.apply(variables, image, method='rebuild')
    return restored, coded, logits, features, rebuilt, indices

  restored, coded, logits, features, rebuilt, indices = jax.tree.map(np.asarray, run(params, image))
  close(features[0, ::3, ::3, ::16], theirs['features'])
  close(logits.reshape(256, 1024)[::7, ::41], theirs['logits'])
  np.testing.assert_array_equal(indices[0], theirs['indices'])
  for ours, name in ((restored, 'restored'), (coded, 'coded'), (rebuilt, 'rebuilt')):
    close(ours[0, ::31, ::29], theirs[name])
  close(restored.mean((0, 1, 2)), theirs['restored_mean'])


def test_every_tensor_is_accounted_for(tmp_path):
  for kind, missing, extra in (
    ('syncnet', 'netcnnlip.9.running_var', 'netcnnlip.22.weight'),
    ('codeformer', 'ft_layers.3.self_attn.in_proj_bias', 'encoder.blocks.26.weight'),
  ):
    shapes, _ = golden(kind)
    small = {name: shape for name, shape in shapes.items() if name != missing}
    with pytest.raises(CheckpointError, match=r'is missing'):
      network.plan(kind, _zeros(tmp_path, small))
    with pytest.raises(
      CheckpointError, match=f'unknown tensor.*{extra}'.replace('.', r'\.').replace(r'\.*', '.*')
    ):
      network.plan(kind, _zeros(tmp_path, shapes | {extra: [3]}))


def test_other_codeformers_follow_from_their_shapes(tmp_path):
  """Fewer layers, codes and fused levels; other networks are rejected."""
  shapes, _ = golden('codeformer')
  fewer = {
    name: shape
    for name, shape in shapes.items()
    if not name.startswith(('fuse_convs_dict.256', 'ft_layers.7', 'ft_layers.8'))
  }
  fewer |= {'quantize.embedding.weight': [64, 256], 'idx_pred_layer.1.weight': [64, 512]}
  module = network.plan('codeformer', _zeros(tmp_path, fewer)).module
  assert module.fused == (2, 3, 4) and module.num_layers == 7 and module.num_codes == 64
  assert module.channels == (64, 128, 128, 256, 256, 512) and module.num_blocks == 2
  with pytest.raises(CheckpointError, match='no weights of a CodeFormer'):
    network.plan('codeformer', _zeros(tmp_path, golden('syncnet')[0]))
  with pytest.raises(CheckpointError, match='no weights of a SyncNet'):
    network.plan('syncnet', _zeros(tmp_path, shapes))


def _zeros(folder, shapes):
  """File of zeros with these shapes; fast to write, the values do not matter."""
  path = folder / 'zeros.safetensors'
  save_file({name: np.zeros(shape, np.float16) for name, shape in shapes.items()}, path)
  return path
