"""Motion networks (codec, transformer, lip refiner, sync expert): shapes, masks, subspace, sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest

from seetalk_jax.models import registry
from seetalk_jax.models.motion.motion_codec import warped_spec
from seetalk_jax.models.nn import blocks
from seetalk_jax.models.renderer.code_transformer import CodeTransformer
from seetalk_jax.models.renderer.hr_decoder import HRDecoder


def normal(seed, *shape):
  return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def stirred(params, scale=0.1, seed=0):
  rng = np.random.default_rng(seed)
  return jax.tree.map(
    lambda a: a + scale * rng.standard_normal(a.shape).astype(a.dtype), jax.device_get(params)
  )


@pytest.fixture(scope='module')
def codec():
  module = registry.make('motion_codec', 'tiny')
  image = jnp.zeros((1, 64, 64, 3))
  return module, blocks.init_params(module, jax.random.key(0), image, image)


def test_codec_shapes_and_no_motion_is_the_identity(codec):
  module, params = codec
  source, target = normal(1, 2, 64, 64, 3), normal(2, 2, 64, 64, 3)
  image, warped, m_source, m_target = programs.apply(module, {'params': params}, source, target)
  assert image.shape == source.shape and m_source.shape == m_target.shape == (2, 256)
  assert warped.flow.shape == (2, 16, 16, 2) and warped.occlusion.shape == (2, 16, 16, 1)
  assert warped.features[4].shape[:3] == (2, 16, 16) and warped.features[8].shape[:3] == (2, 8, 8)
  assert np.abs(warped.flow).max() > 1e-3  # noise pictures give different motion
  still = programs.apply(module, {'params': params}, source, source)[1]
  np.testing.assert_array_equal(still.flow, 0)
  np.testing.assert_allclose(still.image, source, atol=1e-4)
  assert jax.tree.map(jnp.shape, warped) == jax.tree.map(lambda s: s.shape, warped_spec(module, 64, 2))


def test_flow_corrections_are_bounded_for_any_portrait(codec):
  module, params = codec
  variables = {'params': stirred(params, 1.0)}  # corrections of a multiple of the picture before the limit
  source, target = normal(1, 2, 64, 64, 3), normal(2, 2, 64, 64, 3)
  warped = programs.apply(module, variables, source, target)[1]
  correction = np.abs(warped.flow - warped.coarse_flow)
  assert 0.009 < correction.max() <= 0.0101


def test_one_portrait_serves_many_frames(codec):
  module, params = codec
  variables = {'params': stirred(params, 0.03)}
  source = np.tanh(normal(1, 1, 64, 64, 3))  # pictures are in [-1, 1]
  appearance = programs.apply(module, variables, source, method='appearance')
  m_source, m_target = normal(2, 1, 256), normal(3, 3, 256)
  together = programs.apply(module, variables, appearance, m_source, m_target, method='warp')
  alone = programs.apply(module, variables, appearance, m_source, m_target[1:2], method='warp')
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1:2], b, atol=1e-4), together, alone)
  assert np.abs(together.flow[0] - together.flow[1]).max() > 1e-4


def test_truth_goes_both_ways(codec):
  module, params = codec
  m = programs.apply(module, {'params': params}, normal(0, 4, 7, 20), method='encode_truth')
  assert m.shape == (4, 7, 256)
  assert programs.apply(module, {'params': params}, m, method='read_truth').shape == (4, 7, 20)
  with pytest.raises(ValueError, match='multiples of 16'):
    programs.apply(module, {'params': params}, jnp.zeros((1, 60, 64, 3)), method='appearance')
  # phi_m accepts frames of any size.
  assert programs.apply(module, {'params': params}, jnp.zeros((1, 96, 96, 3)), method='motion').shape == (
    1,
    256,
  )


@pytest.fixture(scope='module')
def transformer():
  module = registry.make('motion_transformer', 'tiny')
  inputs = normal(0, 2, 12, 256), jnp.array([3.0, 900.0]), normal(1, 2, 12, 32), normal(2, 2, 256)
  return module, stirred(blocks.init_params(module, jax.random.key(0), *inputs)), inputs


def test_transformer_ignores_what_is_not_valid(transformer):
  module, params, (xt, t, tokens, m_0) = transformer
  valid = np.arange(12)[None] < np.array([[8], [12]])
  out = programs.apply(module, {'params': params}, xt, t, tokens, m_0, valid)
  assert out.shape == xt.shape and out.dtype == jnp.float32
  cut = programs.apply(module, {'params': params}, xt[:1, :8], t[:1], tokens[:1, :8], m_0[:1])
  np.testing.assert_allclose(out[0, :8], cut[0], atol=1e-4)
  with pytest.raises(ValueError, match='aligned'):
    programs.apply(module, {'params': params}, xt, t, tokens[:, :5], m_0)


def test_dropped_speech_is_not_heard(transformer):
  module, params, (xt, t, tokens, m_0) = transformer
  drop = jnp.array([True, False])
  pair = [
    programs.apply(module, {'params': params}, xt, t, speech, m_0, None, drop)
    for speech in (tokens, tokens + 1.5 * normal(9, 32))
  ]
  np.testing.assert_array_equal(pair[0][0], pair[1][0])
  assert np.abs(pair[0][1] - pair[1][1]).max() > 1e-3


def test_refinement_moves_m_only_inside_the_subspace():
  module = registry.make('lip_refiner', 'tiny')
  m, tokens = normal(0, 2, 9, 256), normal(1, 2, 9, 32)
  params = blocks.init_params(module, jax.random.key(0), m, tokens)
  np.testing.assert_array_equal(
    programs.apply(module, {'params': params}, m, tokens), m
  )  # no correction at initialization
  subspace = np.linalg.qr(np.random.default_rng(0).standard_normal((256, 4)))[0].astype(np.float32)
  params = {**stirred(params), 'subspace': subspace}
  valid = np.arange(9)[None] < np.array([[9], [5]])
  correction = programs.apply(module, {'params': params}, m, tokens, valid=valid) - m
  assert np.abs(correction).max() > 1e-3
  outside = correction - correction @ subspace @ subspace.T
  assert np.abs(outside).max() <= 1e-6 * max(1.0, float(np.abs(m).max()))
  np.testing.assert_array_equal(correction[1, 5:], 0)
  slope = jax.jit(jax.grad(lambda p: jnp.sum(module.apply({'params': p}, m, tokens) ** 2)))(params)
  assert not slope['subspace'].any()
  # Local attention: a distant token has no effect.
  moved = tokens.copy()
  moved[:, 8] += 3.0
  far = programs.apply(module, {'params': params}, m, moved) - m
  near = programs.apply(module, {'params': params}, m, tokens) - m
  np.testing.assert_allclose(far[:, :4], near[:, :4], atol=1e-5)
  with pytest.raises(ValueError, match='subspace'):
    programs.apply(module, {'params': params}, m, tokens, subspace[:, :2])


def test_sync_expert_embeds_on_the_sphere():
  module = registry.make('sync_expert', 'tiny')
  speech, mouth = 0.1 * normal(0, 3, 3200), normal(1, 3, 5, 48, 96, 3)
  params = blocks.init_params(module, jax.random.key(0), speech, mouth)
  for x, method in ((speech, 'speech_vector'), (mouth, 'picture_vector')):
    embedding = programs.apply(module, {'params': params}, x, method=method)
    assert embedding.shape == (3, 32)
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=-1), 1, atol=1e-4)
  assert np.isfinite(programs.apply(module, {'params': params}, jnp.zeros((1, 3200)), mouth[:1])).all()


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
