"""Sampling of outfits."""

import jax
import numpy as np
import pytest

from seetalk_jax.synthetic.human.outfit import accessories, clothing, styles, wardrobe


def test_outfits_are_float32_of_the_same_shapes():
  first = None
  for seed in range(40):
    outfit = wardrobe.sample_outfit(np.random.default_rng(seed), ('female', 'male')[seed % 2], 30.0)
    found = jax.tree.map(lambda value: (value.dtype, value.shape), outfit)
    first = first or found
    assert found == first


def test_the_generator_determines_the_outfit():
  one, two = (wardrobe.sample_outfit(np.random.default_rng(3), 'female', 40.0) for _ in range(2))
  jax.tree.map(np.testing.assert_array_equal, one, two)


@pytest.mark.parametrize('kind', clothing.CLOTHES)
def test_every_kind_of_clothes_makes_an_outfit(kind):
  for seed in range(5):
    outfit = styles.outfit(**clothing.CLOTHES[kind](np.random.default_rng(seed)))
    assert outfit.main.present == 1
    for fabric in (outfit.main_fabric, outfit.collar_fabric):
      assert 0 <= np.min(fabric.color) and np.max(fabric.color) < 0.9


def test_old_people_wear_glasses_more_often():
  def share(age):
    outfits = (wardrobe.sample_outfit(np.random.default_rng(seed), 'male', age) for seed in range(200))
    return np.mean([outfit.glasses.present for outfit in outfits])

  assert share(20.0) < 0.3 < 0.45 < share(80.0)


def test_a_headscarf_hides_all_hair_and_the_ears():
  for seed in range(100):
    found = accessories.hat(np.random.default_rng(seed), True)
    if found['hat'].all_hair:
      assert found['jewelry'].stud == found['jewelry'].hoop == 0
      return
  pytest.fail('no headscarf in 100 hats')
