"""Portrait sampling: random keys, samplers, time spacings, and intermediate estimates."""

import functools
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.diffusion import objective, process
from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks
from seetalk_jax.models.portrait.face_prior import FacePrior
from seetalk_jax.models.portrait.portrait_unet import LinearDenoiserOutput
from seetalk_jax.sampling import portrait as sampling
from seetalk_jax.sampling.portrait import sample_portraits

LATENT, WIDTH, TOKENS, DIRECTIONS = (4, 4, 4), 512, 5, 3
# One level: sampling does not depend on the number of levels, and more levels compile longer.
UNET = dict(
  channels=(16,), attention_levels=(True,), num_directions=DIRECTIONS, guess_width=16, guess_blocks=1
)


@pytest.fixture(scope='module')
def given():
  """Tiny networks with random parameters, statistics with a covariance, and two voices."""
  modules = {name: registry.make(name, 'tiny') for name in ('autoencoder', 'sample_adaptive_weighting')} | {
    'portrait_unet': registry.make('portrait_unet', 'tiny', **UNET)
  }
  rng = np.random.default_rng(0)
  voice = rng.standard_normal((2, WIDTH)).astype(np.float32)
  voice /= np.linalg.norm(voice, axis=-1, keepdims=True)
  tokens = rng.standard_normal((2, TOKENS, 32)).astype(np.float32)
  basis = np.linalg.qr(rng.standard_normal((np.prod(LATENT), DIRECTIONS)))[0].T
  statistics = {
    'latent_scale': np.float32(1.5),
    'face_prior_mean': rng.standard_normal(LATENT).astype(np.float32),
    'face_prior_std': np.ones(LATENT, np.float32),
    'face_prior_directions': basis.reshape(DIRECTIONS, *LATENT).astype(np.float32),
    'face_prior_variances': np.array([4.0, 2.0, 1.0], np.float32),
    'face_prior_rest': np.float32(0.1),
  }
  valid = np.ones((2, TOKENS), bool)
  inputs = {
    'autoencoder': (jnp.zeros((1, 32, 32, 3)),),
    'sample_adaptive_weighting': (voice, tokens, valid, jnp.zeros((1, *LATENT)), jnp.ones((1, *LATENT))),
    'portrait_unet': (
      jnp.zeros((2, *LATENT)),
      jnp.zeros(2),
      tokens,
      valid,
      voice,
      LinearDenoiserOutput.zeros((2, *LATENT), DIRECTIONS),
    ),
  }
  keys = jax.random.split(jax.random.key(1), len(modules))
  params = {
    name: blocks.init_params(module, key, *inputs[name])
    for key, (name, module) in zip(keys, modules.items(), strict=True)
  }
  # Freshly initialized networks end in zeros and would output nothing.
  params = jax.device_get(params)
  params['portrait_unet'] = jax.tree.map(lambda p: p + np.float32(0.02), params['portrait_unet'])
  return modules, params, statistics, (voice, tokens, valid)


@pytest.fixture(scope='module')
def draw(given):
  modules, params, statistics, condition = given

  @functools.cache
  def program(cache=b'', **options):  # a new value of `cache` compiles again
    del cache
    options = {'num_steps': 4, 'guidance_scale': 1.5, **options}
    return jax.jit(lambda *args: sample_portraits(modules, *args, **options))

  def run(rng, voices=slice(None), **options):
    return jax.device_get(program(**options)(params, statistics, *(a[voices] for a in condition), rng))

  return run


def test_many_portraits_of_one_voice_are_those_of_their_keys(draw):
  keys = jax.random.split(jax.random.key(7), 3)
  together = draw(keys, slice(1))
  assert together.image.shape == (3, 32, 32, 3) and together.beta.shape[0] == 3
  for i, key in enumerate(keys):
    alone = draw(key, slice(1))
    np.testing.assert_allclose(together.latent[i], alone.latent[0], atol=1e-4)
    np.testing.assert_allclose(together.image[i], alone.image[0], atol=1e-3)
    np.testing.assert_allclose(together.beta[i], alone.beta[0], atol=1e-6)
  assert np.abs(together.latent[0] - together.latent[1]).max() > 0.1


def test_a_key_for_each_voice(draw):
  keys = jax.random.split(jax.random.key(7), 2)
  together = draw(keys)
  for i, key in enumerate(keys):
    np.testing.assert_allclose(together.latent[i], draw(key, slice(i, i + 1)).latent[0], atol=1e-4)
  with pytest.raises(ValueError, match='3 keys for 2 voices'):
    draw(jax.random.split(jax.random.key(7), 3))
  # Legacy keys are arrays.
  old = jax.random.key_data(keys)
  np.testing.assert_allclose(draw(old).latent, together.latent, atol=1e-5)
  np.testing.assert_allclose(draw(old[0], slice(1)).latent, draw(keys[0], slice(1)).latent, atol=1e-5)


def test_previews_end_with_the_portrait(draw):
  plain = draw(jax.random.key(0))
  assert plain.previews is None
  for keep in (1, 3):
    kept = draw(jax.random.key(0), keep=keep)
    assert kept.previews.shape == (keep, *plain.image.shape)
    np.testing.assert_array_equal(kept.previews[-1], kept.image)
    np.testing.assert_allclose(kept.image, plain.image, atol=1e-4)
  steps = [float(np.abs(preview - kept.image).mean()) for preview in kept.previews]
  assert steps[0] > steps[1] > steps[2] == 0


