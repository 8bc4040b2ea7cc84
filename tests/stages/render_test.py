"""Render stage: trained and unchanged parts, portraits that pass through the autoencoder."""

import jax
import numpy as np
from stage2_training import batch_of, train
from tiny_stages import SIZE, config_of

from seetalk_jax.stages import base


def test_render_trains_the_warper_and_keeps_what_m_means(world):
  modules, frozen = world
  given = {name: modules[name] for name in ('codebook', 'autoencoder', 'motion_codec')}
  stage = base.build_stage(config_of('render', ['code_transformer', 'hr_decoder'], image_size=SIZE), given)
  batch = batch_of(stage)
  _, start, params, _ = train(stage, frozen, batch, 3)
  moved = {
    part: max(
      np.abs(a - b).max()
      for a, b in zip(
        *map(jax.tree.leaves, jax.device_get((tree, params['motion_codec'][part]))), strict=True
      )
    )
    for part, tree in start['motion_codec'].items()
  }
  assert moved['warper'] > 0
  assert all(
    moved[part] == 0 for part in ('motion_encoder', 'truth_encoder', 'truth_reader', 'identity_encoder')
  )
  assert set(stage.networks) == {'motion_codec', 'code_transformer', 'hr_decoder'}
  without = base.build_stage(
    config_of('render', ['code_transformer', 'hr_decoder', 'motion_codec'], roundtrip_rate=0.0),
    {'codebook': given['codebook']},
  )
  assert set(without.frozen) == {'codebook'}
