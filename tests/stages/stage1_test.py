"""Stage 1 training stages on tiny networks: decreasing losses, statistics, shapes of previews and samples."""

import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
import programs
import pytest

from seetalk_jax.errors import ConfigError
from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks
from seetalk_jax.models.portrait.face_prior import FacePrior
from seetalk_jax.sampling.portrait import predict, prior_of, sample_portraits
from seetalk_jax.stages import base
from seetalk_jax.stages.conre import info_nce
from seetalk_jax.stages.face_prior import voice_regression

SIZE = 64
# The stages do not depend on the number of levels, and half of them compile in half of the time.
SMALL_UNET = dict(channels=(16,), attention_levels=(True,))


def config_of(stage, networks, **options):
  return ml_collections.ConfigDict(
    {
      'stage': stage,
      'model': {name: registry.fields_for(name, 'tiny') for name in networks},
      'options': options,
      'init': {},
      'dtype': 'float32',
    }
  )


def batch_of(stage, size=4, seed=0):
  batch = base.fake_batch(stage.batch_spec(size), seed)
  if 'num_samples' in batch:
    batch['num_samples'] = np.full(size, 48_000, np.int32)
  return batch


def unboxed(stage, frozen):
  return jax.jit(lambda rng: nn.unbox(stage.init(rng, frozen)))(jax.random.key(0))


def losses(stage, frozen, batch, steps, rate=3e-3):
  params, collections = unboxed(stage, frozen)
  optimizer = optax.adam(rate)
  state = jax.jit(optimizer.init)(params)

  @jax.jit
  def step(params, state, rng):
    grad = jax.value_and_grad(stage.loss, has_aux=True)
    (loss, (metrics, _)), gradient = grad(params, frozen, collections, batch, rng, 0)
    updates, state = optimizer.update(gradient, state)
    return optax.apply_updates(params, updates), state, {**metrics, 'loss': loss}

  history = []
  for i in range(steps):
    params, state, metrics = step(params, state, jax.random.key(i))
    history.append({name: float(value) for name, value in metrics.items()})
  assert all(np.isfinite(value) for row in history for value in row.values())
  return history, params


def numpy_info_nce(speech, face, temperature, speaker):
  total = 0.0
  for a, b in ((speech, face), (face, speech)):
    for i in range(len(a)):
      rows = [j for j in range(len(b)) if j == i or speaker[j] != speaker[i]]
      logits = np.array([a[i] @ b[j] / temperature for j in rows])
      total += np.log(np.exp(logits).sum()) - logits[rows.index(i)]
  return total / (2 * len(speech))


@pytest.mark.parametrize('speaker', [[0, 1, 2, 3, 4, 5], [0, 0, 1, 2, 2, 2]])
def test_info_nce_matches_numpy(speaker):
  pair = np.random.default_rng(0).standard_normal((2, 6, 16)).astype(np.float32)
  speech, face = pair / np.linalg.norm(pair, axis=-1, keepdims=True)
  loss, found = jax.jit(info_nce)(speech, face, 0.1, np.array(speaker))
  np.testing.assert_allclose(loss, numpy_info_nce(speech, face, 0.1, speaker), rtol=1e-5)
  assert all(0 <= recall <= 1 for recall in found.values())
  assert jax.jit(info_nce)(speech, speech, 0.1, np.arange(6))[1] == {'recall_at_1': 1, 'recall_at_5': 1}


def test_same_speaker_is_no_negative():
  # Two looks of one speaker are no negatives of each other, so nothing remains to separate.
  x = np.array([[1.0, 0.0], [1.0, 0.01]], np.float32) / np.array([[1.0], [np.hypot(1.0, 0.01)]], np.float32)
  loss = jax.jit(lambda speaker: info_nce(x, x, 0.05, speaker)[0])
  assert loss(np.array([7, 7])) < 1e-6
  assert loss(np.array([7, 8])) > 0.5


@pytest.fixture(scope='module')
def conre():
  networks = ['speech_encoder', 'face_encoder', 'conre']
  stage = base.build_stage(config_of('conre', networks, image_size=SIZE), {})
  batch = batch_of(stage)
  statistics = stage.prepare(base.Frozen(), iter([batch, batch]))
  return stage, batch, base.Frozen(statistics=statistics)


