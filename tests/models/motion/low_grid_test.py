"""Codec of a low grid: shapes, no motion is the identity, large portraits are read small and copied whole."""

import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest
from tiny_networks import normal, stirred

from seetalk_jax.models import registry
from seetalk_jax.models.motion.motion_codec import warped_example
from seetalk_jax.models.motion.warped import keep_still
from seetalk_jax.models.nn import blocks, image_ops


@pytest.fixture(scope='module')
def codec():
  module = registry.make('motion_codec', 'tiny', low_grid=True, inner_size=64)
  image = jnp.zeros((1, 64, 64, 3))
  return module, stirred(blocks.init_params(module, jax.random.key(0), image, image), 0.02)


@pytest.mark.parametrize('side', [64, 128])
def test_shapes_and_no_motion_is_the_identity(codec, side):
  module, params = codec
  source, target = normal(1, 2, side, side, 3), normal(2, 2, side, side, 3)
  image, warped, _, _ = programs.apply(module, {'params': params}, source, target)
  assert image.shape == source.shape and warped.flow.shape == (2, 16, 16, 2)
  assert np.abs(warped.flow).max() > 1e-3
  found = jax.tree.map(lambda x: x.shape[1:], warped)
  assert found == jax.tree.map(lambda s: s.shape[1:], warped_example({'motion_codec': module}, side))
  # Equal motions: nothing moves, up to the correction of the flow, which is the same for any portrait.
  still = programs.apply(module, {'params': params}, source, source)[1]
  np.testing.assert_allclose(still.coarse_flow, 0, atol=1e-6)


def test_a_large_portrait_moves_as_its_small_copy(codec):
  module, params = codec
  small = np.tanh(normal(3, 1, 64, 64, 3))
  large = image_ops.upsample_nearest(small, 2)
  fine = large + 0.2 * (-1.0) ** (jnp.mgrid[:128, :128].sum(0)[..., None])  # the same means of 2 x 2 pixels
  m = normal(4, 2, 1, 256)

  def moved(portrait):
    variables = {'params': params}
    appearance = programs.apply(module, variables, portrait, method='appearance')
    warped = programs.apply(module, variables, appearance, *m, method='warp')
    return warped, programs.apply(module, variables, warped, method='decode')

  (warped, picture), (of_large, _), (of_fine, fine_picture) = map(moved, (small, large, fine))
  assert np.abs(warped.flow).max() > 1e-3
  for other in (of_large, of_fine):
    np.testing.assert_allclose(other.flow, warped.flow, atol=1e-5)
    np.testing.assert_allclose(other.features[8], warped.features[8], atol=1e-4)
  # Details that the networks do not see are copied.
  assert np.abs(of_fine.image - of_large.image).max() > 0.15
  assert fine_picture.shape == (1, 128, 128, 3)
  np.testing.assert_allclose(jnp.mean(fine_picture), jnp.mean(picture), atol=0.01)


def test_importance_decides_what_covers_what(codec):
  module, params = codec
  assert params['motion_modes']['modes']['smooth']['kernel'].shape[-1] == 3 * module.num_modes
  source, target = normal(1, 1, 64, 64, 3), normal(2, 1, 64, 64, 3)

  def flow(bias):
    changed = jax.tree.map(lambda x: x, params)
    kernel = changed['motion_modes']['importance']['smooth']['kernel']
    changed['motion_modes']['importance']['smooth']['kernel'] = kernel + bias * jnp.sign(
      normal(5, *kernel.shape)
    )
    return programs.apply(module, {'params': changed}, source, target)[1].coarse_flow

  assert np.abs(flow(0.0) - flow(1.0)).max() > 1e-4


@pytest.mark.parametrize('side', [64, 128])
def test_pixels_that_stay_are_those_of_the_portrait(codec, side):
  module, params = codec
  source, target = normal(1, 1, side, side, 3), normal(2, 1, side, side, 3)

  def warped(bias):
    changed = jax.tree.map(lambda x: x, params)
    smooth = changed['warper']['still']['smooth']
    changed['warper']['still']['smooth'] = {**smooth, 'bias': smooth['bias'] + bias}
    return programs.apply(module, {'params': changed}, source, target)[1]

  moves, stays, normally = warped(-40.0), warped(40.0), warped(0.0)
  assert np.abs(moves.image - source).max() > 0.05
  np.testing.assert_allclose(stays.image, source, atol=1e-5)
  read = image_ops.resize_image(source, 64)
  np.testing.assert_allclose(stays.features[4], image_ops.resize_image(read, 16), atol=1e-5)
  # What stays changes neither the flow nor what the flow may reach: both are learned from the truth.
  np.testing.assert_array_equal(moves.flow, stays.flow)
  np.testing.assert_array_equal(moves.occlusion, stays.occlusion)
  # An untrained codec moves nearly everything.
  assert np.abs(normally.image - moves.image).mean() < 0.1 * np.abs(stays.image - moves.image).mean()


@pytest.mark.parametrize('still_side', [8, 16, 32])
def test_kept_still_on_any_grid(still_side):
  unmoved, moved = normal(1, 1, 16, 16, 3), normal(2, 1, 16, 16, 3)
  half = jnp.zeros((1, still_side, still_side, 1)).at[:, :, : still_side // 2].set(1.0)
  kept = keep_still(unmoved, moved, half)
  np.testing.assert_allclose(kept[:, :, :7], unmoved[:, :, :7], atol=1e-6)
  np.testing.assert_allclose(kept[:, :, 9:], moved[:, :, 9:], atol=1e-6)
