"""Codebook stage: a learned batch, updated codes."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
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
  assert stage.preview(params, base.Frozen(), collections, batch, None).shape == (
    len(stage.preview_rows) * SIZE,
    2 * SIZE,
    3,
  )


def test_a_codebook_of_regions_learns_crops_around_landmarks():
  stage = base.build_stage(config_of('codebook', ['codebook'], image_size=256, regions=True), {})
  assert stage.view == 'motion_pair'
  batch = batch_of(stage)
  image, weight, inside = stage._crops(batch, jax.random.key(0))
  assert image.shape == (2, 64, 80, 3) and weight.shape == inside.shape == (2, 64, 80, 1)
  _, _, params, collections = train(stage, base.Frozen(), batch, 3)
  shown = stage.preview(params, base.Frozen(), collections, batch, jax.random.key(0))
  assert shown.shape == (len(stage.preview_rows) * 64, 2 * 80, 3)


def test_codes_decay_once_a_batch_for_any_number_of_pieces():
  left = []
  for pieces in (1, 3):
    config = config_of('codebook', ['codebook'], image_size=32, head_weight=1.0)
    config.accumulate = pieces
    stage = base.build_stage(config, {})
    batch = base.fake_batch(stage.batch_spec(2))
    params, collections = nn.unbox(jax.jit(stage.init)(jax.random.key(0), base.Frozen()))
    state = collections['codebook']['codebook_state']
    # A code opposite to all vectors, which none chooses, with a count that keeps it alive.
    state = {**state, 'count': state['count'].at[0].set(5.0), 'embedding': state['embedding'].at[0].set(-9.0)}
    collections = {'codebook': {'codebook_state': state}}
    loss = jax.jit(stage.loss)
    for _ in range(pieces):
      _, (_, collections) = loss(params, base.Frozen(), collections, batch, jax.random.key(1), 0)
      # The embedding of the code is computed anew; keep it out of reach.
      state = dict(collections['codebook']['codebook_state'])
      state['embedding'] = state['embedding'].at[0].set(-9.0)
      collections = {'codebook': {'codebook_state': state}}
    left.append(float(collections['codebook']['codebook_state']['count'][0]))
  np.testing.assert_allclose(left, 5.0 * 0.97, rtol=1e-5)


def test_the_stage_averages_its_codes():
  stage = base.build_stage(config_of('codebook', ['codebook'], image_size=32, head_weight=1.0), {})
  state = {'embedding': np.eye(2, 3), 'count': np.ones(2), 'total': np.eye(2, 3)}
  moved = {**state, 'count': 3 * np.ones(2), 'total': np.eye(2, 3)[:, ::-1]}
  collections = lambda state: {'codebook': {'codebook_state': state}}
  first = stage.average_collections(None, collections(state), 0.0)
  np.testing.assert_array_equal(first['codebook']['codebook_state']['total'], state['total'])
  found = stage.average_collections(first, collections(moved), 0.5)['codebook']['codebook_state']
  np.testing.assert_allclose(found['count'], 2.0)
  np.testing.assert_allclose(found['total'], 0.5 * (state['total'] + moved['total']))
