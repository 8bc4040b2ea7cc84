"""Shading of skin, cloth and metal."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.synthetic.human import light, shading

_FRONT = jnp.asarray([0.0, 0.0, 1.0])


def _plane(value):
  return jnp.full((1, 1), value, jnp.float32)


def _surface(**changes):
  values = dict(
    albedo=jnp.full((3, 1, 1), 0.5),
    roughness=_plane(0.5),
    relief=jnp.zeros((3, 1, 1)),
    metal=_plane(0.0),
    normal=_FRONT[:, None, None],
    occlusion=_plane(1.0),
    diffuse=jnp.ones((3, 1, 1)),
    visible=jnp.ones((1, 1, 1)),
  )
  return shading.Surface(**values | changes)


def _lights(level=0.0, key=0.0, direction=(0.0, 0.0, 1.0)):
  environment = jnp.zeros((9, 3)).at[0].set(level / 0.282095)
  return light.Lights(environment, jnp.asarray([direction]), jnp.full((1, 3), key))


def test_matte_light_is_albedo_times_irradiance():
  found = shading.shade(_surface(), _FRONT[:, None, None], _lights())
  np.testing.assert_allclose(found, 0.5, atol=1e-6)


def test_metals_have_no_matte_light_and_reflect_in_their_color():
  gold = jnp.asarray([0.9, 0.6, 0.2])[:, None, None]
  found = shading.shade(_surface(albedo=gold, metal=_plane(1.0)), _FRONT[:, None, None], _lights(level=1.0))
  np.testing.assert_allclose(found, gold, rtol=0.02)


def test_gloss_peaks_in_the_mirrored_direction():
  view = jnp.asarray([0.6, 0.0, 0.8])[:, None, None]
  levels = [
    float(shading.shade(_surface(albedo=jnp.zeros((3, 1, 1))), view, _lights(key=1.0, direction=d)).max())
    for d in ((-0.6, 0.0, 0.8), (0.0, 0.0, 1.0), (0.6, 0.0, 0.8))
  ]
  assert levels[0] == max(levels)
  assert levels[0] > 2 * levels[2]


@pytest.mark.parametrize('name', ['albedo', 'roughness', 'normal', 'diffuse', 'relief'])
def test_gradients_flow_to_every_property(name):
  view = jnp.asarray([0.3, 0.1, 0.95])[:, None, None]
  surface = _surface(normal=jnp.asarray([0.1, 0.2, 0.9])[:, None, None])

  def loss(value):
    lights = _lights(0.3, 1.0, (0.5, 0.5, 0.7))
    return shading.shade(surface._replace(**{name: value}), view, lights).sum()

  gradient = np.asarray(jax.grad(loss)(getattr(surface, name)))
  assert np.isfinite(gradient).all()
  assert np.abs(gradient).max() > 1e-4


def test_light_spreads_beyond_the_terminator_of_skin_red_farthest():
  beyond = jnp.asarray([[-0.1, 0.0, -0.995]]) * jnp.asarray([1.0, 1.0, -0.1])
  normals = beyond / jnp.linalg.norm(beyond)
  arguments = (jnp.ones(1), jnp.ones((1, 1)))
  lights = _lights(key=1.0, direction=(1.0, 0.0, 0.0))
  soft = shading.diffuse(normals, *arguments, jnp.asarray([[0.9, 0.4, 0.2]]), lights)[0]
  hard = shading.diffuse(normals, *arguments, jnp.zeros((1, 3)), lights)[0]
  assert not np.asarray(hard).any()
  assert soft[0] >= soft[1] >= soft[2]


def test_planes_of_irradiance_equal_the_irradiance_of_vectors():
  directions = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)
  directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
  environment = jnp.asarray(np.random.default_rng(1).normal(size=(9, 3)).astype(np.float32))
  wanted = light.irradiance(environment, jnp.asarray(directions))
  found = light.irradiance_planes(environment, jnp.moveaxis(jnp.asarray(directions), -1, 0))
  np.testing.assert_allclose(jnp.moveaxis(found, 0, -1), wanted, atol=1e-5)
