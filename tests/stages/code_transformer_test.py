"""Code transformer stage: a learned batch, a decoder that starts from the codebook."""

import jax
import numpy as np
import pytest
from stage2_training import batch_of, train
from tiny_stages import SIZE, config_of

from seetalk_jax.models.renderer.regions import REGIONS
from seetalk_jax.stages import base


def test_code_transformer_learns_and_fusion_starts_from_the_codebook(world):
  modules, frozen = world
  stage = base.build_stage(
    config_of('code_transformer', ['code_transformer', 'hr_decoder'], image_size=SIZE), modules
  )
  assert set(stage.networks) == {'code_transformer', 'hr_decoder'}
  batch = batch_of(stage)
  _, start, params, _ = train(stage, frozen, batch, 4)
  jax.tree.map(
    np.testing.assert_array_equal, start['hr_decoder']['decoder'], frozen.params['codebook']['decoder']
  )
  assert stage.preview(params, frozen, {}, batch, jax.random.key(0)).shape == (
    len(stage.preview_rows) * SIZE,
    2 * SIZE,
    3,
  )


@pytest.mark.slow  # compiles for ten seconds and more
def test_regions_are_learned_as_pictures_of_their_own(region_world):
  modules, frozen = region_world
  config = config_of('code_transformer', ['code_transformer', 'hr_decoder'], image_size=256)
  config.model['code_transformer']['num_regions'] = len(REGIONS)
  stage = base.build_stage(config, modules)
  batch = batch_of(stage)
  train(stage, frozen, batch, 4)