def test_conre_learns_a_batch(conre):
  stage, batch, frozen = conre
  history, params = losses(stage, frozen, batch, 12)
  assert history[-1]['loss'] < 0.9 * history[0]['loss']
  picture = stage.preview(params, frozen, {}, batch, jax.random.key(0))
  assert picture.shape == (3 * 64, 4 * 64, 3) and picture.dtype == np.uint8


def test_conre_without_truth_needs_none(conre):
  stage = conre[0]
  plain = type(stage)(networks=stage.networks, image_size=SIZE, attributes_weight=0, articulation_weight=0)
  assert set(plain.batch_spec(2)) == {'portrait', 'speech', 'num_samples', 'speaker'}
  assert plain.prepare(base.Frozen(), iter([])) == {}
  history, _ = losses(plain, base.Frozen(), batch_of(plain, 2), 1)
  assert 'articulation' not in history[0]


def test_conre_statistics(conre):
  _, batch, frozen = conre
  statistics = frozen.statistics['conre']
  np.testing.assert_allclose(statistics['age_mean'], batch['attributes'][:, 1].mean(), rtol=1e-4)
  assert statistics['articulation_std'].shape == (8,)


@pytest.mark.parametrize('options', [{}, {'crop_size': 32, 'head_weight': 1.0}])
def test_autoencoder_learns_a_batch(options):
  stage = base.build_stage(config_of('autoencoder', ['autoencoder'], image_size=SIZE, **options), {})
  assert ('parts' in stage.batch_spec(1)) == (not options)
  batch = batch_of(stage, 2)
  batch['image'] = np.repeat(np.repeat(batch['image'][:, ::16, ::16], 16, 1), 16, 2)  # learnable content
  history, params = losses(stage, base.Frozen(), batch, 15)
  assert history[-1]['l1'] < 0.9 * history[0]['l1']
  assert stage.preview(params, base.Frozen(), {}, batch, None).shape == (2 * SIZE, 2 * SIZE, 3)


@functools.cache
def portrait_params():
  """Parameters of the frozen networks of the portrait stage."""
  stage, _ = make_portrait_stage(params={})
  given = stage.frozen
  return {
    'speech_encoder': blocks.init_params(given['speech_encoder'], jax.random.key(0), jnp.zeros((1, 6400))),
    'autoencoder': blocks.init_params(given['autoencoder'], jax.random.key(1), jnp.zeros((1, 32, 32, 3))),
  }


def make_portrait_stage(params=None, **options):
  names = ['portrait_unet', 'sample_adaptive_weighting']
  given = {name: registry.make(name, 'tiny') for name in ('speech_encoder', 'autoencoder')}
  config = config_of('portrait', names, image_size=SIZE, preview_steps=2, **options)
  config.model.portrait_unet.update(SMALL_UNET)
  stage = base.build_stage(config, given)
  return stage, base.Frozen(params=portrait_params() if params is None else params)


def test_prior_pass_equals_direct_statistics_and_portrait_fallback():
  portrait, frozen = make_portrait_stage()
  given = {'autoencoder': portrait.frozen['autoencoder']}
  stage = base.build_stage(config_of('face_prior', [], image_size=SIZE), given)
  assert stage.kind == 'pass' and stage.data_options() == {'image_size': SIZE, 'portraits_only': True}
  images = [batch_of(stage, 3, seed) for seed in range(2)]
  sums = stage.start(frozen)
  update = jax.jit(stage.update)
  for batch in images:
    sums = update(sums, frozen, batch)
  statistics = stage.finalize(sums)['face_prior']
  pictures = np.concatenate([b['image'] for b in images]).astype(np.float32) / 127.5 - 1
  autoencoder = stage.frozen['autoencoder']
  raw, _ = programs.apply(autoencoder, frozen.variables('autoencoder'), pictures, method='encode')
  np.testing.assert_allclose(statistics['latent_scale'], 1 / np.std(raw), rtol=1e-4)
  scaled = np.asarray(raw) * statistics['latent_scale']
  np.testing.assert_allclose(statistics['face_prior_mean'], scaled.mean(0), atol=1e-4)
  np.testing.assert_allclose(statistics['face_prior_std'], scaled.std(0), atol=1e-4)
  # Without a face_prior run, the portrait stage computes the same statistics itself.
  own = portrait.prepare(frozen, iter([{'portrait': b['image']} for b in images]))
  assert own['face_prior'].keys() == statistics.keys()
  np.testing.assert_allclose(own['face_prior']['face_prior_mean'], statistics['face_prior_mean'], atol=1e-4)
  assert own['portrait_unet'] == {'beta0': 1}
  with_prior = frozen.replace(statistics={'face_prior': statistics})
  assert portrait.prepare(with_prior, iter([])) == {'portrait_unet': {'beta0': 1}}
  picture = stage.preview({}, with_prior, {}, images[0], None)
  assert picture.shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize('mode', ['scfp', 'ldm'])
