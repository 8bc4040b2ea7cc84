"""CPBD: widths of known ramps, sharp and blurred pictures, and equality with the published program."""

import numpy as np
import pytest
from scipy import ndimage

from seetalk_jax.evaluation.measures import blur


def picture(side=256, seed=0):
  """Gray levels of overlapping discs."""
  rng = np.random.default_rng(seed)
  y, x = np.mgrid[:side, :side]
  gray = np.full((side, side), 120.0)
  for _ in range(30):
    center, radius = rng.uniform(0, side, 2), rng.uniform(8, 40)
    gray[np.hypot(y - center[0], x - center[1]) < radius] = rng.uniform(0, 255)
  return gray


@pytest.mark.parametrize('width', [2, 4, 8])
def test_the_width_of_a_ramp_is_its_length(width):
  rise = 100 - 100 * np.cos(np.linspace(0, np.pi, width + 1))
  row = np.concatenate([np.zeros(60), rise, np.full(67 - width, 200.0)])
  for gray in (np.tile(row, (64, 1)), np.tile(row[::-1], (64, 1))):
    gray[-1, 0] += (
      1  # a gradient along the columns somewhere: the published program finds no edges without one
    )
    found = blur.edge_widths(gray)
    assert set(found[found > 0]) == {float(width)}


def test_blur_lowers_the_value():
  sharp = picture()
  values = [blur.cpbd(ndimage.gaussian_filter(sharp, sigma)) for sigma in (0.01, 0.4, 0.5, 0.7)]
  assert values[0] == 1.0 and values[-1] < 0.1
  assert values == sorted(values, reverse=True)


def test_a_picture_without_edges_has_0_and_a_small_one_is_refused():
  assert blur.cpbd(np.full((64, 64), 7.0)) == 0.0
  with pytest.raises(ValueError, match='64 x 64'):
    blur.cpbd(np.zeros((32, 200)))


@pytest.mark.parametrize('sigma', [0.6, 1.0, 2.0])
def test_edges_are_those_of_canny_in_blocks(sigma):
  """Edges lie on the borders of discs and nowhere in flat parts."""
  gray = ndimage.gaussian_filter(picture(), sigma)
  edges = blur.canny_edges(gray)
  steep = ndimage.gaussian_gradient_magnitude(gray, 1.0)
  assert edges.any() and steep[edges].min() > 0.0
  assert not edges[steep < 1e-3].any()


def noisy(seed, sigma, shape):
  gray = ndimage.gaussian_filter(picture(400, seed), sigma)[: shape[0], : shape[1]]
  return np.round(gray + np.random.default_rng(seed).normal(0, 2, shape)).clip(0, 255)


# Pictures and the values of the package `cpbd` 1.0.7 with scikit-image 0.26. Its imports no longer exist in SciPy and
# scikit-image, so the test has numbers instead of the program.
PUBLISHED = [
  (0, 0.7, (256, 256), 0.31746031746031744),
  (1, 1.5, (200, 333), 0.4668989547038327),
  (2, 3.0, (128, 190), 0.23835616438356166),
]


@pytest.mark.parametrize('seed, sigma, shape, value', PUBLISHED)
def test_the_value_is_that_of_the_published_program(seed, sigma, shape, value):
  assert blur.cpbd(noisy(seed, sigma, shape)) == pytest.approx(value, rel=1e-6)


@pytest.mark.parity
@pytest.mark.parametrize('seed, sigma, shape, value', PUBLISHED)
def test_edges_are_those_of_scikit_image(seed, sigma, shape, value):
  feature = pytest.importorskip('skimage.feature')
  gray = noisy(seed, sigma, shape)
  np.testing.assert_array_equal(blur.canny_edges(gray), feature.canny(gray))
