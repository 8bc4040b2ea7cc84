"""Region of the face: its place and weight, and measures of sharpness that a blurred picture does not satisfy."""

import jax.numpy as jnp
import numpy as np

from seetalk_jax.adaptation import face_region
from seetalk_jax.stages import losses


def test_the_face_weighs_more():
  weights = face_region.weights(256)
  assert weights.shape == (256, 256, 1) and set(np.unique(weights)) == {1.0, 3.0}
  assert weights[110, 128] == weights[200, 128] == 3 and weights[5, 128] == weights[250, 128] == 1
  assert weights[110, 10] == 1 and 0.15 < (weights == 3).mean() < 0.4
  np.testing.assert_array_equal(weights[..., 0] == 3, face_region.mask(256))


def test_sharpness_is_that_of_the_face():
  pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
  inside = np.ones((64, 64), bool)
  plain = np.where(face_region.mask(64)[..., None], np.uint8(100), pixels)
  assert face_region.sharpness(pixels, inside) > 1000
  edge = face_region.sharpness(plain, inside)  # border pixels of the face have neighbors outside
  assert edge < 0.5 * face_region.sharpness(pixels, inside)
  assert np.isnan(face_region.sharpness(pixels, ~inside))


def test_a_blur_lacks_energy_and_a_displaced_picture_does_not():
  stripes = np.tile(np.repeat([-1.0, 1.0], 4), 8)  # period of 8 pixels
  target = jnp.broadcast_to(jnp.asarray(stripes)[None, None, :, None], (1, 64, 64, 3))
  displaced = jnp.roll(target, 2, axis=2)
  blurred = jnp.zeros_like(target)
  weight = jnp.ones((1, 64, 64, 1))
  assert losses.edge_loss(blurred, target) < losses.edge_loss(displaced, target)  # why it is not enough
  of_displaced, of_blurred = (
    float(face_region.energy_error(picture, target, weight)) for picture in (displaced, blurred)
  )
  assert of_displaced < 0.2 * of_blurred
  np.testing.assert_allclose(of_blurred, 2 * 15 / 64, rtol=0.05)
  assert float(face_region.energy_error(target, target, weight)) == 0
  assert float(face_region.energy_error(blurred, target, 0 * weight)) == 0
