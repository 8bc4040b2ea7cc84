"""Render stage: trained and unchanged parts, portraits that pass through the autoencoder."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from stage2_training import batch_of, train
from tiny_stages import SIZE, config_of

from seetalk_jax.stages import base, render


@pytest.mark.slow  # compiles for ten seconds and more
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


class Negatives:
  """Stand-in for an autoencoder: encoded samples are negated."""

  def apply(self, variables, x, method):
    return (-x, None) if method == 'encode' else x


@pytest.mark.parametrize(
  'size, rate, count', [(4, 0.5, 2), (6, 0.5, 3), (6, 1.0, 6), (4, 0.0, 0), (8, 0.75, 6), (1, 0.6, 1)]
)
def test_so_many_portraits_go_through_the_autoencoder_and_the_others_stay(size, rate, count):
  stage = render.RenderStage(networks={}, frozen={'autoencoder': Negatives()}, roundtrip_rate=rate)
  frozen = base.Frozen(params={'autoencoder': {}})
  source = jnp.arange(1, size + 1).reshape(-1, 1, 1, 1) / 10.0
  seen = set()
  for seed in range(12):
    found = stage._portraits(frozen, source, jax.random.key(seed))
    np.testing.assert_array_equal(jnp.abs(found), source)
    assert int((found < 0).sum()) == count
    seen.add(tuple(np.asarray(found < 0).ravel()))
  assert len(seen) > 1 or count in (0, size)  # the selection depends on the seed
