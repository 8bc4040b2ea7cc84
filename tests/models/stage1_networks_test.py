"""Stage 1 networks: shapes, sizes, axis names, dropped conditions, arithmetic of the prior."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest

from seetalk_jax.models import AutoencoderKL, PortraitUNet, SampleAdaptiveWeighting, registry
from seetalk_jax.models.nn import blocks
from seetalk_jax.models.portrait.face_prior import (
  PriorSums,
  finalize_prior,
  projection_coefficient,
  update_prior,
)
from seetalk_jax.models.portrait.portrait_unet import SIZES as unet_sizes
from seetalk_jax.models.portrait.portrait_unet import LinearGuess

TOKEN_DIM = {'tiny': 32, 'demo': 192, 'base': 768, 'large': 1024}


def inputs(name, size):
  def zeros(*shape, dtype=jnp.float32):
    return jax.ShapeDtypeStruct(shape, dtype)

  tokens, latent = zeros(1, 25, TOKEN_DIM[size]), zeros(1, 32, 32, 4)
  guess = jax.eval_shape(lambda: LinearGuess.zeros(latent.shape, 128)) if size == 'demo' else None
  return {
    'speech_encoder': (zeros(1, 16_000),),
    'face_encoder': (zeros(1, 128, 128, 3),),
    'conre': (zeros(1, 512), tokens),
    'autoencoder': (zeros(1, 64, 64, 3),),
    'portrait_unet': (latent, zeros(1), tokens, zeros(1, 25, dtype=bool), zeros(1, 512), guess),
    'sample_adaptive_weighting': (zeros(1, 512), zeros(1, 4)),
  }[name]


def abstract_params(name, size):
  module = registry.make(name, size)
  return jax.eval_shape(lambda *args: module.init(jax.random.key(0), *args), *inputs(name, size))['params']


# Bounds of parameter counts in millions.
COUNTS = [
  ('speech_encoder', 'demo', 1.5, 2.0),
  ('speech_encoder', 'base', 93, 98),
  ('speech_encoder', 'large', 312, 322),
  ('face_encoder', 'demo', 0.7, 1.0),
  ('face_encoder', 'base', 43, 45),
  ('conre', 'demo', 0.3, 1.0),
  ('autoencoder', 'demo', 2.0, 2.5),
  ('autoencoder', 'base', 83.6, 83.7),  # Stable Diffusion's: 83.65
  ('portrait_unet', 'demo', 2.9, 3.0),
  ('portrait_unet', 'base', 859, 863),  # Stable Diffusion 1.5 (859.5) plus the voice input layers
  ('portrait_unet', 'large', 865, 870),
  ('sample_adaptive_weighting', 'demo', 0, 0.1),
]


@pytest.mark.parametrize('name, size, low, high', COUNTS)
def test_sizes_and_axis_names(name, size, low, high):
  params = abstract_params(name, size)
  assert low * 1e6 < blocks.count_params(params) < high * 1e6
  for leaf in jax.tree.leaves(params, is_leaf=lambda x: isinstance(x, nn.LogicallyPartitioned)):
    if isinstance(leaf, nn.LogicallyPartitioned):
      assert set(leaf.names) - {None} <= set(blocks.LOGICAL_AXES)
      assert len(leaf.names) == len(leaf.value.shape)
    else:
      assert len(leaf.shape) < 2, 'a kernel without axis names'


def build(name, *args):
  module = registry.make(name, 'tiny')
  return module, blocks.init_params(module, jax.random.key(0), *args)


def test_face_encoder_gives_unit_vectors_for_any_size():
  image = np.random.default_rng(1).uniform(-1, 1, (2, 128, 128, 3)).astype(np.float32)
  encoder, params = build('face_encoder', image)
  apply = jax.jit(encoder.apply)
  embedding = apply({'params': params}, image)
  assert embedding.shape == (2, 512)
  np.testing.assert_allclose(jnp.linalg.norm(embedding, axis=-1), 1, atol=1e-5)
  assert apply({'params': params}, blocks.resize_image(image, 64)).shape == (2, 512)
  assert float(jnp.abs(embedding[0] - embedding[1]).max()) > 1e-3


def test_conre_head_outputs():
  head, params = build('conre', jnp.ones((1, 512)), jnp.ones((1, 4, 32)))
  drawing, attributes, articulation, temperature = jax.jit(head.apply)(
    {'params': params}, jnp.ones((3, 512)) / 22.6, jnp.ones((3, 10, 32))
  )
  assert drawing.shape == (3, 64, 64, 3) and attributes.shape == (3, 3) and articulation.shape == (3, 10, 8)
  assert jnp.all((attributes[:, 0] > 0) & (attributes[:, 0] < 1))
  np.testing.assert_allclose(temperature, 0.07, rtol=1e-5)
  params['log_temperature'] = jnp.array(-50.0)
  np.testing.assert_allclose(head.apply({'params': params}, method='temperature'), 0.01, rtol=1e-5)


def test_autoencoder_keeps_shapes_and_samples_its_posterior():
  image = np.random.default_rng(1).uniform(-1, 1, (2, 64, 48, 3)).astype(np.float32)
  module, params = build('autoencoder', image)
  variables, apply = {'params': params}, jax.jit(module.apply, static_argnames='method')
  mean, log_variance = apply(variables, image, method='encode')
  assert mean.shape == log_variance.shape == (2, 8, 6, 4) and module.factor == 8
  rebuilt, _, _ = apply(variables, image)
  assert rebuilt.shape == image.shape
  sampled, _, _ = apply(variables, image, jax.random.key(0))
  np.testing.assert_allclose(rebuilt, apply(variables, mean, method='decode'), atol=1e-4)
  assert float(jnp.abs(rebuilt - sampled).max()) > 1e-3


def test_unpatched_layout_of_stable_diffusion_runs():
  module = AutoencoderKL(
    patch_size=1,
    groups=4,
    encoder_channels=(8, 8, 8, 16),
    decoder_channels=(8, 8, 8, 16),
    encoder_blocks=(1, 1, 1, 1),
    decoder_blocks=(1, 1, 1, 1),
    mid_blocks=2,
    mid_attention=True,
    quant_conv=True,
  )
  image = jnp.zeros((1, 32, 32, 3))
  rebuilt, mean, _ = programs.apply(module, {'params': programs.random_params(module, image)}, image)
  assert rebuilt.shape == (1, 32, 32, 3) and mean.shape == (1, 4, 4, 4)
  unet = PortraitUNet(
    patch_size=1,
    channels=(16, 32),
    attention_levels=(True, False),
    layers_per_block=2,
    mid_blocks=2,
    context_dim=16,
    num_heads=0,
    head_dim=8,
    conditioning='add',
    num_directions=0,
    remat=True,
  )
  inputs = mean, jnp.zeros(1), jnp.zeros((1, 3, 8)), jnp.ones((1, 3), bool), jnp.ones((1, 512))
  out = programs.apply(unet, {'params': programs.random_params(unet, *inputs)}, *inputs)
  assert out.shape == mean.shape


@pytest.fixture(scope='module')
def unet():
  tokens, valid = jnp.zeros((1, 5, 32)), jnp.ones((1, 5), bool)
  module, params = build(
    'portrait_unet', jnp.zeros((1, 8, 8, 4)), jnp.zeros(1), tokens, valid, jnp.ones((1, 512))
  )
  # Zero-initialized outputs would hide all effects, so every array gets random values.
  rng = np.random.default_rng(1)
  params = jax.tree.map(
    lambda p: p + 0.05 * rng.standard_normal(p.shape).astype(p.dtype), jax.device_get(params)
  )
  return functools.partial(programs.apply, module), {'params': params}


def unet_inputs(seed=0, length=5):
  rng = np.random.default_rng(seed)
  voice = rng.standard_normal((2, 512)).astype(np.float32)
  return (
    rng.standard_normal((2, 8, 8, 4)).astype(np.float32),
    np.array([10, 900]),
    rng.standard_normal((2, length, 32)).astype(np.float32),
    np.ones((2, length), bool),
    voice / np.linalg.norm(voice, axis=-1, keepdims=True),
  )


def test_unet_listens_to_every_input(unet):
  apply, variables = unet
  args = unet_inputs()
  out = apply(variables, *args)
  assert out.shape == (2, 8, 8, 4) and out.dtype == jnp.float32
  other = unet_inputs(seed=1)
  for i in (0, 2, 4):
    changed = [*args]
    changed[i] = other[i]
    assert np.abs(apply(variables, *changed) - out).max() > 1e-4, i
  assert np.abs(apply(variables, args[0], args[1] + 50, *args[2:]) - out).max() > 1e-4


def test_unet_ignores_invalid_tokens_and_survives_none(unet):
  apply, variables = unet
  y, t, tokens, valid, voice = unet_inputs()
  half, garbage = valid.copy(), tokens.copy()
  half[:, 3:], garbage[:, 3:] = False, 100.0
  np.testing.assert_allclose(
    apply(variables, y, t, tokens, half, voice), apply(variables, y, t, garbage, half, voice), atol=1e-4
  )
  dropped = apply(variables, y, t, tokens, np.zeros_like(valid), np.zeros_like(voice))
  assert np.isfinite(dropped).all()
  again = apply(variables, y, t, garbage, np.zeros_like(valid), np.zeros_like(voice))
  np.testing.assert_allclose(dropped, again, atol=1e-4)


def test_unet_goes_on_from_a_linear_guess():
  y, t, tokens, valid, voice = unet_inputs()
  module = PortraitUNet(**(unet_sizes['tiny'] | dict(num_directions=3, guess_width=16, guess_blocks=1)))
  empty = LinearGuess.zeros(y.shape, 3)
  params = blocks.init_params(module, jax.random.key(0), y, t, tokens, valid, voice, empty)
  np.testing.assert_array_equal(
    programs.apply(module, {'params': params}, y, t, tokens, valid, voice, empty), 0
  )
  # With only the low-rank branch active, the output is in the span of the directions.
  out = params['guess_refiner']['coordinates_out']
  rng = np.random.default_rng(1)
  out['kernel'] = rng.standard_normal(out['kernel'].shape).astype(np.float32)
  directions = rng.standard_normal((3, 8, 8, 4)).astype(np.float32)
  guess = empty._replace(
    directions=directions,
    doubt=np.ones((2, 3), np.float32),
    coordinates=rng.standard_normal((2, 3)).astype(np.float32),
  )
  answer = programs.apply(module, {'params': params}, y, t, tokens, valid, voice, guess)
  basis = np.asarray(directions).reshape(3, -1).T
  flat = np.asarray(answer).reshape(2, -1).T
  found = np.linalg.lstsq(basis, flat, rcond=None)[0]
  np.testing.assert_allclose(basis @ found, flat, atol=1e-4)
  assert np.abs(flat).max() > 0.1
  guess = guess._replace(doubt=np.zeros((2, 3), np.float32))
  doubtless = programs.apply(module, {'params': params}, y, t, tokens, valid, voice, guess)
  np.testing.assert_array_equal(doubtless, 0)
  with pytest.raises(ValueError, match='guess'):
    programs.apply(module, {'params': params}, y, t, tokens, valid, voice)


def test_prior_over_batches_equals_the_direct_one():
  latents = 3.0 + 0.1 * np.random.default_rng(0).standard_normal((37, 2, 3, 4)).astype(np.float32)
  sums = PriorSums.empty((2, 3, 4))
  for start, stop in ((0, 5), (5, 6), (6, 30), (30, 37)):
    sums = jax.jit(update_prior)(sums, latents[start:stop])
  prior = finalize_prior(sums)
  np.testing.assert_allclose(prior.mean, np.mean(latents, 0), rtol=1e-5)
  np.testing.assert_allclose(prior.std, np.std(latents, 0), rtol=1e-4)
  np.testing.assert_allclose(prior.pooled(), np.mean(latents, (0, 1, 2)), rtol=1e-5)


def test_projection_coefficient_is_what_is_left_out_least():
  rng = np.random.default_rng(0)
  prior = rng.standard_normal((4, 4, 4)).astype(np.float32)
  rest = rng.standard_normal((2, 4, 4, 4)).astype(np.float32)
  beta = np.asarray(projection_coefficient(rest + 0.7 * prior, prior))
  assert beta.shape == (2, 1, 1, 1)
  residual = rest + 0.7 * prior - beta * prior
  np.testing.assert_allclose(np.sum(residual * prior, (1, 2, 3)), 0, atol=1e-3)
  np.testing.assert_allclose(projection_coefficient(0.7 * prior[None], prior), 0.7, rtol=1e-5)


@pytest.mark.parametrize('beta0', [1.0, 0.4])
def test_weighting_starts_at_beta0(beta0):
  saw = SampleAdaptiveWeighting(hidden=8, beta0=beta0)
  voice, pooled = (
    np.random.default_rng(0).standard_normal((3, 512)).astype(np.float32),
    np.ones(4, np.float32),
  )
  beta, _ = jax.jit(saw.init_with_output)(jax.random.key(1), voice, pooled)
  np.testing.assert_allclose(beta, np.full((3, 1, 1, 1), beta0), rtol=1e-5)
