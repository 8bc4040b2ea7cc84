"""Losses shared by several stages: weighted image errors, and flow and occlusion errors."""

from __future__ import annotations

from collections.abc import Callable

import einops
import jax
import jax.numpy as jnp

from seetalk_jax.constants import Part
from seetalk_jax.models.motion.canonical import FlowTruth
from seetalk_jax.models.motion.mouth import inside_boxes
from seetalk_jax.models.nn import image_ops
from seetalk_jax.models.renderer.regions import crop_pixels

# Part labels of image cells as plain integers: every label above BODY belongs to the head.
BODY, EYE, MOUTH = int(Part.BODY), int(Part.EYE), int(Part.MOUTH)
# Mouth with lips, and eyes with lids and brows, in canonical coordinates: (|x|, y) of the center, half sizes.
_REGIONS = (((0.0, -0.48), (0.27, 0.265)), ((0.23, 0.06), (0.23, 0.22)))
_FRONT = 0.1  # all points of both regions have a larger z, the back of the mouth included


def charbonnier(error: jax.Array, epsilon: float = 0.01) -> jax.Array:
  """`sqrt(error^2 + epsilon^2) - epsilon`: absolute error, smooth near 0."""
  return jnp.sqrt(jnp.square(error) + epsilon**2) - epsilon


