"""Picture mask: coverage of pixels, and stages whose losses do not see what lies outside of the recording."""

import flax.linen as nn
import jax
import numpy as np
import pytest
from stage2_training import batch_of
from tiny_stages import SIZE, config_of

from seetalk_jax.stages import base, picture_mask

WHOLE = np.array([0, 0, 1, 1], np.float32)


def coverage(box, height, width, fine=64):
  """Share of every pixel inside of a box, by counting points of a grid of `fine` points per pixel and axis."""
  left, top, right, bottom = box
  y, x = ((np.arange(count * fine) + 0.5) / (count * fine) for count in (height, width))
  rows, columns = (y > top) & (y < bottom), (x > left) & (x < right)
  return np.outer(rows.reshape(height, fine).mean(1), columns.reshape(width, fine).mean(1))


@pytest.mark.parametrize(
  'box', [(0.25, 0.0, 1.0, 0.5), (0.1, 0.33, 0.71, 0.9), (0.0, 0.0, 0.04, 1.0), (0.5, 0.5, 0.5, 0.5)]
)
def test_the_mask_covers_pixels_by_their_share(box):
  mask = picture_mask.inside_mask(np.array([WHOLE, box], np.float32), 6, 8)
  assert mask.shape == (2, 6, 8, 1) and mask.dtype == np.float32
  np.testing.assert_array_equal(mask[0], 1.0)
  np.testing.assert_allclose(mask[1, ..., 0], coverage(box, 6, 8), atol=0.02)


def test_outside_has_neither_error_nor_gradient():
  rng = np.random.default_rng(0)
  image, target = rng.standard_normal((2, 1, 4, 4, 3)).astype(np.float32)
  inside = picture_mask.inside_mask(np.array([[0.0, 0.5, 1.0, 1.0]], np.float32), 4, 4)
  error = lambda x: np.square(picture_mask.only_inside(x, target, inside) - target).sum()
  gradient = jax.grad(lambda x: ((picture_mask.only_inside(x, target, inside) - target) ** 2).sum())(image)
  assert not gradient[:, :2].any() and gradient[:, 2:].all()
  np.testing.assert_allclose(error(image), np.square(image - target)[:, 2:].sum(), rtol=1e-5)
  ones = np.ones_like(inside)
  np.testing.assert_array_equal(picture_mask.only_inside(image, target, ones), image)
  values = rng.standard_normal((1, 4, 4, 5)).astype(np.float32)
  np.testing.assert_allclose(picture_mask.mean_inside(values, inside), values[:, 2:].mean(), atol=1e-6)
  np.testing.assert_allclose(
    picture_mask.mean_inside(values[..., 0], inside), values[:, 2:, :, 0].mean(), atol=1e-6
  )
  assert picture_mask.mean_inside(values, np.zeros_like(inside)) == 0.0


# Stage -> networks that it trains, frozen ones, options, and its errors of pictures.
STAGES = {
  'autoencoder': (['autoencoder'], [], {}, ('l1', 'edges')),
  'codebook': (['codebook'], [], {}, ('pixels', 'edges')),
  'conre': (
    ['speech_encoder', 'face_encoder', 'conre'],
    [],
    {'attributes_weight': 0, 'articulation_weight': 0},
    ('draw_from_face', 'draw_from_speech'),
  ),
  'portrait': (
    ['portrait_unet', 'sample_adaptive_weighting'],
    ['speech_encoder', 'autoencoder'],
    {},
    ('diffusion', 'error'),
  ),
  'code_transformer': (
    ['code_transformer', 'hr_decoder'],
    ['codebook', 'motion_codec'],
    {},
    ('pixels', 'edges', 'cross_entropy', 'code_distance'),
  ),
  'motion_codec': (['motion_codec'], [], {'with_truth': False}, ('pixels', 'edges', 'warped', 'painted')),
  'render': (
    ['code_transformer', 'hr_decoder'],
    ['codebook', 'motion_codec'],
    {'with_truth': False, 'roundtrip_rate': 0.0, 'lip_weight': 1.0},
    ('pixels', 'edges', 'warped', 'cross_entropy', 'lips'),
  ),
}
SLOW = {'render', 'code_transformer', 'motion_codec', 'portrait'}  # they compile for ten seconds and more


@pytest.mark.parametrize(
  'name', [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in STAGES]
)
def test_pictures_count_where_they_show_the_recording(name, world):
  networks, frozen_names, options, errors = STAGES[name]
  given = {other: world[0][other] for other in frozen_names}
  stage = base.build_stage(config_of(name, networks, image_size=SIZE, **options), given)
  batch = batch_of(stage)
  if 'num_samples' in batch:
    batch['num_samples'] = np.full(2, 48_000, np.int32)
  frozen = world[1].replace(statistics=stage.prepare(world[1], iter([batch])))
  params, collections = jax.jit(lambda rng: nn.unbox(stage.init(rng, frozen)))(jax.random.key(0))

  @jax.jit
  def metrics_of(box):
    return stage.loss(params, frozen, collections, {**batch, 'picture_box': box}, jax.random.key(1), 0)[1][0]

  whole, nothing = (metrics_of(np.tile(box, (2, 1))) for box in (WHOLE, np.zeros(4, np.float32)))
  # Portraits are generated whole, so a tenth of the squared error stays.
  least = 0.2 if name == 'portrait' else 1e-6
  for error in errors:
    assert whole[error] > 1e-3 and abs(nothing[error]) < least * whole[error], error