def test_portrait_learns_and_samples(mode):
  stage, frozen = make_portrait_stage(prior_mode=mode)
  assert ('sample_adaptive_weighting' in stage.networks) == (mode == 'scfp')
  batch = batch_of(stage)
  statistics = stage.prepare(frozen, iter([batch] * 2))
  assert statistics['portrait_unet'] == {'beta0': 0 if mode == 'ldm' else 1}
  frozen = frozen.replace(statistics=statistics)
  flat = frozen.statistics_of('face_prior', 'portrait_unet')
  features = jax.device_get(jax.jit(stage.features)(frozen, batch))
  history, params = losses(stage, frozen, features, 80)
  assert np.mean([h['error'] for h in history[-8:]]) < 0.9 * np.mean([h['error'] for h in history[:8]])
  if mode == 'ldm':
    assert history[-1]['beta_mean'] == 0
    return
  assert abs(history[-1]['beta_mean'] - 1) > 0 or history[-1]['beta_error'] < 1e-3  # SAW is trained
  picture = stage.preview(params, frozen, {}, batch, jax.random.key(0))
  assert picture.shape == (4 * SIZE, 4 * SIZE, 3)

  modules = {**stage.networks, **stage.frozen}

  @functools.partial(jax.jit, static_argnames=('temperature', 'guidance_scale'))
  def drawn(params, statistics, voice, rng, **options):
    return sample_portraits(
      modules, params, statistics, *voice, rng, num_steps=2, **{'guidance_scale': 2.0, **options}
    )

  def draw(seed, **options):
    voice = [features[name] for name in ('embedding', 'tokens', 'valid')]
    found = drawn({**frozen.params, **params}, flat, voice, jax.random.key(seed), **options)
    return jax.device_get(found)

  first, again, other = draw(0), draw(0), draw(1)
  assert first.image.shape == (4, SIZE, SIZE, 3) and np.abs(first.image).max() <= 1
  np.testing.assert_array_equal(first.image, again.image)
  assert np.abs(first.latent - other.latent).max() > 1e-2
  # At temperature 0 sampling starts from the mean, so every seed gives the same result.
  middle, same = (draw(seed, temperature=0.0, guidance_scale=4.0) for seed in (0, 1))
  np.testing.assert_array_equal(middle.latent, same.latent)
  # beta depends on the undropped speech, for any guidance.
  np.testing.assert_array_equal(first.beta, middle.beta)
  reach = 5 * flat['face_prior_std'] + 2e-3
  assert np.all(np.abs(first.latent - flat['face_prior_mean']) <= reach)


