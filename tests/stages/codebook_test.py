"""Codebook stage: a learned batch, updated codes."""

import jax.numpy as jnp
import numpy as np
from stage2_training import batch_of, train
from tiny_stages import SIZE, config_of

from seetalk_jax.stages import base


def test_codebook_learns_and_moves_its_codes():
  stage = base.build_stage(config_of('codebook', ['codebook'], image_size=SIZE), {})
  batch = batch_of(stage)
  history, _, params, collections = train(stage, base.Frozen(), batch, 6)
  assert history[-1]['perplexity'] >= 1
  state = collections['codebook']['codebook_state']
  assert set(state) == {'embedding', 'count', 'total'}
  np.testing.assert_allclose(jnp.linalg.norm(state['embedding'], axis=-1), 1, atol=1e-3)
  assert stage.preview(params, base.Frozen(), collections, batch, None).shape == (2 * SIZE, 2 * SIZE, 3)
