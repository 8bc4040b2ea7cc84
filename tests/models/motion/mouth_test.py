"""Mouth: place under a known flow, crops of known boxes, masks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.models.motion import mouth

mouth_center = jax.jit(mouth.mouth_center)


@pytest.mark.parametrize('shift', [(0.0, 0.0), (0.1, -0.05)])
def test_the_mouth_moves_against_a_uniform_backward_flow(shift):
  flow = jnp.broadcast_to(jnp.asarray(shift), (2, 16, 16, 2))
  place = mouth_center(flow)
  np.testing.assert_allclose(
    place, np.broadcast_to(np.subtract(mouth.MOUTH_CENTER, shift), (2, 2)), atol=1e-6
  )


def test_only_the_flow_at_the_lips_counts_and_no_gradient_passes():
  flow = np.zeros((1, 32, 32, 2), np.float32)
  flow[:, :12] = 0.3  # forehead and eyes
  np.testing.assert_allclose(mouth_center(flow), [mouth.MOUTH_CENTER], atol=1e-6)
  gradient = jax.jit(jax.grad(lambda f: jnp.sum(mouth.mouth_center(f))))(flow)
  np.testing.assert_array_equal(gradient, 0)


def test_boxes_cut_what_lies_in_them():
  place = jnp.array([[0.5, 0.25], [0.25, 0.75]])
  boxes = mouth.boxes_around(place, (0.25, 0.125))
  np.testing.assert_allclose(boxes, [[0.25, 0.125, 0.75, 0.375], [0.0, 0.625, 0.5, 0.875]])
  image = np.random.default_rng(0).uniform(size=(2, 16, 16, 3)).astype(np.float32)
  # The boxes measure 4 x 8 pixels: no interpolation.
  crops = jax.jit(lambda *args: mouth.crop_boxes(*args, (4, 8)))(image, boxes)
  np.testing.assert_allclose(crops[0], image[0, 2:6, 4:12], atol=1e-5)
  np.testing.assert_allclose(crops[1], image[1, 10:14, 0:8], atol=1e-5)
  inside = mouth.inside_boxes(boxes, (16, 16))
  wanted = np.zeros((2, 16, 16, 1))
  wanted[0, 2:6, 4:12] = wanted[1, 10:14, 0:8] = 1
  np.testing.assert_array_equal(inside, wanted)
