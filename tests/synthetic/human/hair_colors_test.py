"""Hair color: by ancestry and age, with strands that differ."""

import colorsys

import numpy as np
import pytest

from seetalk_jax.synthetic.human import facial_hair, hair, hair_colors, hair_roots


def _drawn(sex, age, ancestry, number=200):
  rng = np.random.default_rng(5)
  return [hair_colors.sample_hair_color(rng, sex, age, ancestry) for _ in range(number)]


def test_colors_are_reflectances():
  for sex in ('female', 'male'):
    for color in _drawn(sex, 50, {'caucasian': 1}):
      for value in color:
        assert value.dtype == np.float32 and (value >= 0).all() and (value <= 1).all()


def test_ancestry_and_age_matter():
  light = [
    np.mean([c.root.mean() > 0.06 for c in _drawn('male', 25, {who: 1})]) for who in ('asian', 'caucasian')
  ]
  assert light[0] < 0.06 and light[1] > 0.25
  grey = [np.mean([c.grey for c in _drawn('male', age, {'asian': 1})]) for age in (20, 45, 75)]
  assert grey[0] < 0.01 < grey[1] < 0.5 < grey[2]


@pytest.mark.parametrize('grey', [0.0, 0.5, 1.0])
def test_strands_turn_white_with_the_share_of_grey(grey):
  color = _drawn('male', 25, {'asian': 1})[0]._replace(grey=np.float32(grey), beard_grey=np.float32(grey))
  points = np.asarray(hair_colors.strand_colors(color, hair_roots.roots()))
  assert points.shape == (hair_roots.NUM_STRANDS, hair.NUM_POINTS, 3)
  expected = (1 - grey) * (color.root + color.tip) / 2 + grey * 0.37
  np.testing.assert_allclose(points.mean((0, 1)), expected, rtol=0.2, atol=0.01)
  lightness = points.mean((1, 2))
  assert lightness.std() > 0.05 * lightness.mean()
  beard = np.asarray(hair_colors.facial_colors(color, facial_hair.facial_roots()))
  assert beard.shape == (facial_hair.NUM_STRANDS, facial_hair.NUM_POINTS, 3)
  assert (beard[-facial_hair.NUM_BEARD :].mean() > 0.2) == (grey > 0.5) or grey == 0.5


def test_undercoats_are_darker_than_the_strands_and_grey_with_them():
  color = _drawn('male', 25, {'caucasian': 1})[0]._replace(grey=np.float32(0), beard_grey=np.float32(0))
  young = hair_colors.undercoat_colors(color)
  for coat, strands in zip(young, (color.root, color.beard, color.brows), strict=True):
    assert (np.asarray(coat) < strands).all() and (np.asarray(coat) > 0.5 * strands).all()
  old = hair_colors.undercoat_colors(color._replace(grey=np.float32(1), beard_grey=np.float32(1)))
  assert all(np.mean(after) > 1.2 * np.mean(before) for before, after in zip(young, old, strict=True))


def test_lashes_stay_dark_when_brows_turn_grey():
  color = _drawn('female', 25, {'asian': 1})[0]._replace(grey=np.float32(1))
  points = np.asarray(hair_colors.facial_colors(color, facial_hair.facial_roots()))
  brows, lashes = (
    points[: 2 * facial_hair.NUM_BROW],
    points[2 * facial_hair.NUM_BROW : -facial_hair.NUM_BEARD],
  )
  assert brows.mean() > 0.15 and lashes.mean() < 0.05


@pytest.mark.parametrize(
  'name', ['light_brown', 'dark_blond', 'blond', 'light_blond', 'platinum', 'ash', 'white']
)
def test_light_hair_is_warm(name):
  """Yellower hair is seen as green beside skin."""
  known = {**hair_colors.NATURAL, **hair_colors.DYED, 'white': hair_colors._WHITE}
  hue = colorsys.rgb_to_hsv(*np.asarray(known[name]) ** (1 / 2.2))[0] * 360
  assert 25 < hue < 36, hue


def test_lighter_ends_keep_the_hue_of_the_hair():
  """The ends of blond hair were cut off at one lightness in red and green: they were yellow-green."""
  for color in _drawn('female', 25, {'caucasian': 1}):
    red, green, _ = color.tip
    assert green < 0.9 * red or color.tip.mean() < 0.15
