"""Face prior stage: statistics of latents and voices, exact for any order of batches and on any mesh."""

import dataclasses
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import prior_batches
import programs
import pytest
from stage1_training import SMALL_UNET, batch_of, losses, make_portrait_stage, unboxed
from tiny_stages import SIZE, config_of

from seetalk_jax.errors import ConfigError
from seetalk_jax.models import registry
from seetalk_jax.models.nn import image_ops
from seetalk_jax.models.portrait.face_prior import FacePrior, PriorSums, finalize_prior, update_prior
from seetalk_jax.releases import storage
from seetalk_jax.sampling.portrait import predict, prior_of
from seetalk_jax.stages import base, face_prior
from seetalk_jax.stages.face_prior import folds_by_speaker, principal_directions, voice_regression
from seetalk_jax.testing import tiny_release

HELPERS = pathlib.Path(__file__).resolve().parents[1] / 'helpers'
NAMES = ('speech_encoder', 'autoencoder', 'motion_codec')


@pytest.fixture(scope='module')
def release(tmp_path_factory):
  return tiny_release.make(tmp_path_factory.mktemp('release') / 'tiny', NAMES)


def expected_batches(release):
  """Latents `[n, h, w, c]` and voice vectors `[n, d]` of every batch, computed on one device."""
  networks = storage.load_networks(release)
  autoencoder, encoder = (networks.modules[name] for name in ('autoencoder', 'speech_encoder'))

  @jax.jit
  def both(variables, batch):
    latent, _ = autoencoder.apply(variables[0], image_ops.to_float(batch['portrait']), method='encode')
    return latent, encoder.apply(variables[1], batch['speech'], batch['num_samples']).embedding

  variables = [networks.variables(name) for name in ('autoencoder', 'speech_encoder')]
  batches = [both(variables, prior_batches.one(i)) for i in range(prior_batches.NUM_BATCHES)]
  return [np.stack(arrays) for arrays in zip(*batches, strict=True)]


@pytest.fixture(scope='module')
def on_eight_devices(release, tmp_path_factory):
  folder = tmp_path_factory.mktemp('eight')
  program = HELPERS / 'prior_devices.py'
  command = [sys.executable, program, release, folder / 'runs', folder / 'r.npz']
  out = subprocess.run(command, capture_output=True, text=True, timeout=900)
  assert out.returncode == 0, out.stderr[-3000:]
  with np.load(folder / 'r.npz') as results:
    return dict(results)


def close(found, wanted, tolerance):
  """Asserts equality relative to the largest value: rounding errors do not shrink with small values."""
  np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * np.abs(wanted).max())


def test_directions_that_few_people_do_not_span_keep_a_variance():
  rng = np.random.default_rng(0)
  people = rng.normal(size=(12, 4, 4, 2)).astype(np.float32)
  speakers = rng.integers(0, 12, size=200)
  latents, voices = people[speakers], rng.normal(size=(12, 6))[speakers]
  prior = principal_directions(latents, 20)
  directions, variances = (prior[f'face_prior_{name}'] for name in ('directions', 'variances'))
  np.testing.assert_allclose(
    variances[:11],
    np.square(np.linalg.svd((latents - latents.mean(0)).reshape(200, -1), compute_uv=False))[:11] / 200,
    rtol=1e-4,
  )
  np.testing.assert_allclose(variances[11:], variances[10], rtol=1e-6)  # 12 people span 11 directions
  left = voice_regression(latents, voices, directions, variances, speakers=speakers)[
    'face_prior_voice_variances'
  ]
  np.testing.assert_allclose(left[11:], variances[10], rtol=1e-6)
  assert np.all(left > 0) and np.all(left <= variances)