def test_prior_keeps_the_covariance_and_the_denoiser_starts_from_it():
  portrait, frozen = make_portrait_stage()
  given = {'autoencoder': portrait.frozen['autoencoder']}
  stage = base.build_stage(
    config_of('face_prior', [], image_size=SIZE, components=3, component_portraits=5), given
  )
  seen = stage.start(frozen)
  images = [batch_of(stage, 4, seed) for seed in range(2)]
  update = jax.jit(stage.update)
  for batch in images:
    seen = update(seen, frozen, batch)
  statistics = stage.finalize(seen)['face_prior']
  directions = statistics['face_prior_directions']
  assert directions.shape == (3, *portrait.latent_shape)
  flat = directions.reshape(3, -1)
  np.testing.assert_allclose(flat @ flat.T, np.eye(3), atol=2e-3)
  pictures = np.concatenate([b['image'] for b in images])[:5] / np.float32(127.5) - 1  # the first five only
  raw, _ = programs.apply(given['autoencoder'], frozen.variables('autoencoder'), pictures, method='encode')
  scaled = np.asarray(raw).reshape(5, -1) * statistics['latent_scale']
  wanted = np.linalg.eigvalsh(np.cov(scaled.T, bias=True))[::-1]
  np.testing.assert_allclose(statistics['face_prior_variances'], wanted[:3], rtol=1e-3)

  # An untrained UNet outputs zero, so the initial loss is that of the optimal linear denoiser.
  batch = batch_of(portrait)
  undirected = {k: v for k, v in statistics.items() if not k.endswith(('ons', 'rest', 'ces'))}
  with_directions, without = (frozen.replace(statistics={'face_prior': s}) for s in (statistics, undirected))
  params, _ = unboxed(portrait, frozen)
  loss = jax.jit(portrait.loss)
  starts = [loss(params, f, {}, batch, jax.random.key(0), 0) for f in (with_directions, without)]
  errors = [metrics['error'] for _, (metrics, _) in starts]
  assert errors[0] < errors[1]
  # Autoguidance extrapolates from the linear prediction to the network's, so it needs the directions.
  added = jax.tree.map(lambda p: p + np.float32(0.1), jax.device_get(params['portrait_unet']))
  latent = jnp.ones((2, *portrait.latent_shape))
  encoder = portrait.frozen['speech_encoder']
  condition = (
    jnp.zeros((2, 25, encoder.token_dim)),
    jnp.ones((2, 25), bool),
    jnp.ones((2, encoder.embedding_dim)) / encoder.embedding_dim**0.5,
  )

  @jax.jit
  def answers(statistics):
    unet, prior = portrait.networks['portrait_unet'], prior_of(statistics)
    given = (unet, added, prior, latent, jnp.array([500, 900]), condition)
    return [predict(*given, autoguidance_scale=scale) for scale in (0.0, 1.0, 2.0)]

  linear, once, twice = answers(statistics)
  assert jnp.abs(once - linear).max() > 1e-3
  np.testing.assert_allclose(twice - once, once - linear, rtol=1e-3, atol=1e-4)
  with pytest.raises(ValueError, match='directions'):
    answers(undirected)
  # A UNet with the linear prediction as input has the same initial loss, and learns.
  guessing = dataclasses.replace(
    portrait,
    networks={
      **portrait.networks,
      'portrait_unet': registry.make('portrait_unet', 'tiny', **SMALL_UNET, num_directions=3, guess_width=16),
    },
  )
  history, _ = losses(guessing, with_directions, batch, 12, rate=1e-2)
  np.testing.assert_allclose(
    jax.jit(guessing.loss)(
      unboxed(guessing, with_directions)[0], with_directions, {}, batch, jax.random.key(0), 0
    )[0],
    starts[0][0],
    rtol=1e-4,
  )
  assert np.mean([row['error'] for row in history[-3:]]) < np.mean([row['error'] for row in history[:3]])
  with pytest.raises(ConfigError, match='directions'):
    stage.finalize(update(stage.start(frozen), frozen, batch_of(stage, 2)))