def edge_loss(
  image: jax.Array, truth: jax.Array, weight: jax.Array | float = 1.0, scales: int = 3
) -> jax.Array:
  """Edge loss: mean absolute error of differences of neighboring pixels, at full, half, ... resolution.

  Args:
    image, truth: `[b, h, w, c]`.
    weight: `[b, h, w, 1]` or a scalar.
    scales: number of resolutions.
  """
  error, total = image - truth, 0.0
  weight = jnp.broadcast_to(weight, (*error.shape[:3], 1))
  for scale in range(scales):
    if scale:
      error, weight = (image_ops.resize_image(a, (a.shape[1] // 2, a.shape[2] // 2)) for a in (error, weight))
    total += jnp.mean(jnp.abs(error[:, 1:] - error[:, :-1]) * weight[:, 1:])
    total += jnp.mean(jnp.abs(error[:, :, 1:] - error[:, :, :-1]) * weight[:, :, 1:])
  return total / scales


def texture_loss(
  image: jax.Array, truth: jax.Array, weight: jax.Array | float = 1.0, block: int = 8, epsilon: float = 0.01
) -> jax.Array:
  """Mean absolute difference of the strength of edges in blocks of pixels, wherever in the block they are.

  The strength is the root mean square of the differences of neighboring pixels, horizontal and vertical apart. A mean
  of several possible textures, which has the least pixel error, has too little of it. After the gradient variance
  loss of super-resolution, arXiv 2202.00997.

  Args:
    image, truth: `[b, h, w, c]`; sides are multiples of `block`.
    weight: `[b, h, w, 1]` or a scalar.
    block: side of the blocks in pixels.
    epsilon: strength below which differences count less.
  """
  weight = jnp.broadcast_to(weight, (*image.shape[:3], 1))
  weight = einops.reduce(weight, 'b (h i) (w j) c -> b h w c', 'mean', i=block, j=block)

  def strengths(picture):
    for axis in (1, 2):
      change = jnp.square(
        picture - jnp.roll(picture, 1, axis)
      )  # the first row meets the last, in both pictures
      mean = einops.reduce(change, 'b (h i) (w j) c -> b h w c', 'mean', i=block, j=block)
      yield jnp.sqrt(mean + epsilon**2)

  pairs = zip(strengths(image), strengths(truth), strict=True)
  return 0.5 * sum(jnp.mean(weight * jnp.abs(own - true)) for own, true in pairs)


def picture_loss(
  truth: jax.Array, weight: jax.Array, pixel_weight: float, edge_weight: float, texture_weight: float = 0.0
) -> Callable[[jax.Array], tuple[jax.Array, dict[str, jax.Array]]]:
  """Function of an image `[b, h, w, c]`: (weighted sum of its errors to `truth`, the errors by name).

  They are those of pixels and edges, and with `texture_weight` that of texture.
  """

  def loss(image):
    pixels = jnp.mean(weight * charbonnier(image - truth))
    edges = edge_loss(image, truth, weight)
    total, errors = pixel_weight * pixels + edge_weight * edges, {'pixels': pixels, 'edges': edges}
    if texture_weight:
      errors['texture'] = texture_loss(image, truth, weight)
      total += texture_weight * errors['texture']
    return total, errors

  return loss


def lip_weights(boxes: jax.Array, size: tuple[int, int], weight: jax.Array) -> jax.Array:
  """Pixel weights inside lip boxes, 0 outside; the mean of each picture is 1, so that small mouths count as much.

  Args:
    boxes: `[b, 4]`, left, top, right, bottom in relative picture units. An empty box has weight 0 everywhere.
    size: height and width of the pictures.
    weight: weights of the pixels, as of `part_weights`, broadcastable to `[b, h, w, 1]`.

  Returns:
    float32 `[b, h, w, 1]`.
  """
  inside = inside_boxes(boxes, size) * weight
  return inside / (jnp.mean(inside, axis=(1, 2, 3), keepdims=True) + 1e-6)


def part_weights(parts: jax.Array, status: jax.Array, head: float = 2.0, features: float = 5.0) -> jax.Array:
  """Pixel weights from part labels: background and body 1, head `head`, eyes, lips and mouth `features`.

  Estimated labels may be wrong, so they emphasize less: a weight `w` becomes `weight_by_status(w, status)`.

  Args:
    parts: uint8 `[b, h / 4, w / 4]`.
    status: weight of the labels of each picture by their status, `[b]`, 0 to 1: entry `parts_weight`.

  Returns:
    float32 `[b, h, w, 1]` with mean 1.
  """
  parts = parts.astype(jnp.int32)
  weight = jnp.where(parts > BODY, head, 1.0)
  weight = jnp.where((parts >= EYE) & (parts <= MOUTH), features, weight)[..., None]
  weight = image_ops.upsample_nearest(weight_by_status(weight, status), 4)
  return weight / jnp.mean(weight)


def weight_by_status(weight: jax.Array, status: jax.Array) -> jax.Array:
  """`1 + status (weight - 1)`: pixels of a picture with estimated labels count, its mouth less than an exact one.

  Args:
    weight: pixel weights `[b, h, w, 1]` from part labels, 1 for the background.
    status: `[b]`, 1 for exact labels, less for estimated ones.
  """
  return 1.0 + status[:, None, None, None] * (weight - 1.0)


def feature_regions(canonical: jax.Array) -> jax.Array:
  """Masks of mouth and eyes, float32 `[b, h, w, 2]`, from a canonical map `[b, h, w, 3]`; 1 inside.

  The masks use coordinates and not part labels, because closed lids, and what an opening jaw uncovers,
  have the label of skin.
  """
  x, y, z = jnp.abs(canonical[..., 0]), canonical[..., 1], canonical[..., 2]
  inside = [(jnp.abs(x - cx) < rx) & (jnp.abs(y - cy) < ry) & (z > _FRONT) for (cx, cy), (rx, ry) in _REGIONS]
  return jnp.stack(inside, axis=-1).astype(jnp.float32)


def feature_error(
  image: jax.Array, target: jax.Array, canonical: jax.Array, visible: jax.Array | None = None
) -> tuple[jax.Array, jax.Array]:
  """Charbonnier error of mouth and eyes: the mean of the two regional means, so that small regions count.

  Args:
    image, target: `[b, h, w, 3]`.
    canonical: canonical map of the target, `[b, m, n, 3]`, of cells with whole numbers of pixels.
    visible: `[b, m, n, 1]`, 1 where the surface point of the target is visible in the source.

  Returns:
    (error, error over hidden cells only). The second is 0 without `visible`. It is separate because hidden
    cells are few, even among those of the eyes (a closing lid).
  """
  return region_error(image, target, feature_regions(canonical), visible)


def region_error(
  image: jax.Array, target: jax.Array, regions: jax.Array, visible: jax.Array | None = None
) -> tuple[jax.Array, jax.Array]:
  """`feature_error` over regions that are given: weights `[b, m, n, 2]` of mouth and eyes.

  Args:
    visible: `[b, m, n, 1]`, or `[b, m, n, 2]` for one mask per region.
  """
  error = charbonnier(image - target)

  def mean(weights):
    weights = image_ops.repeat_to(weights, error.shape[1:3])
    return 0.5 * (weighted_mean(error, weights[..., :1]) + weighted_mean(error, weights[..., 1:]))

  return mean(regions), jnp.zeros(()) if visible is None else mean(regions * (1.0 - visible))


def weighted_mean(values: jax.Array, weight: jax.Array) -> jax.Array:
  """Mean of `values [*b, c]` under `weight [*b, 1]` or `[*b, c]` (0 if all weights are 0)."""
  repeats = values.shape[-1] // weight.shape[-1]
  return jnp.sum(values * weight) / (jnp.sum(weight) * repeats + 1e-6)


def mean_of_rows(values: jax.Array, weight: jax.Array | None = None) -> jax.Array:
  """Mean of `values [b, ...]` in which row i counts `weight[i]` times; None: a plain mean; 0 if all weights are 0."""
  if weight is None:
    return jnp.mean(values)
  rows = jnp.mean(values.reshape(len(values), -1), axis=1)
  return jnp.sum(weight * rows) / (jnp.sum(weight) + 1e-6)


def psnr(image: jax.Array, truth: jax.Array, weight: jax.Array | None = None) -> jax.Array:
  """Peak signal-to-noise ratio in dB of images in [-1, 1] (clipped), averaged over images.

  Args:
    weight: pixel weights `[b, h, w, 1]`; None: all 1.
  """
  weight = jnp.ones_like(truth[..., :1]) if weight is None else weight
  error = jnp.square(jnp.clip(image, -1, 1) - truth)
  axes = tuple(range(1, error.ndim))
  mean = jnp.sum(error * weight, axis=axes) / (3 * jnp.sum(weight, axis=axes) + 1e-6)
  return jnp.mean(10.0 * jnp.log10(4.0 / (mean + 1e-8)))


def flow_losses(
  flow: jax.Array,
  coarse_flow: jax.Array,
  occlusion_logits: jax.Array,
  truth: FlowTruth,
  parts: jax.Array,
  canonical: jax.Array,
  has_truth: jax.Array | None = None,
) -> dict[str, jax.Array]:
  """Flow and occlusion errors of a warp against ground truth.

  Args:
    flow, coarse_flow, occlusion_logits: fields of a `Warped`.
    truth: true flow and visibility, at the same resolution.
    parts: part labels of the target at that resolution. Eyeballs are excluded from the flow error, because
      they rotate while their canonical coordinates stay.
    canonical: canonical map of the target at that resolution.
    has_truth: `[b]`, 1 for records with ground truth, 0 for real recordings, which are excluded; None: all 1.

  Returns:
    'flow': Charbonnier error in cells over visible cells, where the head has weight 2.
    'flow_features': the mean of the same error over the mouth and over the eyes.
    'coarse_flow', 'coarse_flow_features': the same two errors of `coarse_flow`.
    'occlusion': cross-entropy. One half is the mean over all cells. The other half is over mouth and eyes,
      where hidden and visible cells have equal weight, because lids and teeth are few cells.
  """
  h, w = flow.shape[1:3]
  cells = jnp.array([w, h], jnp.float32)
  counts = jnp.ones(flow.shape[:1]) if has_truth is None else has_truth
  counts = jnp.broadcast_to(counts[:, None, None, None], (*flow.shape[:3], 1))
  weight = counts * truth.visible * (parts != EYE)[..., None] * jnp.where(parts > BODY, 2.0, 1.0)[..., None]
  regions = counts * feature_regions(canonical)

  def errors(flow):
    error = charbonnier((flow - truth.flow) * cells, 0.1)
    of_regions = [weighted_mean(error, weight * regions[..., i : i + 1]) for i in (0, 1)]
    return weighted_mean(error, weight), 0.5 * sum(of_regions)

  names = ('flow', 'flow_features', 'coarse_flow', 'coarse_flow_features')
  cross_entropy = jax.nn.softplus(occlusion_logits) - truth.visible * occlusion_logits
  flow_metrics = dict(zip(names, (*errors(flow), *errors(coarse_flow)), strict=True))
  balanced = [
    weighted_mean(cross_entropy, regions[..., i : i + 1] * part)
    for i in (0, 1)
    for part in (truth.visible, 1.0 - truth.visible)
  ]
  return flow_metrics | {'occlusion': 0.5 * (weighted_mean(cross_entropy, counts) + 0.25 * sum(balanced))}


def random_crops(rng: jax.Array, crop: int, *pictures: jax.Array, multiple: int = 8) -> list[jax.Array]:
  """The same random square crops `[b, crop, crop, c]` of several `[b, h, w, c]`; positions differ by sample.

  Args:
    multiple: corners are at multiples of this, and `crop` should be one too: crops then keep the grid of the
      network's latents.
  """
  b, h, w, _ = pictures[0].shape
  steps = jnp.array([(h - crop) // multiple + 1, (w - crop) // multiple + 1])
  corners = jax.random.randint(rng, (b, 2), 0, steps) * multiple
  return [crop_pixels(picture, corners, (crop, crop)) for picture in pictures]


def noisy_motion(motion: jax.Array, rng: jax.Array, scale: float) -> jax.Array:
  """Motion latents `[b, d]` with noise of `scale` times the batch's deviation, like sampled latents."""
  spread = jax.lax.stop_gradient(jnp.std(motion, axis=0))
  return motion + scale * spread * jax.random.normal(rng, motion.shape)