@pytest.mark.parametrize('mesh', prior_batches.MESHES)
def test_eight_devices_find_the_statistics_of_all_latents(mesh, release, on_eight_devices):
  order = prior_batches.MESHES[mesh]
  name = ','.join(map(str, mesh))
  found = {
    key.removeprefix(f'{name}/'): value
    for key, value in on_eight_devices.items()
    if key.startswith(f'{name}/')
  }
  assert found['pieces'] == mesh[0] * mesh[1]
  latents, voices = (np.concatenate(each[list(order)]) for each in expected_batches(release))
  exact = latents.astype(np.float64)
  assert found['count'] == len(exact) == 32
  scale = 1 / exact.std()
  np.testing.assert_allclose(found['latent_scale'], scale, rtol=1e-6)
  close(found['face_prior_mean'], exact.mean(0) * scale, 2e-6)
  close(found['face_prior_std'], exact.std(0) * scale, 2e-6)
  # So does the portrait stage without this pass, from the same batches.
  assert found['portrait/pieces'] == mesh[0] * mesh[1]
  np.testing.assert_allclose(found['portrait/latent_scale'], scale, rtol=1e-6)
  close(found['portrait/face_prior_mean'], exact.mean(0) * scale, 2e-6)
  # The first rows of sharded batches are kept in order, and no others.
  assert len(found['latents']) == len(found['embeddings']) == prior_batches.KEPT
  close(found['latents'], latents[: prior_batches.KEPT], 1e-5)
  close(found['embeddings'], voices[: prior_batches.KEPT], 1e-5)
  speakers = np.concatenate([prior_batches.one(index)['speaker'] for index in order])
  np.testing.assert_array_equal(found['speakers'], speakers[: prior_batches.KEPT])
  flat = exact[: prior_batches.KEPT].reshape(prior_batches.KEPT, -1) * scale
  flat -= flat.mean(0)
  variances = np.linalg.eigvalsh(flat @ flat.T / len(flat))[::-1]
  np.testing.assert_allclose(found['face_prior_variances'], variances[:3], rtol=1e-4)


def test_a_corpus_in_many_batches_loses_no_digits():
  """200,000 small latents whose spread is a hundredth of their mean, in batches of 16."""
  latents = 3.0 + 0.03 * np.random.default_rng(0).standard_normal((12_500, 16, 1, 2, 4)).astype(np.float32)

  @jax.jit
  def measure(latents):
    start = PriorSums.empty(latents.shape[2:])
    return jax.lax.scan(lambda sums, batch: (update_prior(sums, batch), None), start, latents)[0]

  sums = measure(latents)
  prior = finalize_prior(sums)
  exact = latents.reshape(-1, 1, 2, 4).astype(np.float64)
  assert sums.count == len(exact) and sums.count.dtype == jnp.int32  # float32 cannot count beyond 2^24
  np.testing.assert_allclose(prior.mean, exact.mean(0), rtol=1e-5)  # measured: 2e-6
  np.testing.assert_allclose(prior.std, exact.std(0), rtol=2e-5)  # measured: 3e-6


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
  assert own['portrait_unet'] == {'beta0': 1, 'linear_center': 1}
  with_prior = frozen.replace(statistics={'face_prior': statistics})
  assert portrait.prepare(with_prior, iter([])) == {'portrait_unet': {'beta0': 1, 'linear_center': 1}}
  picture = stage.preview({}, with_prior, {}, images[0], None)
  assert picture.shape == (len(stage.preview_rows) * SIZE, SIZE, 3)


@pytest.mark.slow  # compiles for ten seconds and more
def test_prior_keeps_the_covariance_and_the_denoiser_starts_from_it():
  portrait, frozen = make_portrait_stage()
  given = {'autoencoder': portrait.frozen['autoencoder']}
  stage = base.build_stage(
    config_of('face_prior', [], image_size=SIZE, components=3, component_portraits=5), given
  )
  accumulator = stage.start(frozen)
  images = [batch_of(stage, 4, seed) for seed in range(2)]
  update = jax.jit(stage.update)
  for batch in images:
    accumulator = update(accumulator, frozen, batch)
  statistics = stage.finalize(accumulator)['face_prior']
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
  voice_subspace = found['face_prior_told']
  np.testing.assert_allclose(np.abs(voice_subspace), [[0, 1, 0, 0]], atol=0.15)
  prior = FacePrior(
    jnp.zeros((4, 4, 3)),
    jnp.ones((4, 4, 3)),
    jnp.asarray(directions),
    voice_subspace=jnp.asarray(voice_subspace),
  )
  noise = jax.random.normal(jax.random.key(0), (2, 4, 4, 3))
  voice_component, rest = prior.split_noise(noise)
  np.testing.assert_allclose(voice_component + rest, noise, atol=1e-5)
  np.testing.assert_allclose(prior.split_noise(rest)[0], 0, atol=1e-5)
  np.testing.assert_allclose(prior.split_noise(voice_component)[0], voice_component, atol=1e-5)
  assert np.abs(voice_component).max() > 0.05
  voice_component, rest = prior.replace(voice_subspace=None).split_noise(noise)
  assert not voice_component.any() and (rest == noise).all()


