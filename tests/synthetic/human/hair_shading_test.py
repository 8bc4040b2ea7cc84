"""Shading of hair: highlights, shadows and depth change the light of pieces as they should."""

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic.human import camera, hair_shading, light


def _shade(tangent, depth=0.0, key=1.0, sky=0.0, color=0.1):
  """Color of one piece at the front of the head, with a key light from the camera's side."""
  middle = np.array([0, 7.5, 1.5])
  points = jnp.asarray(np.stack([middle - 0.05 * np.array(tangent), middle + 0.05 * np.array(tangent)])[None])
  normals = jnp.broadcast_to(jnp.asarray([0.0, 0.0, 1.0]), points.shape)
  lights = light.Lights(
    jnp.zeros((9, 3)).at[0].set(sky / 0.282), jnp.asarray([[0.0, 0.0, 1.0]]), jnp.full((1, 3), key)
  )
  vertices, triangles = jnp.zeros((3, 3)), jnp.asarray([[0, 1, 2]])
  shadow = light.shadow_maps(lights, vertices, triangles, None)
  view = camera.Camera(jnp.asarray([0.0, 7.1, 0.9]), 2.9, 12.0)
  shaded = jax.jit(hair_shading.shade)(
    points, normals, jnp.full((1, 2), depth), jnp.full((1, 2, 3), color), lights, shadow, view
  )
  assert shaded.shape == (3, 1)
  return np.asarray(shaded[:, 0])


def test_strands_across_the_light_are_brightest():
  across, tilted, along = _shade([1.0, 0, 0]), _shade([0.7, 0, 0.7]), _shade([0, 0, 1.0])
  assert across.min() > 1.3 * tilted.max() and tilted.min() > 2 * along.max()


def test_light_is_linear_in_key_and_sky():
  one = _shade([1.0, 0, 0])
  np.testing.assert_allclose(_shade([1.0, 0, 0], key=2.0), 2 * one, rtol=1e-5)
  sky = _shade([1.0, 0, 0], key=0.0, sky=0.5)
  np.testing.assert_allclose(_shade([1.0, 0, 0], sky=0.5), one + sky, rtol=1e-5)
  assert (sky > 0).all()


def test_hair_below_other_hair_gets_less_of_the_sky():
  outer, inner = (_shade([1.0, 0, 0], depth=depth, key=0.0, sky=1.0) for depth in (0.0, 0.3))
  assert (inner < 0.35 * outer).all()


def test_dark_hair_keeps_a_white_highlight():
  dark, light_ = _shade([1.0, 0, 0], color=0.0), _shade([1.0, 0, 0], color=0.3)
  assert 0.01 < dark.min() < 0.1 and light_.min() > 3 * dark.max()


def test_light_hair_is_softer_than_dark_hair():
  """White strands that differ in direction alone were as unlike as black and white: hair like wire."""

  def contrast(color):
    across, tilted = (_shade(tangent, color=color) for tangent in ([1.0, 0, 0], [0.7, 0, 0.7]))
    return float(across.mean() / tilted.mean())

  assert contrast(0.4) < 0.75 * contrast(0.05)