def test_asymmetry_scales_the_noise_in_which_the_halves_of_a_picture_differ(draw, given, monkeypatch):
  noise = np.random.default_rng(0).standard_normal((1, *LATENT)).astype(np.float32)
  mirrored = np.asarray(given[0]['autoencoder'].mirrored(noise))

  def drawn(noise, **options):
    monkeypatch.setattr(sampling, '_noise', lambda *_: jnp.asarray(noise))
    return draw(jax.random.key(0), slice(1), cache=noise.tobytes(), **options).latent

  symmetric = drawn((noise + mirrored) / 2)
  assert np.abs(symmetric - drawn(noise)).max() > 0.1
  for x in (noise, mirrored):
    np.testing.assert_allclose(drawn(x, asymmetry=0.0), symmetric, atol=1e-5)
  half = drawn((noise + mirrored) / 2 + 0.5 * (noise - mirrored) / 2)
  np.testing.assert_allclose(drawn(noise, asymmetry=0.5), half, atol=1e-5)


@pytest.mark.parametrize('spacing', ['trailing', 'karras'])
def test_every_way_leads_to_the_same_portrait(draw, spacing):
  options = dict(num_steps=60, guidance_scale=1.0, spacing=spacing)
  heun, dpmpp = (draw(jax.random.key(3), sampler=name, **options).latent for name in ('heun', 'dpmpp_2m'))
  np.testing.assert_allclose(heun, dpmpp, atol=0.05)
  assert np.abs(heun - draw(jax.random.key(4), sampler='heun', **options).latent).max() > 0.1


@pytest.mark.parametrize('has_voice', [False, True])
def test_the_linear_denoiser_is_centered_at_the_prior_for_any_beta(has_voice):
  """Estimates of the latent itself do not depend on the weight of the prior that the diffusion is shifted by."""
  rng = np.random.default_rng(0)
  basis = np.linalg.qr(rng.standard_normal((np.prod(LATENT), DIRECTIONS)))[0].T
  mean = rng.standard_normal(LATENT).astype(np.float32)
  prior = FacePrior(
    jnp.asarray(mean),
    jnp.ones(LATENT),
    jnp.asarray(basis.reshape(DIRECTIONS, *LATENT), jnp.float32),
    jnp.array([4.0, 2.0, 1.0]),
    jnp.float32(0.1),
    voice=jnp.asarray(rng.standard_normal((DIRECTIONS, 8)), jnp.float32),
    voice_mean=jnp.zeros(8),
    voice_variances=jnp.array([3.0, 1.0, 0.5]),
  )
  unet = types.SimpleNamespace(prediction_type='v')
  latent, noise = jax.random.normal(jax.random.key(0), (2, 3, *LATENT))
  t = jnp.array([100, 600, 999])
  voice, with_voice = jax.random.normal(jax.random.key(1), (3, 8)), jnp.full(3, has_voice)

  def estimate(beta, statistics):
    shift = beta * prior.mean
    y_t = process.add_noise(sampling.SCHEDULE, latent - shift, noise, t)
    center = sampling.residual_center(statistics, prior, jnp.full((3, 1, 1, 1), beta))
    linear, *rest = sampling.linear_denoiser(unet, prior, y_t, t, voice, with_voice, center)
    return objective.to_x0('v', sampling.SCHEDULE, linear, y_t, t) + shift, rest

  centered = {'linear_center': jnp.float32(1.0)}
  wanted, inputs = estimate(1.0, {})  # at 1 the residual has mean 0, and versions before were right too
  for beta in (0.0, 0.7, 1.3):
    found, others = estimate(beta, centered)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    for a, b in zip(others, inputs, strict=True):
      np.testing.assert_allclose(a, b, atol=1e-4)
  if not has_voice:  # without any signal the estimate is the mean face
    np.testing.assert_allclose(estimate(0.0, centered)[0][2], mean, atol=1e-4)
  # Networks of earlier versions were trained with a linear denoiser that is centered at 0.
  assert sampling.residual_center({'beta0': 0.0}, prior, jnp.zeros((3, 1, 1, 1))) is None


def test_samples_are_drawn_around_the_center_of_training(given, monkeypatch):
  modules, params, statistics, condition = given
  seen = []

  def predict(unet, params, prior, y_t, t, condition, *, center, autoguidance_scale):
    seen.append(center)
    return jnp.zeros_like(y_t)

  monkeypatch.setattr(sampling, 'predict', predict)
  without_saw = {name: module for name, module in modules.items() if name != 'sample_adaptive_weighting'}
  statistics = {**statistics, 'beta0': np.float32(0.0), 'linear_center': np.float32(1.0)}
  options = dict(num_steps=1, guidance_scale=1.5, sampler='ddim')
  sample_portraits(without_saw, params, statistics, *condition, jax.random.key(0), **options)
  mean = statistics['face_prior_mean']
  np.testing.assert_allclose(seen[0], np.broadcast_to(mean, (4, *LATENT)))  # with and without the voices
