"""Inputs and fields that do not fit a network: one sentence that says what fits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks
from seetalk_jax.models.nn.attention import FeedForward, TransformerBlock

TOKENS = (jnp.zeros((1, 25, 16)), jnp.ones((1, 25), bool), jnp.zeros((1, 512)))


def network(name, **changes):
  return registry.make(name, 'tiny', **changes)


@pytest.mark.parametrize(
  'module, inputs, message',
  [
    (network('speech_encoder'), [jnp.zeros(16_000)], r'waveform must be \[b, n\], got shape \(16000,\)'),
    (network('speech_encoder'), [jnp.zeros((1, 100))], '100 samples holds no token: give at least 640'),
    (network('speech_encoder', scan=True), [jnp.zeros((1, 640))], "scan is for front_end 'waveform'"),
    (network('speech_encoder', remat='bogus'), [jnp.zeros((1, 640))], "remat must be one of .* 'bogus'"),
    (network('face_encoder', remat='bogus'), [jnp.zeros((1, 64, 64, 3))], "remat must be one of .* 'bogus'"),
    (network('codebook'), [jnp.zeros((1, 60, 60, 3))], 'picture is 60 x 60: .* multiples of 16'),
    (network('autoencoder'), [jnp.zeros((1, 60, 64, 3))], 'picture is 60 x 64: .* multiples of 8'),
    (network('discriminator'), [jnp.zeros((1, 63, 64, 3))], 'picture is 63 x 64: .* multiples of 4'),
    (network('portrait_unet'), [jnp.zeros((1, 7, 8, 4)), jnp.zeros(1), *TOKENS], 'y_t is 7 x 8: .* of 2'),
    (network('code_transformer'), [jnp.zeros((1, 16, 16, 8))], 'features must map 4 and 8 to arrays'),
    (TransformerBlock(2, 8, adaptive=True), [jnp.zeros((1, 4, 16))], 'adaptive, so condition'),
    (TransformerBlock(2, 8, cross_attention=True), [jnp.zeros((1, 4, 16))], 'cross-attention, so context'),
    (blocks.ResBlock(16, conditioning='film'), [jnp.zeros((1, 4, 4, 16))], "'film', so condition"),
    (blocks.MLP(8, 8, activation='swiglu'), [jnp.zeros((1, 8))], "activation must be one of .* 'swiglu'"),
    (FeedForward(activation='swiglu'), [jnp.zeros((1, 8))], "activation must be one of .* 'swiglu'"),
  ],
)
def test_what_does_not_fit_is_said_in_a_sentence(module, inputs, message):
  with pytest.raises(ValueError, match=message) as error:
    jax.eval_shape(module.init, jax.random.key(0), *inputs)
  assert '\n' not in str(error.value)


@pytest.mark.parametrize('name, shape', [('speech_encoder', (1, 3200)), ('face_encoder', (1, 32, 32, 3))])
def test_remat_recomputes_and_keeps_the_names_of_parameters(name, shape):
  plain, again = network(name), network(name, remat='all')
  x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
  shapes = [jax.eval_shape(module.init, jax.random.key(0), x) for module in (plain, again)]
  assert jax.tree.structure(shapes[0]) == jax.tree.structure(shapes[1])

  def loss(module):
    return lambda variables: sum(jnp.sum(y) for y in jax.tree.leaves(module.apply(variables, x)))

  def rematerialized(module):
    return 'remat' in str(jax.make_jaxpr(jax.grad(loss(module)))(jax.tree.map(jnp.zeros_like, shapes[0])))

  assert rematerialized(again) and not rematerialized(plain)
