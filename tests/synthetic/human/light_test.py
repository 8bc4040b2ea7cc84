"""Light: spherical harmonics, shadow maps."""

import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic.human import light


def directions(count, seed=0):
  found = np.random.default_rng(seed).standard_normal((count, 3))
  return (found / np.linalg.norm(found, axis=-1, keepdims=True)).astype(np.float32)


def test_harmonics_are_orthonormal():
  values = np.asarray(light.harmonics(jnp.asarray(directions(200_000))))
  products = 4 * np.pi * values.T @ values / len(values)
  np.testing.assert_allclose(products, np.eye(9), atol=0.02)


def test_an_even_environment_lights_every_side_the_same():
  environment = jnp.zeros((9, 3)).at[0].set(jnp.asarray([0.2, 0.5, 1.0]) / 0.282095)
  found = light.irradiance(environment, jnp.asarray(directions(50)))
  np.testing.assert_allclose(found, np.tile([0.2, 0.5, 1.0], (50, 1)), rtol=1e-5)


def test_irradiance_equals_the_integral_over_directions():
  """Of a smooth environment, degree 2, by Monte Carlo."""
  rng = np.random.default_rng(1)
  environment = jnp.asarray(rng.uniform(-0.1, 0.1, (9, 3))).at[0].set(2.0)
  normals, sky = directions(5), directions(400_000, 2)
  radiance = np.asarray(light.harmonics(jnp.asarray(sky)) @ environment)
  cosine = np.maximum(sky @ normals.T, 0)
  expected = 4 * cosine.T @ radiance / len(sky)  # 4 pi over n, over pi
  np.testing.assert_allclose(light.irradiance(environment, jnp.asarray(normals)), expected, rtol=0.02)


def test_a_lobe_is_brightest_towards_its_middle():
  middle, color = directions(1, 3)[0], jnp.asarray([1.0, 0.5, 0.25])
  for width in (0.0, 1.0):
    environment = light.lobe(jnp.asarray(middle), color, width)
    facing = light.irradiance(environment, jnp.asarray(middle))
    np.testing.assert_allclose(facing / facing[0], color, rtol=1e-5)
    assert 0.5 < facing[0] < 2
    assert light.irradiance(environment, -jnp.asarray(middle))[0] < 0.2 * facing[0]


def sheet(y):
  """Two triangles that face up at a height."""
  corners = np.array([[-1, y, -0.7], [1, y, -0.7], [1, y, 1.3], [-1, y, 1.3]], np.float32)
  return corners, np.array([[0, 2, 1], [0, 3, 2]], np.int32)


def test_points_below_a_sheet_are_in_shadow():
  vertices, triangles = sheet(7.5)
  shadow = light.shadow_map(jnp.asarray([0.0, 1.0, 0.0]), jnp.asarray(vertices), jnp.asarray(triangles), None)
  points = jnp.asarray([[0.0, 7.0, 0.3], [0.0, 8.0, 0.3], [1.5, 7.0, 0.3]])
  np.testing.assert_allclose(light.visibility(shadow, points), [0, 1, 1], atol=1e-3)
  border = light.visibility(shadow, jnp.asarray([[1.0, 7.0, 0.3]]))
  assert 0.05 < border[0] < 0.95


def test_hair_attenuates_with_depth():
  x = np.linspace(-1, 1, 400)
  strands = np.stack([np.stack([np.full(9, a), np.full(9, 7.5), np.linspace(-0.7, 1.3, 9)], -1) for a in x])
  vertices, triangles = sheet(6.0)
  shadow = light.shadow_map(
    jnp.asarray([0.0, 1.0, 0.0]),
    jnp.asarray(vertices),
    jnp.asarray(triangles),
    jnp.asarray(strands, jnp.float32),
  )
  depths = light.visibility(
    shadow, jnp.asarray([[0.0, 7.6, 0.3], [0.0, 7.4, 0.3], [0.0, 7.2, 0.3], [0.0, 6.8, 0.3]])
  )
  assert depths[0] > 0.99
  assert (np.diff(depths) < -0.02).all()