def test_folds_hold_whole_speakers_and_are_of_similar_size():
  rng = np.random.default_rng(0)
  speakers = rng.permutation(np.repeat(1000 - np.arange(60), rng.integers(1, 12, 60)))
  folds = folds_by_speaker(speakers, 5)
  for speaker in np.unique(speakers):
    assert len(np.unique(folds[speakers == speaker])) == 1
  sizes = np.bincount(folds, minlength=5)
  assert sizes.sum() == len(speakers) and np.ptp(sizes) <= 1
  assert len(np.unique(folds_by_speaker(np.array([7, 7, 9]), 5))) == 2
  # Without repeated speakers, rows take turns.
  np.testing.assert_array_equal(folds_by_speaker(rng.permutation(13), 5), np.arange(13) % 5)


@pytest.mark.parametrize(('people', 'rows_each'), [(100, 20), (256, 8)])
def test_faces_that_do_not_depend_on_voices_keep_their_variance(people, rows_each):
  """The voices of a person are alike, and so are the faces: a regression can recognize people it has seen."""
  rng = np.random.default_rng(0)
  k, d = 8, 64
  voice_of, face_of = rng.standard_normal((people, d)), rng.standard_normal((people, k))
  speakers = rng.permutation(np.repeat(np.arange(people), rows_each))
  voices = voice_of[speakers] + 0.3 * rng.standard_normal((len(speakers), d))
  along = face_of[speakers] + 0.5 * rng.standard_normal((len(speakers), k))
  directions = np.eye(k).reshape(k, 2, 2, 2)
  found = voice_regression(along.reshape(-1, 2, 2, 2), voices, directions, along.var(0), speakers=speakers)
  claimed = found['face_prior_voice_variances'] / along.var(0)
  # New people: voice and face are independent.
  new_voices = rng.standard_normal((4000, d))
  predicted = (new_voices - found['face_prior_voice_mean']) @ found['face_prior_voice'].T
  new_faces = rng.standard_normal((4000, k)) * along.std(0) - along.mean(0)
  true = np.mean(np.square(new_faces - predicted), axis=0) / along.var(0)
  assert claimed.mean() > 0.98  # with folds over rows: 0.60 of 100 people, 0.87 of 256
  assert true.mean() < 1.05  # with folds over rows: 1.8 and 1.2
  assert len(found['face_prior_told']) == 1  # nothing is predicted; one direction is the least


def test_prior_listens_to_the_voice_and_only_where_there_is_one(monkeypatch):
  portrait, frozen = make_portrait_stage()
  stage = base.build_stage(
    config_of('face_prior', [], image_size=SIZE, components=3, component_portraits=8, with_voice=True),
    portrait.frozen,
  )
  accumulator, update = stage.start(frozen), jax.jit(stage.update)
  for seed in range(2):
    accumulator = update(accumulator, frozen, batch_of(stage, 4, seed))
  statistics = stage.finalize(accumulator)['face_prior']
  width = portrait.frozen['speech_encoder'].embedding_dim
  assert statistics['face_prior_voice'].shape == (3, width)
  prior = prior_of(statistics).replace(voice=jax.random.normal(jax.random.key(0), (3, width)))
  embedding = jax.random.normal(jax.random.key(1), (2, width))
  mean, variances = prior.conditional_moments(embedding, jnp.array([True, False]))
  assert jnp.abs(mean[0]).max() > 0.1
  np.testing.assert_array_equal(mean[1], 0)
  np.testing.assert_allclose(variances[1], statistics['face_prior_variances'])
  np.testing.assert_allclose(
    jnp.einsum('khwc,hwc->k', prior.directions, mean[0]),
    prior.voice @ (embedding[0] - prior.voice_mean),
    rtol=2e-2,  # the directions have float16 precision
    atol=2e-2,
  )
  seen = []
  monkeypatch.setattr(face_prior, 'voice_regression', lambda *_, speakers: seen.append(speakers) or {})
  stage.finalize(accumulator.replace(speakers=jnp.arange(8) // 4))
  np.testing.assert_array_equal(seen[0], np.arange(8) // 4)  # the folds of the regression hold whole speakers
  monkeypatch.undo()
  one_person = accumulator.replace(speakers=jnp.full_like(accumulator.speakers, 7))
  with pytest.raises(ConfigError, match='several speakers'):
    stage.finalize(one_person)
  # The portrait stage trains with this prior.
  frozen = frozen.replace(statistics={'face_prior': statistics, 'portrait_unet': {'beta0': np.float32(1)}})
  losses(portrait, frozen, batch_of(portrait), 1)
  with pytest.raises(ConfigError, match='components'):
    base.build_stage(config_of('face_prior', [], with_voice=True), portrait.frozen)
