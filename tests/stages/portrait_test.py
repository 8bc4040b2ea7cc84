"""Portrait stage: a learned batch, samples, precomputed features, checked options."""

import dataclasses
import functools

import jax
import numpy as np
import pytest
from stage1_training import batch_of, losses, make_directed_stage, make_portrait_stage, unboxed
from tiny_stages import SIZE

from seetalk_jax.errors import ConfigError
from seetalk_jax.sampling.portrait import sample_portraits


@pytest.mark.parametrize('mode', ['scfp', 'ldm'])
def test_portrait_learns_and_samples(mode):
  stage, frozen = make_portrait_stage(prior_mode=mode)
  assert ('sample_adaptive_weighting' in stage.networks) == (mode == 'scfp')
  batch = batch_of(stage)
  statistics = stage.prepare(frozen, iter([batch] * 2))
  assert statistics['portrait_unet'] == {'beta0': 0 if mode == 'ldm' else 1, 'linear_center': 1}
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
  assert picture.shape == (len(stage.preview_rows) * SIZE, 4 * SIZE, 3)

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


def test_padding_of_short_speech_is_not_encoded():
  stage, frozen = make_portrait_stage()
  batch = batch_of(stage, 2)
  batch['num_samples'] = np.int32([16_000, 20_000])
  noisy = {**batch, 'speech': batch['speech'].copy()}
  for row, end in enumerate(batch['num_samples']):
    noisy['speech'][row, end:] = 0.3
  features = jax.jit(stage.features)
  found, same = features(frozen, batch), features(frozen, noisy)
  assert not found['valid'].all() and found['valid'].any()
  for name in ('tokens', 'valid', 'embedding'):
    np.testing.assert_array_equal(found[name], same[name])


def test_options_are_checked():
  with pytest.raises(ConfigError, match='prior_mode'):
    make_portrait_stage(prior_mode='vae')


def test_the_linear_denoiser_is_as_good_in_every_mode():
  # An untrained UNet adds nothing to the linear denoiser, which represents mean and covariance for any beta.
  errors = {}
  for mode in ('ldm', 'scldm', 'scfp'):
    stage, frozen = make_directed_stage(prior_mode=mode)
    params, _ = unboxed(stage, frozen)
    batch = batch_of(stage, 2)
    metrics = jax.jit(stage.loss)(params, frozen, {}, batch, jax.random.key(0), 0)[1][0]
    errors[mode] = metrics['error'], metrics['guess']
  for mode in ('scldm', 'ldm'):
    np.testing.assert_allclose(errors[mode], errors['scfp'], rtol=1e-3)


def test_a_unet_that_is_trained_further_keeps_its_linear_denoiser():
  stage, frozen = make_directed_stage()
  kept = {name: value for name, value in frozen.statistics.items() if name != 'portrait_unet'}
  for earlier, has_center in (
    ({}, True),
    ({'beta0': 1.0}, False),
    ({'beta0': 1.0, 'linear_center': 1.0}, True),
  ):
    statistics = {**kept, 'portrait_unet': earlier} if earlier else kept
    found = stage.prepare(frozen.replace(statistics=statistics), iter([]))['portrait_unet']
    assert ('linear_center' in found) == has_center


def test_no_random_key_is_used_twice(monkeypatch):
  """The noises along the directions are others than the times, noises and drops of the latents."""
  stage, frozen = make_directed_stage()
  monkeypatch.setattr(
    type(stage), '_coefficient_error', lambda self, params, prior, rng, *_: jax.random.uniform(rng)
  )
  params, _ = unboxed(stage, frozen)
  rng = jax.random.key(3)
  metrics = jax.jit(stage.loss)(params, frozen, {}, batch_of(stage, 2), rng, 0)[1][0]
  assert float(metrics['guess']) not in [float(jax.random.uniform(key)) for key in jax.random.split(rng, 3)]
