"""Backgrounds: size, blur, drift."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.synthetic.human import backgrounds
from seetalk_jax.synthetic.human.backgrounds import Background


def ramp():
  x = np.linspace(0, 1, backgrounds.SIDE, dtype=np.float32)
  return Background(
    jnp.asarray(np.broadcast_to(np.stack([x, 2 * x, 3 * x])[:, None, :], (3, len(x), len(x))))
  )


@pytest.mark.parametrize('side', [64, 256])
def test_a_background_of_any_size_shows_the_middle_of_the_plate(side):
  shown = backgrounds.background(ramp(), side)
  assert shown.shape == (3, side, side)
  margin = (1 - 1 / backgrounds.MARGIN) / 2
  middle = (np.arange(side) + 0.5) / side * (1 - 2 * margin) + margin
  np.testing.assert_allclose(shown[0, side // 2], middle, atol=0.01)
  np.testing.assert_allclose(shown[2], 3 * shown[0], rtol=1e-4)


def test_a_shift_moves_the_background():
  still = backgrounds.background(ramp(), 256)
  moved = jax.jit(backgrounds.background, static_argnums=1)(ramp(), 256, (8 / 256, 0.0))
  np.testing.assert_allclose(moved[0, :, 20:-20], still[0, :, 12:-28], atol=1e-4)


def test_blur_keeps_light_and_turns_a_point_into_a_disc():
  picture = np.zeros((101, 101, 3), np.float32)
  picture[50, 50] = 100.0
  blurred = backgrounds.lens_blur(picture, 21.0)
  np.testing.assert_allclose(blurred.sum((0, 1)), 100, rtol=1e-3)
  assert blurred[50, 50, 0] == pytest.approx(blurred[50, 58, 0], rel=1e-3)
  assert blurred[50, 63, 0] < 1e-5
  np.testing.assert_allclose(backgrounds.lens_blur(np.ones((40, 40, 3), np.float32), 9.0), 1, rtol=1e-4)


def test_rays_go_through_the_picture():
  rays = backgrounds.rays(distance=12.0, height=2.8, blur=0.02)
  at_head = rays.origin + rays.directions * (12.0 / -rays.directions[..., 2:])
  edge = 2.8 * backgrounds.MARGIN / 2
  np.testing.assert_allclose(at_head[0, 0], [-edge, edge, 0], atol=0.01)
  np.testing.assert_allclose(at_head[-1, -1], [edge, -edge, 0], atol=0.01)
