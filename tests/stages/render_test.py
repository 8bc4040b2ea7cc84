"""Render stage: trained and unchanged parts, lip and sync losses, portraits that pass through the autoencoder."""

import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from stage2_training import batch_of, train
from tiny_stages import SIZE, config_of

from seetalk_jax.errors import ConfigError
from seetalk_jax.models.nn import image_ops
from seetalk_jax.models.renderer.regions import REGIONS
from seetalk_jax.stages import base, figures, render


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


@pytest.mark.slow  # compiles for ten seconds and more
def test_regions_train_with_the_decoder_of_the_codec(region_world):
  modules, frozen = region_world
  config = config_of(
    'render', ['code_transformer', 'hr_decoder'], image_size=256, roundtrip_rate=0.0, truth_rate=0.0
  )
  config.model['code_transformer']['num_regions'] = len(REGIONS)
  stage = base.build_stage(config, modules)
  batch = batch_of(stage)
  _, start, params, _ = train(stage, frozen, batch, 3)
  moved = {
    part: largest(jax.tree.map(lambda a, b: a - b, start['motion_codec'][part], params['motion_codec'][part]))
    for part in ('decoder', 'warper', 'identity_encoder')
  }
  assert moved['decoder'] > 0 and moved['warper'] > 0 and moved['identity_encoder'] == 0


OFF = dict(
  with_truth=False, roundtrip_rate=0.0, warped_weight=0.0, code_weight=0.0, pixel_weight=0.0, edge_weight=0.0
)


def rendering(world, *frozen, **options):
  """Render stage that trains tiny networks, and its frozen arrays."""
  modules, arrays = world
  config = config_of('render', ['code_transformer', 'hr_decoder'], image_size=SIZE, **{**OFF, **options})
  return base.build_stage(
    config, {name: modules[name] for name in ('codebook', 'motion_codec', *frozen)}
  ), arrays


def largest(tree):
  return max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(tree))


@pytest.mark.slow  # compiles for ten seconds and more
@pytest.mark.parametrize(
  'options, metric',
  [
    ({'lip_weight': 1.0, 'pixel_weight': 1.0, 'edge_weight': 1.0}, 'lips'),
    ({'sync_weight': 1.0, 'sync_share': 1.0}, 'sync'),
  ],
)
def test_lip_and_sync_losses_train_decoder_and_warper_end_to_end(world, options, metric):
  stage, frozen = rendering(world, *(['sync_expert'] if metric == 'sync' else []), **options)
  batch = batch_of(stage)
  history, start, params, _ = train(stage, frozen, batch, 6)
  assert history[-1][metric] < history[0][metric]

  @jax.jit
  def gradient(params):
    return jax.grad(lambda p: stage.loss(p, frozen, {}, batch, jax.random.key(1), 0)[1][0][metric])(params)

  found = gradient(params)
  assert largest(found['hr_decoder']) > 0 and largest(found['motion_codec']['warper']) > 0
  # The meaning of m, and the appearance, stay.
  for part in ('motion_encoder', 'identity_encoder', 'motion_modes', 'truth_encoder'):
    assert largest(found['motion_codec'][part]) == 0
  assert set(params) == {'motion_codec', 'code_transformer', 'hr_decoder'}  # the expert is not trained


def test_the_sync_loss_needs_an_expert_and_the_view_with_clips(world):
  stage, _ = rendering(world, 'sync_expert', sync_weight=0.1, lip_weight=0.5)
  assert stage.view == 'talking_pair' and set(stage.frozen) == {'codebook', 'sync_expert'}
  spec = stage.batch_spec(3)
  assert {'lip_box', 'clip_frames', 'clip_mouth', 'clip_speech', 'has_clip'} <= set(spec)
  with pytest.raises(
    ConfigError, match='network sync_expert of stage render .* set --config.init.sync_expert='
  ):
    rendering(world, sync_weight=0.1)
  batch = batch_of(stage)
  assert stage.statistics_entries == ('has_clip',)  # no picture is decoded
  assert stage.prepare(base.Frozen(), iter([{'has_clip': batch['has_clip']}])) == {}
  silent = {**batch, 'has_clip': np.zeros(2, np.float32)}
  with pytest.raises(ConfigError, match='sync_weight=0.1 needs successive frames with speech.*clips, or set'):
    stage.prepare(base.Frozen(), itertools.repeat(silent))
  plain, _ = rendering(world)
  assert plain.view == 'motion_pair' and set(plain.batch_spec(1)) == {'source', 'target', 'picture_box'}


@pytest.mark.slow
def test_pictures_without_a_clip_do_not_count_in_the_sync_loss(world):
  stage, frozen = rendering(world, 'sync_expert', sync_weight=1.0, sync_share=1.0)
  batch = batch_of(stage)
  params = jax.jit(lambda rng: nn.unbox(stage.init(rng, frozen)[0]))(jax.random.key(0))
  source = image_ops.to_float(batch['source'])
  run = jax.jit(lambda batch: stage._sync(params, frozen, source, batch, jax.random.key(0)))
  (both, logged), (first, _), (second, _), (none, unmeasured) = (
    run({**batch, 'has_clip': np.float32(weights)}) for weights in ((1, 1), (1, 0), (0, 1), (0, 0))
  )
  np.testing.assert_allclose(both, (first + second) / 2, rtol=1e-4)
  assert first != second and none == 0
  assert logged['sync'] == both and unmeasured['sync'] == figures.ABSENT  # 0 would be perfect sync


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
