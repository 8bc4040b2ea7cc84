"""Portrait UNet: effect of every input, dropped conditions, the linear prediction as input."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest
from tiny_networks import build

from seetalk_jax.models import AutoencoderKL, PortraitUNet
from seetalk_jax.models.nn import blocks
from seetalk_jax.models.portrait.portrait_unet import SIZES as unet_sizes
from seetalk_jax.models.portrait.portrait_unet import LinearDenoiserOutput


def test_unpatched_layout_of_stable_diffusion_runs():
  module = AutoencoderKL(
    latent_channels=4,
    cosine_shortcut=False,
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
    latent_channels=4,
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
  empty = LinearDenoiserOutput.zeros(y.shape, 3)
  params = blocks.init_params(module, jax.random.key(0), y, t, tokens, valid, voice, empty)
  np.testing.assert_array_equal(
    programs.apply(module, {'params': params}, y, t, tokens, valid, voice, empty), 0
  )
  # With only the low-rank branch active, the output is in the span of the directions.
  out = params['guess_refiner']['coordinates_out']
  rng = np.random.default_rng(1)
  out['kernel'] = rng.standard_normal(out['kernel'].shape).astype(np.float32)
  directions = rng.standard_normal((3, 8, 8, 4)).astype(np.float32)
  linear_output = empty._replace(
    directions=directions,
    residual_std=np.ones((2, 3), np.float32),
    coordinates=rng.standard_normal((2, 3)).astype(np.float32),
  )
  answer = programs.apply(module, {'params': params}, y, t, tokens, valid, voice, linear_output)
  basis = np.asarray(directions).reshape(3, -1).T
  flat = np.asarray(answer).reshape(2, -1).T
  found = np.linalg.lstsq(basis, flat, rcond=None)[0]
  np.testing.assert_allclose(basis @ found, flat, atol=1e-4)
  assert np.abs(flat).max() > 0.1
  linear_output = linear_output._replace(residual_std=np.zeros((2, 3), np.float32))
  uncorrected = programs.apply(module, {'params': params}, y, t, tokens, valid, voice, linear_output)
  np.testing.assert_array_equal(uncorrected, 0)
  with pytest.raises(ValueError, match='linear_output'):
    programs.apply(module, {'params': params}, y, t, tokens, valid, voice)
