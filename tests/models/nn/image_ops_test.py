"""Image operations: lossless pixel shuffles, picture ranges, means that resizing keeps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.models.nn import image_ops


@pytest.mark.parametrize('factor', [1, 2, 4])
def test_shuffle_inverts_unshuffle(factor):
  image = jax.random.normal(jax.random.key(0), (2, 8, 12, 3))
  folded = image_ops.pixel_unshuffle(image, factor)
  assert folded.shape == (2, 8 // factor, 12 // factor, 3 * factor**2)
  np.testing.assert_array_equal(image_ops.pixel_shuffle(folded, factor), image)


def test_uint8_goes_and_comes_back():
  levels = jnp.arange(256, dtype=jnp.uint8).reshape(1, 16, 16, 1)
  floats = image_ops.to_float(levels)
  assert floats.min() == -1 and floats.max() == 1
  np.testing.assert_array_equal(image_ops.to_uint8(floats), levels)
  np.testing.assert_array_equal(image_ops.to_uint8(jnp.array([-3.0, 3.0])), [0, 255])


def test_resize_keeps_means():
  image = jax.random.uniform(jax.random.key(0), (1, 24, 24, 3))
  for size in (6, 8, 24):
    small = image_ops.resize_image(image, size)
    assert small.shape == (1, size, size, 3)
    np.testing.assert_allclose(small.mean(), image.mean(), atol=1e-5)
  assert image_ops.resize_image(image, (10, 48)).shape == (1, 10, 48, 3)


def test_bilinear_resize_reads_the_nearest_pixels_alone():
  image = jax.random.uniform(jax.random.key(0), (2, 3, 6, 12, 3))
  # Without antialiasing, every third pixel and the middle between pixels 1 and 2, 5 and 6, 9 and 10.
  columns = (image[..., 1::4, :] + image[..., 2::4, :]) / 2
  np.testing.assert_allclose(image_ops.resize_bilinear(image, (2, 3)), columns[:, :, 1::3], atol=1e-6)
  flat = image.reshape(6, 6, 12, 3)
  np.testing.assert_allclose(
    image_ops.resize_bilinear(flat, (12, 24)), image_ops.double_bilinear(flat), atol=1e-6
  )
  assert image_ops.resize_bilinear(image, (6, 12)) is image
