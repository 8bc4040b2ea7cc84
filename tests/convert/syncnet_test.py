"""SyncNet, converted from random weights: its outputs are those of the published code."""

import golden_weights
import jax
import pytest
from golden_outputs import close, golden, written
from in_memory import convert


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