def test_voice_regression_finds_what_a_voice_tells():
  rng = np.random.default_rng(0)
  n, k, d = 400, 4, 16
  directions = np.linalg.qr(rng.standard_normal((48, k)))[0].T.reshape(k, 4, 4, 3)
  voices = rng.standard_normal((n, d)) + 1.0
  along = rng.standard_normal((n, k)) * np.sqrt([4.0, 3.0, 2.0, 1.0])
  along[:, 1] = voices[:, 2] + 0.5 * rng.standard_normal(n)  # the second coordinate follows the voice
  latents = np.einsum('nk,khwc->nhwc', along, directions) + 3.0
  variances = along.var(0)
  found = voice_regression(latents, voices, directions, variances)
  np.testing.assert_allclose(found['face_prior_voice_mean'], voices.mean(0), atol=1e-5)
  np.testing.assert_allclose(found['face_prior_voice'][1, 2], 1.0, atol=0.15)
  left = found['face_prior_voice_variances'] / variances
  assert left[1] < 0.4 and np.all(left[[0, 2, 3]] > 0.9) and np.all(left <= 1.0)
  # The regression on an uninformative voice shrinks to zero.
  deaf = voice_regression(latents, rng.standard_normal((n, d)), directions, variances)
  assert np.abs(deaf['face_prior_voice']).max() < 0.2
  # The voice predicts one direction: the second coordinate.
  told = found['face_prior_told']
  np.testing.assert_allclose(np.abs(told), [[0, 1, 0, 0]], atol=0.15)
  prior = FacePrior(
    jnp.zeros((4, 4, 3)), jnp.ones((4, 4, 3)), jnp.asarray(directions), told=jnp.asarray(told)
  )
  noise = jax.random.normal(jax.random.key(0), (2, 4, 4, 3))
  voiced, rest = prior.split_noise(noise)
  np.testing.assert_allclose(voiced + rest, noise, atol=1e-5)
  np.testing.assert_allclose(prior.split_noise(rest)[0], 0, atol=1e-5)
  np.testing.assert_allclose(prior.split_noise(voiced)[0], voiced, atol=1e-5)
  assert np.abs(voiced).max() > 0.05
  voiced, rest = prior.replace(told=None).split_noise(noise)
  assert not voiced.any() and (rest == noise).all()


def test_prior_listens_to_the_voice_and_only_where_there_is_one():
  portrait, frozen = make_portrait_stage()
  stage = base.build_stage(
    config_of('face_prior', [], image_size=SIZE, components=3, component_portraits=8, with_voice=True),
    portrait.frozen,
  )
  seen, update = stage.start(frozen), jax.jit(stage.update)
  for seed in range(2):
    seen = update(seen, frozen, batch_of(stage, 4, seed))
  statistics = stage.finalize(seen)['face_prior']
  width = portrait.frozen['speech_encoder'].embedding_dim
  assert statistics['face_prior_voice'].shape == (3, width)
  prior = prior_of(statistics).replace(voice=jax.random.normal(jax.random.key(0), (3, width)))
  embedding = jax.random.normal(jax.random.key(1), (2, width))
  mean, variances = prior.expected(embedding, jnp.array([True, False]))
  assert jnp.abs(mean[0]).max() > 0.1
  np.testing.assert_array_equal(mean[1], 0)
  np.testing.assert_allclose(variances[1], statistics['face_prior_variances'])
  np.testing.assert_allclose(
    jnp.einsum('khwc,hwc->k', prior.directions, mean[0]),
    prior.voice @ (embedding[0] - prior.voice_mean),
    rtol=2e-2,  # the directions have float16 precision
    atol=2e-2,
  )
  # The portrait stage trains with this prior.
  frozen = frozen.replace(statistics={'face_prior': statistics, 'portrait_unet': {'beta0': np.float32(1)}})
  losses(portrait, frozen, batch_of(portrait), 1)
  with pytest.raises(ConfigError, match='components'):
    base.build_stage(config_of('face_prior', [], with_voice=True), portrait.frozen)


def test_features_stand_in_for_what_they_are_made_of():
  stage, frozen = make_portrait_stage()
  batch = batch_of(stage, 2)
  frozen = frozen.replace(statistics=stage.prepare(frozen, iter([batch])))
  features = jax.jit(stage.features)(frozen, batch)
  assert 'portrait' not in features and features['latent'].shape == (2, 8, 8, 4)
  params, _ = unboxed(stage, frozen)
  with_dropped = dataclasses.replace(stage, drop_rate=1.0)  # the loss is finite with every condition dropped
  for each in (stage, with_dropped):
    loss = jax.jit(each.loss)
    both = [loss(params, frozen, {}, b, jax.random.key(0), 0)[0] for b in (batch, features)]
    np.testing.assert_allclose(*both, rtol=1e-5)


def test_options_are_checked():
  with pytest.raises(ConfigError, match='prior_mode'):
    make_portrait_stage(prior_mode='vae')
