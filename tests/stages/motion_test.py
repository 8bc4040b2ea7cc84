"""Motion stage: statistics of the latents, a learned batch."""

import jax
import numpy as np
from stage2_training import batch_of, train
from tiny_stages import config_of

from seetalk_jax.models import registry
from seetalk_jax.stages import base


def test_motion_learns_and_standardises(world):
  modules, frozen = world
  stage = base.build_stage(
    config_of('motion', ['motion_transformer']), {k: modules[k] for k in ('speech_encoder', 'motion_codec')}
  )
  batch = batch_of(stage)
  statistics = stage.prepare(frozen, iter([batch]))
  own = statistics['motion_transformer']
  m = registry.make('motion_codec', 'tiny').apply(
    frozen.variables('motion_codec'), batch['motion'], method='encode_truth'
  )
  np.testing.assert_allclose(own['motion_mean'], m.mean((0, 1)), atol=1e-4)
  assert (own['motion_std'] > 0).all()
  frozen = frozen.replace(statistics=statistics)
  _, _, params, _ = train(stage, frozen, batch, 6)
  assert stage.preview(params, frozen, {}, batch, jax.random.key(0)).ndim == 3
