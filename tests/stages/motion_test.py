"""Motion stage: statistics of the latents, a learned batch."""

import flax.linen as nn
import jax
import numpy as np
from stage2_training import batch_of, standard, train
from tiny_stages import config_of

from seetalk_jax.constants import BLINK, LIPS, MOTION_DIM
from seetalk_jax.models import registry
from seetalk_jax.stages import base, motion


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


def test_tracks_of_motion_vectors_count_by_their_status(world):
  modules, frozen = world
  stage = base.build_stage(
    config_of('motion', ['motion_transformer'], drop_rate=0.0),
    {k: modules[k] for k in ('speech_encoder', 'motion_codec')},
  )
  frozen = frozen.replace(statistics={'motion_transformer': standard(256)})
  batch = batch_of(stage)
  params = jax.jit(lambda rng: nn.unbox(stage.init(rng, frozen)))(jax.random.key(0))[0]
  loss = jax.jit(lambda batch: stage.loss(params, frozen, {}, batch, jax.random.key(1), 0))
  other = {**batch, 'motion': batch['motion'].copy()}
  other['motion'][1] += 1.0

  def losses_of(weights):
    weighed = {'motion_weight': np.float32(weights)[:, None] * np.ones((2, MOTION_DIM), np.float32)}
    return float(loss({**batch, **weighed})[0]), float(loss({**other, **weighed})[0])

  exact, changed = losses_of([1, 1])
  np.testing.assert_allclose(losses_of([0.3, 0.3]), [exact, changed], rtol=1e-4)
  alone, unaffected = losses_of([1, 0])
  np.testing.assert_allclose(alone, unaffected, rtol=1e-6)
  estimated, moved = losses_of([1, 0.3])
  assert abs(moved - estimated) < abs(changed - exact)
  np.testing.assert_allclose(estimated, (2 * exact - alone) * 0.3 / 1.3 + alone / 1.3, rtol=1e-3)


def test_lips_and_blinks_count_by_their_fields():
  wrong = np.zeros((2, 4, MOTION_DIM), np.float32)
  wrong[:, :, LIPS[0]], wrong[:, :, BLINK] = 2.0, 1.0
  t, drop, weight = np.int32([10, 10]), np.zeros(2, bool), np.ones((2, MOTION_DIM), np.float32)
  plain, blinks = motion._lips_and_blinks(wrong, t, drop)
  np.testing.assert_allclose(plain, 4.0 / len(LIPS), rtol=1e-5)
  for found in (
    motion._lips_and_blinks(wrong, t, drop, weight),
    motion._lips_and_blinks(wrong, t, drop, 0.3 * weight),
  ):
    np.testing.assert_allclose(found, (plain, blinks), rtol=1e-4)
  weight[:, LIPS[0]] = 0.0
  weight[:, BLINK] = 0.0
  np.testing.assert_allclose(motion._lips_and_blinks(wrong, t, drop, weight), (0.0, 0.0), atol=1e-6)
