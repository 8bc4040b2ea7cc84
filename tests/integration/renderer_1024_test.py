"""Renderer of the base configuration at 1024 px: it builds, and (marker proof) renders a frame."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks

SIDE = 1024
NAMES = ('motion_codec', 'code_transformer', 'hr_decoder')


def modules():
  return {name: registry.make(name, 'base') for name in NAMES} | {
    'codebook': registry.make('codebook', 'base')
  }


def variables(networks):
  found = {}
  for name in NAMES:
    args = networks[name].example_inputs(networks, SIDE)
    found[name] = nn.unbox(jax.eval_shape(networks[name].init, jax.random.key(0), *args))['params']
  return found


def draw(networks, params, portrait, m_source, m_target):
  """Renders one frame: warp, codes, decoder."""

  def run(name, *args, **options):
    return networks[name].apply({'params': params[name]}, *args, **options)

  appearance = run('motion_codec', portrait, method='appearance')
  warped = run('motion_codec', appearance, m_source, m_target, method='warp')
  logits = run('code_transformer', warped.features)
  codes = params['embedding'][jnp.argmax(logits, axis=-1)]
  return run('hr_decoder', codes, warped, 0.7)


def inputs(book):
  shape = jax.ShapeDtypeStruct
  motion = shape((1, 256), jnp.float32)
  picture = shape((1, SIDE, SIDE, 3), jnp.float32)
  return shape((book.num_codes, book.code_dim), jnp.float32), (picture, motion, motion)


def test_it_builds():
  networks = modules()
  params = variables(networks)
  embedding, arguments = inputs(networks['codebook'])
  frame = jax.eval_shape(functools.partial(draw, networks), {**params, 'embedding': embedding}, *arguments)
  assert frame.shape == (1, SIDE, SIDE, 3) and frame.dtype == jnp.float32
  # Parameter shapes do not depend on the picture size.
  assert blocks.count_params(params) == pytest.approx(118.8e6, rel=0.02)


@pytest.mark.proof
def test_it_draws_a_frame():
  networks = modules()
  embedding, arguments = inputs(networks['codebook'])
  noise = np.random.default_rng(0).standard_normal(1_000_003).astype(np.float32)

  def filled(leaf, scale=1.0):
    return jnp.asarray(scale * np.resize(noise, leaf.shape))

  params = jax.tree.map(lambda leaf: filled(leaf, 0.02), {**variables(networks), 'embedding': embedding})
  frame = jax.jit(functools.partial(draw, networks))(params, *(filled(a, 0.3) for a in arguments))
  assert frame.shape == (1, SIDE, SIDE, 3) and jnp.isfinite(frame).all() and jnp.std(frame) > 1e-3
