"""Dressing: the outfit's mesh on a person."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.synthetic.human import mesh, rig
from seetalk_jax.synthetic.human.outfit import dress, parts, wardrobe


@pytest.fixture(scope='module')
def person():
  shape = jnp.asarray(mesh.load().shaped({'caucasian-female-young': 1.0}))
  vertices = rig.expressed(shape, jnp.zeros(52), rig.topology())
  return vertices, rig.vertex_normals(vertices, rig.topology().triangles)


@pytest.fixture(scope='module')
def outfits():
  rng = np.random.default_rng(0)
  return [wardrobe.sample_outfit(rng, ('female', 'male')[i % 2], 20.0 + 5 * i) for i in range(6)]


def test_lenses_are_of_glass_only_with_glasses(outfits):
  """The renderer leaves out reflections and tint of lenses for people without glass."""
  index = np.arange(sum(grid.size for grid in parts.GRIDS.values()))
  lenses = np.isin(index, np.r_[parts.place_of('left_lens'), parts.place_of('right_lens')])
  worn = [bool(outfit.glasses.present) for outfit in outfits]
  assert set(worn) == {False, True}
  for outfit, present in zip(outfits, worn, strict=True):
    _, glass = dress.materials(outfit)
    np.testing.assert_array_equal(glass, lenses if present else 0)


@pytest.mark.slow
def test_all_outfits_have_the_same_mesh_and_texture_shape(person, outfits):
  bake = jax.jit(dress.bake)
  for outfit in outfits:
    dressed = bake(outfit, *person)
    count = len(dressed.vertices)
    assert dressed.texture.shape == (7, parts.TEXTURE_HEIGHT, parts.TEXTURE_WIDTH)
    assert dressed.turning.shape == dressed.metal.shape == dressed.glass.shape == (count,)
    assert all(np.isfinite(values).all() for values in dressed)
    assert (dressed.texture[:3] >= 0).all() and (dressed.texture[:3] <= 1.2).all()
    assert (dressed.turning >= 0).all() and (dressed.turning <= 1).all()
