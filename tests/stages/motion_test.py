"""Motion stage: statistics of the latents, the length of windows, a learned batch."""

import pathlib

import jax
import numpy as np
import pytest
from stage2_training import batch_of, standard, train
from tiny_stages import config_of

from seetalk_jax.data import views
from seetalk_jax.errors import ConfigError
from seetalk_jax.models import registry
from seetalk_jax.stages import base
from seetalk_jax.training import config_files

ROOT = pathlib.Path(__file__).resolve().parents[2]


def make(modules, controls=(), **options):
  config = config_of('motion', ['motion_transformer'], **options)
  config.model.motion_transformer.controls = controls
  return base.build_stage(config, {k: modules[k] for k in ('speech_encoder', 'motion_codec')})


def test_motion_learns_and_standardises(world):
  modules, frozen = world
  stage = make(modules)
  batch = batch_of(stage)
  statistics = stage.prepare(frozen, iter([batch]))
  own = statistics['motion_transformer']
  m = registry.make('motion_codec', 'tiny').apply(
    frozen.variables('motion_codec'), batch['motion'], method='encode_truth'
  )
  np.testing.assert_allclose(own['motion_mean'], m.mean((0, 1)), atol=1e-4)
  assert (own['motion_std'] > 0).all() and own['motion_window'] == 100
  assert {name: x.shape for name, x in stage.statistics_spec()['motion_transformer'].items()} == {
    name: np.shape(x) for name, x in own.items()
  }
  frozen = frozen.replace(statistics=statistics)
  _, _, params, _ = train(stage, frozen, batch, 6)
  assert stage.preview(params, frozen, {}, batch, jax.random.key(0)).ndim == 3


def test_a_run_keeps_its_windows(world):
  stage = make(world[0], num_frames=50)
  stage.check_statistics({'motion_transformer': {'motion_window': np.float32(50)}})
  with pytest.raises(ConfigError, match='num_frames=50, .* sampled in windows of 80 frames: use 80'):
    stage.check_statistics({'motion_transformer': {'motion_window': np.float32(80)}})
  with pytest.raises(
    ConfigError, match='windows of 100 frames'
  ):  # of an earlier version, without the statistic
    stage.check_statistics({'motion_transformer': standard(256)})


@pytest.mark.parametrize('variant', ['tiny', 'demo', 'base', 'large'])
@pytest.mark.parametrize('source', ['frames', 'truth'])
def test_every_variant_trains_on_windows_of_four_seconds_as_its_view_gives_them(variant, source):
  config = config_files.load(ROOT / 'configs/motion.py', variant)
  config.options.motion_source = source
  given = {name: registry.make(name, 'tiny') for name in ('speech_encoder', 'motion_codec')}
  stage = base.build_stage(config, given)
  spec = stage.batch_spec(3)
  assert spec['speech'].shape == (3, 4 * 16_000)
  assert spec['frames' if source == 'frames' else 'motion'].shape[:2] == (3, 100)
  of_view = views.batch_spec(stage.view, 3, **stage.data_options())
  assert spec == {name: of_view[name] for name in spec}
