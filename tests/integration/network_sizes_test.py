"""Networks of all sizes: parameter counts, axis names of their parameters."""

import jax
import jax.numpy as jnp
import pytest

from seetalk_jax.models import registry
from seetalk_jax.models.motion.motion_codec import warped_spec
from seetalk_jax.models.nn import blocks
from seetalk_jax.models.renderer.code_transformer import CodeTransformer
from seetalk_jax.models.renderer.hr_decoder import HRDecoder

# Parameters in millions: codec, codebook, code transformer, HR decoder, motion transformer, refiner, expert.
BOUNDS = {
  'demo': ((3, 4.5), (0.8, 1.5), (1.5, 2.5), (0.8, 1.5), (2.5, 3.8), (0.2, 0.6), (1, 2.5)),
  'base': ((40, 75), (20, 40), (20, 45), (15, 30), (90, 130), (5, 15), (8, 20)),
}


@pytest.mark.parametrize('size', BOUNDS)
def test_sizes(size):
  def spec(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.float32)

  codec, book = registry.make('motion_codec', size), registry.make('codebook', size)
  transformer, refiner = registry.make('motion_transformer', size), registry.make('lip_refiner', size)
  image, warped = spec(1, 256, 256, 3), warped_spec(codec, 256)
  tokens, m = spec(1, 25, transformer.token_dim), spec(1, 25, 256)
  assert transformer.token_dim == refiner.token_dim
  inputs = (
    (codec, (image, image)),
    (book, (image,)),
    (registry.make('code_transformer', size), (warped.features,)),
    (registry.make('hr_decoder', size), (spec(1, 16, 16, book.code_dim), warped)),
    (transformer, (m, spec(1), tokens, spec(1, 256))),
    (refiner, (m, tokens)),
    (registry.make('sync_expert', size), (spec(1, 3200), spec(1, 5, 48, 96, 3))),
  )
  for (module, arguments), (low, high) in zip(inputs, BOUNDS[size], strict=True):
    out, variables = jax.eval_shape(lambda a, m=module: m.init_with_output(jax.random.key(0), *a), arguments)
    millions = blocks.count_params(variables['params']) / 1e6
    assert low <= millions <= high, (type(module).__name__, millions)
    if isinstance(module, CodeTransformer):
      assert out.shape == (1, 16, 16, book.num_codes)
    if isinstance(module, HRDecoder):
      assert out.shape == image.shape
