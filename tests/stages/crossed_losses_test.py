"""Cross-identity pictures: recovered motion, identity of the portrait, the discriminator."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_networks
from stage2_training import batch_of
from tiny_stages import SIZE, config_of

from seetalk_jax.errors import ConfigError
from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks, image_ops
from seetalk_jax.stages import base, crossed_losses, motion_codec


class MeanColor:
  """A face encoder whose embedding is the direction of the mean color."""

  def apply(self, variables, picture):
    mean = jnp.mean(picture, axis=(1, 2))
    return mean / jnp.linalg.norm(mean, axis=-1, keepdims=True)


class Brightness:
  """A discriminator whose logit is the brightness, times a parameter."""

  def apply(self, variables, picture):
    return variables['params']['scale'] * jnp.mean(picture, axis=(1, 2, 3), keepdims=True)


COLORS = np.float32([[1, 0, 0], [0, 1, 0], [0, 0, 1]])


def judged(crossed, step=20, **options):
  stage = motion_codec.MotionCodecStage(networks={}, adversarial_weight=0.5, adversarial_after=10, **options)
  frozen = base.Frozen(params={'face_encoder': {}})
  source = jnp.broadcast_to(COLORS[:, None, None], (3, 4, 4, 3))

  def loss(scale, crossed):
    return crossed_losses.judge_losses(
      stage,
      {'discriminator': Brightness()},
      {'face_encoder': MeanColor()},
      {'discriminator': {'scale': scale}},
      frozen,
      crossed,
      source,
      2.0,
      step,
    )

  return jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(jnp.float32(1.0), crossed)


def pictures(colors):
  return jnp.broadcast_to(jnp.asarray(colors)[:, None, None], (3, 4, 4, 3))


def test_the_face_of_a_crossed_picture_is_that_of_its_portrait():
  # Picture i is made of portrait i - 1.
  (loss, metrics), (_, gradient) = judged(pictures(np.roll(COLORS, 1, axis=0)), cross_identity_weight=0.5)
  assert metrics['crossed_identity'] < 1e-6 and loss < 1e-6
  (loss, metrics), (_, gradient) = judged(pictures(COLORS), cross_identity_weight=0.5)
  np.testing.assert_allclose(metrics['crossed_identity'], 1.0, atol=1e-6)
  np.testing.assert_allclose(loss, 0.5, atol=1e-6)
  assert jnp.abs(gradient).max() > 0  # it teaches what drew the picture


def test_the_discriminator_judges_crossed_pictures_and_learns_that_they_are_made():
  made = pictures(0.3 * np.ones((3, 3), np.float32))
  (loss, metrics), (of_scale, of_picture) = judged(made, cross_adversarial_weight=0.4)
  np.testing.assert_allclose(metrics['crossed_adversarial'], -0.3, atol=1e-6)
  np.testing.assert_allclose(metrics['crossed_discriminator'], 0.5 * 1.3, atol=1e-6)
  np.testing.assert_allclose(loss, -0.4 * 2.0 * 0.3 + 0.65, atol=1e-6)
  np.testing.assert_allclose(of_scale, 0.5 * 0.3, atol=1e-6)  # of its own loss alone
  assert jnp.all(of_picture < 0)  # brighter pictures look more real
  _, (of_scale, of_picture) = judged(made, step=5, cross_adversarial_weight=0.4)
  assert of_scale > 0 and not of_picture.any()  # the generator waits for adversarial_after


def test_networks_of_the_judges():
  config = config_of('motion_codec', ['motion_codec'], cross_identity_weight=0.2)
  assert base.uses(config).frozen == ('face_encoder',)
  config.options.identity_weight = 0.1
  assert base.uses(config).frozen == ('face_encoder',)
  config = config_of('motion_codec', ['motion_codec'], cross_adversarial_weight=0.2)
  with pytest.raises(ConfigError, match='cross_adversarial_weight .* needs a discriminator'):
    base.uses(config)
  config.options.adversarial_weight = 0.1
  assert base.uses(config).trained == ('motion_codec', 'discriminator')


def test_each_portrait_gets_the_motion_of_the_target_behind_it():
  def run(*args, method):
    if method == 'warp':
      appearance, m_source, m_target = args
      return 100 * appearance + 10 * m_source + m_target
    return args[0]

  made = crossed_losses.crossed_picture(run, jnp.arange(3.0), jnp.arange(3.0), jnp.float32([5, 6, 7]))
  np.testing.assert_array_equal(made, [225.0, 6.0, 117.0])


@pytest.mark.slow
@pytest.mark.parametrize('judge', [True, False])
def test_only_judges_reach_the_motion_of_the_target(judge):
  weights = dict(cross_identity_weight=1.0) if judge else dict(cycle_weight=1.0)
  others = ('pixel', 'edge', 'warped', 'copy')
  config = config_of(
    'motion_codec',
    ['motion_codec'],
    image_size=SIZE,
    with_truth=False,
    driver_rate=1.0,
    **weights,
    **{f'{name}_weight': 0.0 for name in others},
  )
  stage = base.build_stage(config, {'face_encoder': registry.make('face_encoder', 'tiny')} if judge else {})
  picture = jnp.zeros((1, SIZE, SIZE, 3))
  encoder = registry.make('face_encoder', 'tiny')
  frozen = base.Frozen(params={'face_encoder': blocks.init_params(encoder, jax.random.key(3), picture)})
  params = jax.jit(lambda rng: nn.unbox(stage.init(rng, frozen)))(jax.random.key(0))[0]
  params = tiny_networks.stirred(params, 0.02)
  batch = batch_of(stage)

  # The driver has an effect through the motion of the target alone.
  def loss(driver):
    changed = {**batch, 'driver': driver}
    return stage.loss(params, frozen, {}, changed, jax.random.key(1), 0)[0]

  gradient = jax.jit(jax.grad(loss))(image_ops.to_float(jnp.asarray(batch['driver'])))
  assert (jnp.abs(gradient).max() > 0) == judge


@pytest.mark.slow
def test_the_stage_meets_both_judges():
  weights = dict(
    cycle_weight=0.2, cross_identity_weight=0.2, cross_adversarial_weight=0.4, adversarial_weight=0.5
  )
  config = config_of('motion_codec', ['motion_codec', 'discriminator'], image_size=SIZE, **weights)
  encoder = registry.make('face_encoder', 'tiny')
  stage = base.build_stage(config, {'face_encoder': encoder})
  picture = jnp.zeros((1, SIZE, SIZE, 3))
  frozen = base.Frozen(params={'face_encoder': blocks.init_params(encoder, jax.random.key(3), picture)})
  params = jax.jit(lambda rng: nn.unbox(stage.init(rng, frozen)))(jax.random.key(0))[0]
  batch = batch_of(stage)
  loss = jax.jit(lambda params: stage.loss(params, frozen, {}, batch, jax.random.key(1), 0)[1][0])
  metrics = loss(params)
  assert {'cycle', 'crossed_identity', 'crossed_adversarial', 'crossed_discriminator'} <= set(metrics)
  assert all(np.isfinite(float(value)) for value in metrics.values())


def test_the_cycle_asks_for_the_motion_without_its_noise(monkeypatch):
  asked = []
  monkeypatch.setattr(crossed_losses, 'cycle_loss', lambda run, crossed, wanted: asked.append(wanted) or 0.0)
  config = config_of('motion_codec', ['motion_codec'], image_size=SIZE, with_truth=False, cycle_weight=1.0)
  config.options.update(driver_rate=0.0, motion_noise=0.5)
  stage = base.build_stage(config, {})
  params = jax.jit(lambda rng: nn.unbox(stage.init(rng, base.Frozen())))(jax.random.key(0))[0]
  batch = batch_of(stage)

  @jax.jit
  def targets(rng):
    stage.loss(params, base.Frozen(), {}, batch, rng, 0)
    return asked.pop()

  np.testing.assert_allclose(targets(jax.random.key(1)), targets(jax.random.key(2)), atol=1e-5)
