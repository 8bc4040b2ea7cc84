"""Networks of all sizes: parameter counts, axis names of their parameters."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from seetalk_jax.models import registry
from seetalk_jax.models.motion.motion_codec import warped_spec
from seetalk_jax.models.nn import blocks
from seetalk_jax.models.portrait.portrait_unet import LinearDenoiserOutput
from seetalk_jax.models.renderer.code_transformer import CodeTransformer
from seetalk_jax.models.renderer.hr_decoder import HRDecoder
from seetalk_jax.models.renderer.regions import region_example

# Parameters in millions: codec, codebook, code transformer, HR decoder, motion transformer, refiner, expert.
BOUNDS = {
  'demo': ((4, 5.5), (0.8, 1.5), (1.5, 2.5), (0.8, 1.5), (2.5, 3.8), (0.2, 0.6), (1, 2.5)),
  'base': ((40, 75), (20, 40), (20, 45), (15, 30), (90, 130), (5, 15), (8, 20)),
}


@pytest.mark.parametrize('size', BOUNDS)
def test_sizes(size):
  def spec(*shape, dtype=jnp.float32):
    return jax.ShapeDtypeStruct(shape, dtype)

  codec, book = registry.make('motion_codec', size), registry.make('codebook', size)
  transformer, refiner = registry.make('motion_transformer', size), registry.make('lip_refiner', size)
  codes = registry.make('code_transformer', size)
  image, warped = spec(1, 256, 256, 3), warped_spec(codec, 256)
  if codes.num_regions:  # crops of regions have features at 1/4 and 1/8
    warped = region_example({'motion_codec': codec}, 1024)
  drawn = warped.image.shape  # of a region, or of the whole picture
  grid = drawn[1] // 16, drawn[2] // 16
  tokens, m = spec(1, 25, transformer.token_dim), spec(1, 25, 256)
  assert transformer.token_dim == refiner.token_dim
  inputs = (
    (codec, (image, image)),
    (book, (image,)),
    (codes, (warped.features, *((spec(1, dtype=jnp.int32),) if codes.num_regions else ()))),
    (registry.make('hr_decoder', size), (spec(1, *grid, book.code_dim), warped)),
    (transformer, (m, spec(1), tokens, spec(1, 256))),
    (refiner, (m, tokens)),
    (registry.make('sync_expert', size), (spec(1, 3200), spec(1, 5, 48, 96, 3))),
  )
  for (module, arguments), (low, high) in zip(inputs, BOUNDS[size], strict=True):
    out, variables = jax.eval_shape(lambda a, m=module: m.init_with_output(jax.random.key(0), *a), arguments)
    millions = blocks.count_params(variables['params']) / 1e6
    assert low <= millions <= high, (type(module).__name__, millions)
    if isinstance(module, CodeTransformer):
      assert out.shape == (1, *grid, book.num_codes)
    if isinstance(module, HRDecoder):
      assert out.shape == drawn


LATENT_CHANNELS = {'tiny': 4, 'demo': 16, 'base': 4, 'large': 4}
TOKEN_DIM = {'tiny': 32, 'demo': 192, 'base': 768, 'large': 1024}


def inputs(name, size):
  def zeros(*shape, dtype=jnp.float32):
    return jax.ShapeDtypeStruct(shape, dtype)

  tokens, latent = zeros(1, 25, TOKEN_DIM[size]), zeros(1, 32, 32, LATENT_CHANNELS[size])
  linear_output = (
    jax.eval_shape(lambda: LinearDenoiserOutput.zeros(latent.shape, 128)) if size == 'demo' else None
  )
  return {
    'speech_encoder': (zeros(1, 16_000),),
    'face_encoder': (zeros(1, 128, 128, 3),),
    'conre': (zeros(1, 512), tokens),
    'autoencoder': (zeros(1, 64, 64, 3),),
    'portrait_unet': (latent, zeros(1), tokens, zeros(1, 25, dtype=bool), zeros(1, 512), linear_output),
    'sample_adaptive_weighting': (zeros(1, 512), tokens, zeros(1, 25, dtype=bool), latent, latent),
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
  ('autoencoder', 'demo', 2.4, 2.8),
  ('autoencoder', 'base', 83.6, 83.7),  # Stable Diffusion's: 83.65
  ('portrait_unet', 'demo', 8, 10),
  ('portrait_unet', 'base', 859, 863),  # Stable Diffusion 1.5 (859.5) plus the voice input layers
  ('portrait_unet', 'large', 865, 870),
  ('sample_adaptive_weighting', 'demo', 0.05, 0.1),
  ('sample_adaptive_weighting', 'base', 0.7, 0.9),
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
