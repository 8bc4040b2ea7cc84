"""Motion codec: shapes, no motion is the identity, one portrait for many frames, ground truth both ways."""

import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest
from tiny_networks import normal, stirred

from seetalk_jax.models import registry
from seetalk_jax.models.motion.motion_codec import warped_spec
from seetalk_jax.models.nn import blocks


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
  m = programs.apply(module, {'params': params}, normal(0, 4, 7, 58), method='encode_truth')
  assert m.shape == (4, 7, 256)
  assert programs.apply(module, {'params': params}, m, method='read_truth').shape == (4, 7, 58)
  with pytest.raises(ValueError, match='multiples of 16'):
    programs.apply(module, {'params': params}, jnp.zeros((1, 60, 64, 3)), method='appearance')
  # phi_m accepts frames of any size.
  assert programs.apply(module, {'params': params}, jnp.zeros((1, 96, 96, 3)), method='motion').shape == (
    1,
    256,
  )


def test_scales_of_other_fields_are_refused():
  frame = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
  module = registry.make('motion_codec', 'tiny', truth_scales=(1.0,) * 20)
  with pytest.raises(ValueError, match='20 values for 58'):
    jax.eval_shape(module.init, jax.random.key(0), frame, frame)
