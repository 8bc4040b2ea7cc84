"""CodeFormer, converted from random weights: its outputs are those of the published code."""

import golden_weights
import jax
import numpy as np
import pytest
from golden_outputs import close, golden, written, zeros
from in_memory import convert

from seetalk_jax.convert import network
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models import registry


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


def test_other_codeformers_follow_from_their_shapes(tmp_path):
  """Fewer layers, codes and fused levels; other networks are rejected."""
  shapes, _ = golden('codeformer')
  fewer = {
    name: shape
    for name, shape in shapes.items()
    if not name.startswith(('fuse_convs_dict.256', 'ft_layers.7', 'ft_layers.8'))
  }
  fewer |= {'quantize.embedding.weight': [64, 256], 'idx_pred_layer.1.weight': [64, 512]}
  module = network.plan('codeformer', zeros(tmp_path, fewer)).module
  assert module.fused == (2, 3, 4) and module.num_layers == 7 and module.num_codes == 64
  assert module.channels == (64, 128, 128, 256, 256, 512) and module.num_blocks == 2
  with pytest.raises(CheckpointError, match='no weights of a CodeFormer'):
    network.plan('codeformer', zeros(tmp_path, golden('syncnet')[0]))
  with pytest.raises(CheckpointError, match='no weights of a SyncNet'):
    network.plan('syncnet', zeros(tmp_path, shapes))
