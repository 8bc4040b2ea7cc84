"""Textures of a person's skin, eyes and mouth."""

import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.synthetic.human import atlas, skin
from seetalk_jax.synthetic.human.mesh import MeshPart

pytestmark = pytest.mark.slow  # bakes textures of a million texels


def person(**changes):
  values = dict(
    melanin=0.3, redness=0.4, freckles=0.0, spots=0.0, age=0.1, wrinkles=[0.1] * 7,
    stubble=0.0, lips=0.7, makeup=0.0, roughness=0.45, iris=[0.1, 0.2, 0.4], seed=1.0,
  )  # fmt: skip
  return skin.Skin(**{name: jnp.asarray(value, jnp.float32) for name, value in (values | changes).items()})


@pytest.fixture(scope='module')
def bake():
  return lambda **changes: np.asarray(skin.bake(person(**changes), atlas.atlas()).maps)


def test_textures_are_finite_and_colors_are_possible(bake):
  maps = bake()
  assert np.isfinite(maps).all() and maps[:4].min() >= 0 and maps[:4].max() <= 1
  np.testing.assert_array_equal(maps, bake())


def test_melanin_darkens_skin_most_in_blue_and_leaves_eyes_alone(bake):
  found = atlas.atlas()
  face = np.asarray(found.used & (found.masks['face'] > 0.9))
  fair, dark = bake(melanin=0.2)[:3], bake(melanin=1.6)[:3]
  ratio = (dark / fair)[:, face].mean(1)
  assert ratio[0] > ratio[1] > ratio[2] and ratio[0] < 0.5
  eyes = np.asarray((found.part == MeshPart.LEFT_EYE) & found.used)
  np.testing.assert_allclose(dark[:, eyes], fair[:, eyes], atol=1e-6)


def test_lips_are_redder_than_skin(bake):
  found, maps = atlas.atlas(), bake()
  lips, face = np.asarray(found.masks['lips']) > 0.9, np.asarray(found.masks['face']) > 0.9
  redness = [
    (maps[0] / maps[1])[region].mean() for region in (lips, face & (np.asarray(found.masks['lips']) == 0))
  ]
  assert redness[0] > 1.1 * redness[1]


def test_irises_have_their_color_and_a_dark_pupil(bake):
  found = atlas.atlas()
  rows, columns = atlas.field(MeshPart.LEFT_EYE)
  eye = bake(iris=[0.05, 0.1, 0.4])[:3, rows, columns]
  used = np.asarray(found.used)[rows, columns]
  assert eye[:, used].min() < 0.02  # pupil
  blue = (eye[2] > 2 * eye[0]) & used
  assert 20 < blue.sum() < 0.2 * used.sum()


def test_relief_lies_in_the_surface(bake):
  found, maps = atlas.atlas(), bake(age=0.8)
  skin_only = np.asarray(found.used & (found.masks['face'] > 0.9))
  along = (maps[4:] * np.asarray(found.normal)).sum(0)[skin_only]
  assert np.abs(along).max() < 0.02 and maps[4:][:, skin_only].std() > 0.02


def test_an_undercoat_covers_the_skin_and_flattens_it():
  found = atlas.atlas()
  share = (found.masks['scalp'] > 0.9) * jnp.float32(0.95)
  coat = skin.Undercoat(jnp.asarray([0.02, 0.01, 0.01]), share)
  bare, covered = (np.asarray(skin.bake(person(), found, coats).maps) for coats in ((), (coat,)))
  inside, face = np.asarray(share > 0) & np.asarray(found.used), np.asarray(found.masks['face'] > 0.9)
  assert covered[:3, inside].mean() < 0.25 * bare[:3, inside].mean()
  assert np.abs(covered[4:, inside]).mean() < 0.6 * np.abs(bare[4:, inside]).mean()
  np.testing.assert_allclose(covered[:3, face & ~inside], bare[:3, face & ~inside], atol=1e-5)


def test_lower_molars_are_as_dark_as_the_mouth():
  """Their inner sides were bright tiles in an open mouth that is seen from the side."""
  points = jnp.asarray([[0.0, 0.0], [6.6, 6.6], [1.05, 1.4]])[..., None]
  gums = jnp.zeros((2, 1))
  color = np.asarray(skin._lower_teeth_color(person(), points, None, gums))[..., 0].T
  np.testing.assert_allclose(color[0], skin._MOUTH_INSIDE, atol=1e-5)
  assert color[1].mean() > 2 * color[0].mean()
