"""Losses: mouth and eyes by place, weights of parts, PSNR."""

import jax
import numpy as np

from seetalk_jax.models.motion.mouth import boxes_around, crop_boxes, inside_boxes
from seetalk_jax.stages import losses


def test_mouth_and_eyes_count_by_place():
  canonical = np.zeros((1, 4, 4, 3), np.float32) + [0.0, 0.5, 0.5]  # the forehead
  canonical[0, 3, 1] = [0.1, -0.6, 0.5]  # the lower lip
  canonical[0, 3, 3] = [0.0, -0.36, 0.77]  # the upper lip of the human head
  canonical[0, 1, 0] = [-0.25, 0.05, 0.5]  # a lid
  canonical[0, 0, 0] = [0.1, -0.6, -0.5]  # behind the head
  regions = jax.jit(losses.feature_regions)(canonical)
  np.testing.assert_array_equal(np.argwhere(regions[0]), [[1, 0, 1], [3, 1, 0], [3, 3, 0]])
  target = np.zeros((1, 16, 16, 3), np.float32)
  wrong_lip, wrong_forehead, wrong_lid = target.copy(), target.copy(), target.copy()
  wrong_lip[0, 12:16, 4:8] = wrong_lip[0, 12:16, 12:16] = wrong_forehead[0, 8:12, 8:12] = wrong_lid[
    0, 4:8, 0:4
  ] = 0.5
  feature_error = jax.jit(losses.feature_error)
  assert feature_error(wrong_forehead, target, canonical)[0] == 0
  error, hidden = feature_error(wrong_lip, target, canonical)
  np.testing.assert_allclose(error, 0.5 * losses.charbonnier(0.5), rtol=1e-4)
  assert hidden == 0
  for is_hidden in (0.0, 1.0):
    visible = np.ones((1, 4, 4, 1), np.float32)
    visible[0, 1, 0] = 1.0 - is_hidden
    _, hidden = feature_error(wrong_lid, target, canonical, visible)
    np.testing.assert_allclose(hidden, is_hidden * 0.5 * losses.charbonnier(0.5), rtol=1e-4, atol=1e-6)


def test_texture_counts_the_strength_of_edges_and_not_their_place():
  texture = jax.jit(losses.texture_loss)
  rng = np.random.default_rng(0)
  truth = rng.uniform(-1, 1, (2, 32, 24, 3)).astype(np.float32)
  assert texture(truth, truth) == 0
  flat = np.full_like(truth, truth.mean())
  assert 0.5 < texture(flat, truth) < 1.0  # root mean square of differences of uniform values: 0.82
  other = rng.uniform(-1, 1, truth.shape).astype(np.float32)
  assert texture(other, truth) < 0.1 < 0.5 < np.abs(other - truth).mean()
  # A blur has less of it everywhere; the gradient makes it stronger.
  blurred = 0.5 * truth
  gradient = jax.grad(lambda x: losses.texture_loss(x, truth))(blurred)
  assert (gradient * blurred).sum() < 0
  half = np.zeros((2, 32, 24, 1), np.float32)
  half[:, :16] = 1.0
  np.testing.assert_allclose(texture(np.where(half > 0, truth, flat), truth, half), 0, atol=0.03)


def test_part_weights_and_psnr():
  parts = np.array([[[0, 1], [3, 7]]], np.uint8)
  weight = np.asarray(jax.jit(losses.part_weights)(parts, np.ones(1, np.float32)))
  assert weight.shape == (1, 8, 8, 1)
  np.testing.assert_allclose(np.mean(weight), 1, rtol=1e-5)
  np.testing.assert_allclose(weight[0, 7, 7] / weight[0, 0, 0], 5, rtol=1e-5)
  image = np.zeros((1, 8, 8, 3), np.float32)
  np.testing.assert_allclose(jax.jit(losses.psnr)(image, image + np.float32(0.2)), 20.0, atol=1e-3)
  whole = jax.jit(lambda *args: crop_boxes(*args, (8, 8)))(
    weight, np.array([[0.0, 0.0, 1.0, 1.0]], np.float32)
  )
  np.testing.assert_allclose(whole, weight, atol=1e-5)
  place = np.array([[0.5, 0.75], [0.0, 0.0]], np.float32)
  inside = jax.jit(lambda place: inside_boxes(boxes_around(place, (0.25, 0.25)), (8, 16)))(place)
  inside = np.asarray(inside)
  assert inside.shape == (2, 8, 16, 1) and inside[0].sum() == 4 * 8 and inside[1].sum() == 2 * 4
  assert inside[0, 4:, 4:12].all() and inside[1, :2, :4].all()


def test_estimated_labels_emphasize_less_and_all_pixels_count():
  parts = np.array([[[0, 1], [3, 7]]] * 3, np.uint8)
  weight = np.asarray(jax.jit(losses.part_weights)(parts, np.float32([1, 0.3, 0])))
  weight = weight[:, ::4, ::4, 0] / weight[0, 0, 0, 0]
  for row, status in enumerate((1, 0.3, 0)):
    np.testing.assert_allclose(weight[row, 0, 0], 1, rtol=1e-5)
    np.testing.assert_allclose(weight[row, 1, 1], 1 + status * 4, rtol=1e-5)
    np.testing.assert_allclose(weight[row, 1, 0] - 1, status * (weight[0, 1, 0] - 1), rtol=1e-4, atol=1e-6)


def test_lip_weights_are_those_of_the_box_and_count_every_mouth_alike():
  boxes = np.array([[0.25, 0.5, 0.75, 1.0], [0.0, 0.0, 0.25, 0.25], [0.0, 0.0, 0.0, 0.0]], np.float32)
  weight = np.ones((3, 8, 8, 1), np.float32)
  weight[0, 4:, 2:4] = 5.0  # lips in the left half of the first box
  found = np.asarray(jax.jit(losses.lip_weights, static_argnums=1)(boxes, (8, 8), weight))
  np.testing.assert_allclose(found.mean((1, 2, 3)), [1, 1, 0], rtol=1e-4)
  np.testing.assert_allclose(found[0, 4:, 2:4] / found[0, 4:, 4:6], 5, rtol=1e-5)
  assert not found[0, :4].any() and not found[0, :, 6:].any() and found[1, :2, :2].all()
  even = jax.jit(losses.lip_weights, static_argnums=1)(boxes, (8, 8), np.ones((3, 1, 1, 1), np.float32))
  np.testing.assert_allclose(even[0, 4:, 2:6], 4, rtol=1e-4)
  # A mean over the box: an error outside of it does not count.
  truth = np.zeros((3, 8, 8, 3), np.float32)
  outside, inside = truth.copy(), truth.copy()
  outside[0, :4], inside[0, 4:, 2:6] = 0.5, 0.5
  pixels = [losses.picture_loss(truth, even, 1.0, 0.0)(image)[0] for image in (outside, inside)]
  np.testing.assert_allclose(pixels, [0, losses.charbonnier(0.5) / 3], rtol=1e-4, atol=1e-7)
