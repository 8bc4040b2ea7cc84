"""Critics of rendered pictures: gradient routing, penalties with a closed form, stages that use critics."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
import pytest

from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks
from seetalk_jax.stages import base, critics

SIZE = 32


def pictures(seed, count=2):
  return np.random.default_rng(seed).uniform(-1, 1, (count, SIZE, SIZE, 3)).astype(np.float32)


@pytest.fixture(scope='module')
def discriminator():
  module = registry.make('discriminator', 'tiny')
  return module, blocks.init_params(module, jax.random.key(0), pictures(0))


def judged(discriminator, image, own, step=10, pixel_weight=1.0, **options):
  module, _ = discriminator
  options = critics.CriticOptions(adversarial_weight=0.5, **options)
  truth = pictures(1)

  def pixel_loss(x):
    return pixel_weight * jnp.mean(jnp.square(x - truth))

  networks, params = {'discriminator': module}, {'discriminator': own}
  return critics.critic_losses(
    options, networks, {}, params, base.Frozen(), image, truth, pixel_loss, jnp.int32(step)
  )


@pytest.mark.slow
def test_each_side_gets_its_own_gradient(discriminator):
  module, own = discriminator
  image, truth = pictures(2), pictures(1)
  of_image, of_critic = jax.jit(jax.grad(lambda i, o: judged(discriminator, i, o)[0], (0, 1)))(image, own)

  def run(weights, picture):
    return module.apply({'params': weights}, picture)

  generator = jax.grad(lambda i: -jnp.mean(run(own, i)))(image)
  pixels = jax.grad(lambda i: jnp.mean(jnp.square(i - truth)))(image)
  weight = jnp.linalg.norm(pixels) / (jnp.linalg.norm(generator) + 1e-4)
  np.testing.assert_allclose(of_image, 0.5 * weight * generator, atol=1e-7)

  def discriminator_loss(weights):
    hinge = critics.hinge_discriminator(run(weights, truth), run(weights, image))
    return hinge + 0.5 * critics.r1_penalty(lambda picture: run(weights, picture), truth)

  wanted = jax.grad(discriminator_loss)(own)
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6, rtol=1e-4), of_critic, wanted)


def test_the_adversarial_gradient_is_as_long_as_that_of_the_pixels(discriminator):
  _, own = discriminator
  found = jax.jit(jax.grad(lambda i, w: judged(discriminator, i, own, pixel_weight=w)[0]))
  for pixel_weight in (1.0, 100.0):
    gradient = found(pictures(2), pixel_weight)
    pixels = pixel_weight * 2 * (pictures(2) - pictures(1)) / pictures(1).size
    ratio = np.linalg.norm(gradient) / np.linalg.norm(pixels)
    assert 0.45 < ratio <= 0.5 + 1e-5  # the weight, apart from the epsilon of the ratio


def test_the_discriminator_learns_before_it_counts(discriminator):
  _, own = discriminator

  @jax.jit
  def gradients(own, step):
    run = jax.grad(
      lambda i, o: judged(discriminator, i, o, step=step, adversarial_after=5)[0], argnums=(0, 1)
    )
    return run(pictures(2), own)

  of_picture, of_critic = jax.device_get(gradients(own, 4))
  assert not np.any(of_picture)
  assert all(np.any(leaf) for leaf in jax.tree.leaves(of_critic))
  assert np.any(gradients(own, 5)[0])


def test_penalties_in_closed_form():
  slope = pictures(3, 1)[0]
  penalty = jax.jit(lambda x: critics.r1_penalty(lambda image: jnp.sum(slope * image, axis=(1, 2, 3)), x))
  np.testing.assert_allclose(penalty(pictures(4, 3)), np.sum(np.square(slope)), rtol=1e-5)
  assert critics.hinge_discriminator(jnp.array([1.0, 3.0]), jnp.array([-1.0, -2.0])) == 0
  np.testing.assert_allclose(critics.hinge_discriminator(jnp.array([0.0]), jnp.array([0.5])), 1.25)
  np.testing.assert_allclose(critics.hinge_fake(jnp.array([0.5, -2.0])), 0.375)
  assert critics.hinge_generator(jnp.array([2.0, 4.0])) == -3
  assert critics.adaptive_weight(jnp.ones(4), jnp.zeros(4)) == 1e4


@pytest.mark.slow
def test_a_discriminator_learns_to_tell_pictures_apart(discriminator):
  module, own = discriminator
  real = jnp.broadcast_to(jnp.linspace(-1, 1, SIZE)[:, None, None], (4, SIZE, SIZE, 3))
  optimizer = optax.adam(2e-3)
  state = optimizer.init(own)

  @jax.jit
  def step(own, state, rng):
    fake = jnp.clip(real + 0.3 * jax.random.normal(rng, real.shape), -1, 1)

    def loss(own):
      return critics.hinge_discriminator(*(module.apply({'params': own}, x) for x in (real, fake)))

    value, gradient = jax.value_and_grad(loss)(own)
    updates, state = optimizer.update(gradient, state)
    return optax.apply_updates(own, updates), state, value

  first = None
  for i in range(30):
    own, state, value = step(own, state, jax.random.key(i))
    first = value if first is None else first
  assert value < 0.5 * first


@pytest.mark.slow
def test_faces_and_features_have_distances(discriminator):
  encoder = registry.make('face_encoder', 'tiny')
  tower = registry.make('perceptual', 'tiny')
  frozen = base.Frozen(
    params={
      'face_encoder': blocks.init_params(encoder, jax.random.key(1), pictures(0)),
      'perceptual': blocks.init_params(tower, jax.random.key(2), *2 * (jnp.zeros((1, 64, 64, 3)),)),
    }
  )
  options = critics.CriticOptions(perceptual_weight=1.0, face_feature_weight=1.0, identity_weight=1.0)
  assert options.critic_networks() == ((), ('perceptual', 'face_encoder'))
  given = {'face_encoder': encoder, 'perceptual': tower}

  def run(image, truth):
    return critics.critic_losses(options, {}, given, {}, frozen, image, truth, jnp.sum, jnp.int32(0))

  one, other = (jnp.repeat(jnp.repeat(pictures(seed), 2, 1), 2, 2) for seed in (5, 6))
  same, found = jax.jit(run)(one, one)
  np.testing.assert_allclose(same, 0, atol=1e-6)
  assert set(found) == {'lpips', 'face_features', 'identity'}
  apart, found = jax.jit(run)(one, other)
  assert all(value > 1e-4 for value in found.values())
  np.testing.assert_allclose(apart, sum(found.values()), rtol=1e-6)
  gradient = jax.jit(jax.grad(lambda i: run(i, other)[0]))(one)
  assert jnp.isfinite(gradient).all() and jnp.any(gradient)


def tiny_vit():
  return registry.make(
    'face_encoder',
    'vit',
    image_size=16,
    patch_size=8,
    width=8,
    num_layers=2,
    num_heads=2,
    feed_forward_width=16,
    embedding_dim=8,
  )


@pytest.mark.parametrize(
  'options',
  [
    dict(identity_weight=1.0),
    dict(face_feature_weight=1.0),
    dict(face_feature_weight=1.0, identity_weight=1.0),
  ],
)
def test_a_vision_transformer_is_a_critic(options):
  encoder = tiny_vit()
  params = blocks.init_params(encoder, jax.random.key(1), pictures(0))
  frozen = base.Frozen(params={'face_encoder': params})
  options = critics.CriticOptions(**options)

  def run(image, truth):
    given = {'face_encoder': encoder}
    return critics.critic_losses(options, {}, given, {}, frozen, image, truth, jnp.sum, jnp.int32(0))

  same, metrics = jax.jit(run)(pictures(5), pictures(5))
  weights = {'face_features': options.face_feature_weight, 'identity': options.identity_weight}
  assert metrics.keys() == {name for name, weight in weights.items() if weight}  # only what is asked for
  np.testing.assert_allclose(same, 0, atol=1e-6)
  apart, metrics = jax.jit(run)(pictures(5), pictures(6))
  assert apart > 1e-4
  np.testing.assert_allclose(apart, sum(metrics.values()), rtol=1e-6)


def test_features_of_a_vision_transformer_are_those_of_its_blocks():
  encoder = tiny_vit()
  frozen = base.Frozen(params={'face_encoder': blocks.init_params(encoder, jax.random.key(1), pictures(0))})
  maps, embedding = critics.face_features(encoder, frozen, pictures(2))
  assert [x.shape for x in maps] == [(2, 5, 8)] * 2  # two layers; a class token and four patches
  np.testing.assert_allclose([float(jnp.std(x)) for x in maps], 1.0, rtol=1e-3)
  none, alone = critics.face_features(encoder, frozen, pictures(2), with_maps=False)
  assert none == []
  np.testing.assert_allclose(alone, embedding, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize('network', ['autoencoder', 'codebook'])
def test_a_stage_trains_its_discriminator_along(network):
  config = ml_collections.ConfigDict(
    {
      'stage': network,
      'model': {name: registry.fields_for(name, 'tiny') for name in (network, 'discriminator')},
      'options': {'image_size': 64, 'adversarial_weight': 0.5, 'adversarial_after': 1, 'head_weight': 1.0},
      'init': {},
      'dtype': 'float32',
    }
  )
  stage = base.build_stage(config, {})
  assert set(stage.networks) == {network, 'discriminator'}
  params, collections = jax.jit(lambda rng: nn.unbox(stage.init(rng, base.Frozen())))(jax.random.key(0))
  assert set(params) == {network, 'discriminator'}
  batch = base.fake_batch(stage.batch_spec(2))
  run = jax.jit(jax.value_and_grad(stage.loss, has_aux=True))
  (loss, (metrics, _)), gradient = run(params, base.Frozen(), collections, batch, jax.random.key(1), 3)
  assert jnp.isfinite(loss) and {'adversarial', 'discriminator', 'r1', 'adaptive_weight'} <= set(metrics)
  assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
  assert jnp.any(gradient['discriminator']['conv_0']['kernel'])
  without = base.build_stage(
    ml_collections.ConfigDict({**config, 'options': {'image_size': 64, 'head_weight': 1.0}}), {}
  )
  assert set(without.networks) == {network}
