"""Regions: found by canonical coordinates, cropped pixel by pixel, and put back with soft edges."""

import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.models import registry
from seetalk_jax.models.motion.motion_codec import warped_example
from seetalk_jax.models.motion.warping import identity_grid
from seetalk_jax.models.renderer import regions

SIDE = 256


def head_at(center, scale=2.2):
  """Canonical coordinates `[1, 32, 32, 3]` of a flat head around a point; a plane behind it elsewhere."""
  at = (identity_grid(32, 32) - jnp.asarray(center)) * scale * jnp.array([1.0, -1.0])
  front = jnp.sum(at**2, axis=-1, keepdims=True) < 1
  return jnp.concatenate([at, jnp.where(front, 0.7, -1.0)], axis=-1)[None]


@pytest.mark.parametrize('center', [(0.5, 0.5), (0.56, 0.46)])
@pytest.mark.parametrize('region', regions.REGIONS, ids=lambda region: region.name)
def test_a_region_is_around_its_place(region, center):
  corner = np.asarray(regions.corners(head_at(center), region, SIDE))[0]
  middle = (corner + np.array(region.shape(SIDE)) / 2)[::-1] / SIDE
  place = np.array(center) + np.array(region.place[:2]) * (1, -1) / 2.2
  np.testing.assert_allclose(middle, place, atol=0.02)


def test_without_a_head_a_region_is_where_it_usually_is():
  nowhere = jnp.full((1, 16, 16, 3), -5.0)
  for region in regions.REGIONS:
    corner = np.asarray(regions.corners(nowhere, region, SIDE))[0]
    np.testing.assert_allclose(
      (corner + np.array(region.shape(SIDE)) / 2)[::-1] / SIDE, region.usual, atol=0.01
    )


def test_regions_stay_in_the_picture():
  for center in ((0.0, 0.0), (1.0, 1.0)):
    for region in regions.REGIONS:
      corner = np.asarray(regions.corners(head_at(center), region, SIDE))[0]
      assert (corner >= 0).all() and (corner + region.shape(SIDE) <= SIDE).all()


@pytest.mark.parametrize('low_grid', [False, True])
def test_a_cropped_warp_shows_the_region(low_grid):
  codec = registry.make('motion_codec', 'tiny', low_grid=low_grid, inner_size=256)
  spec = warped_example({'motion_codec': codec}, SIDE)
  rows, columns = jnp.mgrid[:SIDE, :SIDE] / SIDE

  def ramp(shape):
    step = SIDE // shape.shape[1]
    middle = slice(step // 2, None, step)
    values = rows[middle, middle] + 2 * columns[middle, middle] + 0.5 * (1 - step % 2) / SIDE * 0
    return jnp.broadcast_to(values[None, ..., None], shape.shape)

  warped = type(spec)(
    *(
      {factor: ramp(s) for factor, s in part.items()} if isinstance(part, dict) else ramp(part)
      for part in spec
    )
  )
  corner, shape = jnp.array([[96, 80]]), (64, 80)
  region = regions.crop_warped(warped, corner, shape)
  np.testing.assert_array_equal(region.image, warped.image[:, 96:160, 80:160])
  assert region.features[4].shape[1:3] == (16, 20) and region.features[8].shape[1:3] == (8, 10)
  assert region.flow.shape[1:3] == region.canonical_coords.shape[1:3] == (16, 20)
  # Maps of a linear function keep its values, up to half a pixel of the coarser grid.
  wanted = jnp.mean(region.image[..., 0].reshape(1, 16, 4, 20, 4), axis=(2, 4))
  np.testing.assert_allclose(region.occlusion[..., 0], wanted, atol=0.02)
  np.testing.assert_allclose(region.features[4][..., 0], wanted, atol=0.02)


def test_what_is_put_back_replaces_the_middle_and_fades_at_the_edge():
  image, drawn = jnp.zeros((2, 64, 64, 3)), jnp.ones((2, 16, 24, 3))
  put = np.asarray(regions.paste(image, drawn, jnp.array([[8, 16], [40, 0]])))
  assert put[0, 16, 28, 0] == put[1, 48, 12, 0] == 1
  assert 0 < put[0, 8, 28, 0] < 0.3 and put[0, 7].max() == 0 and put[0, :, 15].max() == 0
  np.testing.assert_array_equal(put[0, 8:24, 16:40], put[1, 40:56, :24])
