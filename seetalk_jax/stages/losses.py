"""Losses that several stages share: weighted pictures, and the flow that canonical maps give away."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from seetalk_jax.constants import Part
from seetalk_jax.models.motion.canonical import FlowTruth
from seetalk_jax.models.nn import blocks

# Labels of picture cells as plain integers: the head is every label above BODY.
BODY, EYE, MOUTH = int(Part.BODY), int(Part.EYE), int(Part.MOUTH)
# Mouth with lips, and eyes with lids and brows, on the resting head: (|x|, y) of the centre, half sizes.
_REGIONS = (((0.0, -0.62), (0.27, 0.18)), ((0.23, 0.06), (0.23, 0.22)))
_FRONT = 0.1  # they lie before this z, the back of the mouth too


def charbonnier(error: jax.Array, epsilon: float = 0.01) -> jax.Array:
  """`sqrt(error^2 + epsilon^2) - epsilon`: absolute error with a smooth bottom."""
  return jnp.sqrt(jnp.square(error) + epsilon**2) - epsilon


def edge_loss(
  image: jax.Array, truth: jax.Array, weight: jax.Array | float = 1.0, scales: int = 3
) -> jax.Array:
  """Mean absolute error of neighbouring-pixel differences at full, half, ... size: sharpness without a GAN.

  Args:
    image, truth: `[b, h, w, c]`.
    weight: `[b, h, w, 1]` or a number.
  """
  error, total = image - truth, 0.0
  weight = jnp.broadcast_to(weight, (*error.shape[:3], 1))
  for scale in range(scales):
    if scale:
      error, weight = (blocks.resize_image(a, (a.shape[1] // 2, a.shape[2] // 2)) for a in (error, weight))
    total += jnp.mean(jnp.abs(error[:, 1:] - error[:, :-1]) * weight[:, 1:])
    total += jnp.mean(jnp.abs(error[:, :, 1:] - error[:, :, :-1]) * weight[:, :, 1:])
  return total / scales


def picture_loss(
  truth: jax.Array, weight: jax.Array, pixel_weight: float, edge_weight: float
) -> Callable[[jax.Array], tuple[jax.Array, dict[str, jax.Array]]]:
  """Picture `[b, h, w, c]` -> (weighted loss of its pixels and edges against `truth`, both by themselves)."""

  def loss(image):
    pixels = jnp.mean(weight * charbonnier(image - truth))
    edges = edge_loss(image, truth, weight)
    return pixel_weight * pixels + edge_weight * edges, {'pixels': pixels, 'edges': edges}

  return loss


def part_weights(parts: jax.Array, head: float = 2.0, features: float = 5.0) -> jax.Array:
  """Pixel weights from cell labels: background and body 1, head `head`, eyes, lips and mouth `features`.

  Args:
    parts: uint8 `[b, h / 4, w / 4]`.

  Returns:
    float32 `[b, h, w, 1]` with mean 1.
  """
  parts = parts.astype(jnp.int32)
  weight = jnp.where(parts > BODY, head, 1.0)
  weight = jnp.where((parts >= EYE) & (parts <= MOUTH), features, weight)[..., None]
  weight = blocks.upsample_nearest(weight, 4)
  return weight / jnp.mean(weight)


def feature_regions(canonical: jax.Array) -> jax.Array:
  """The mouth and the eyes from a canonical map `[b, h, w, 3]`: `[b, h, w, 2]`, 1 inside.

  By place and not by label: a closed lid is skin, and so is what an opening jaw uncovers.
  """
  x, y, z = jnp.abs(canonical[..., 0]), canonical[..., 1], canonical[..., 2]
  inside = [(jnp.abs(x - cx) < rx) & (jnp.abs(y - cy) < ry) & (z > _FRONT) for (cx, cy), (rx, ry) in _REGIONS]
  return jnp.stack(inside, axis=-1).astype(jnp.float32)


def feature_error(
  image: jax.Array, target: jax.Array, canonical: jax.Array, visible: jax.Array | None = None
) -> tuple[jax.Array, jax.Array]:
  """Mean absolute error of mouth and eyes, each a mean of its own: in a mean over the picture they drown.

  Args:
    image, target: `[b, h, w, 3]`.
    canonical: of the target, `[b, h / 4, w / 4, 3]`.
    visible: `[b, h / 4, w / 4, 1]`, 1 where the source shows what the target needs.

  Returns:
    The error, and that of what the source does not show alone (0 without `visible`): the few cells of a closing
    lid drown even among those of the eyes.
  """
  regions = feature_regions(canonical)
  error = charbonnier(image - target)

  def mean(weights):
    weights = blocks.upsample_nearest(weights, 4)
    return 0.5 * (weighted_mean(error, weights[..., :1]) + weighted_mean(error, weights[..., 1:]))

  return mean(regions), jnp.zeros(()) if visible is None else mean(regions * (1.0 - visible))


def weighted_mean(values: jax.Array, weight: jax.Array) -> jax.Array:
  """Mean of `values [*b, c]` under `weight [*b, 1]` (zero if all weights are)."""
  return jnp.sum(values * weight) / (jnp.sum(weight) * values.shape[-1] + 1e-6)


def psnr(image: jax.Array, truth: jax.Array, weight: jax.Array | None = None) -> jax.Array:
  """Peak signal-to-noise ratio in dB of pictures in [-1, 1] (clipped), averaged over pictures.

  Args:
    weight: `[b, h, w, 1]`, pixels that count.
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
  """How far a warp is from the true one.

  Args:
    flow, coarse_flow, occlusion_logits: of a `Warped`.
    truth: at their resolution.
    parts: labels of the target there; eyeballs turn under their canonical coordinates and are left out.
    canonical: map of the target there.
    has_truth: `[b]`, 1 where there is a truth, 0 for real recordings, which do not count; None: all have one.

  Returns:
    'flow': mean absolute error in cells over what is visible; 'flow_features': over the mouth and over the
    eyes; 'coarse_flow', 'coarse_flow_features': the same of `coarse_flow`; 'occlusion': cross-entropy, half of it that
    of the mouth and of the eyes, in each of which hidden and shown count alike: a lid or teeth are few cells.
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
  found = dict(zip(names, (*errors(flow), *errors(coarse_flow)), strict=True))
  balanced = [
    weighted_mean(cross_entropy, regions[..., i : i + 1] * part)
    for i in (0, 1)
    for part in (truth.visible, 1.0 - truth.visible)
  ]
  return found | {'occlusion': 0.5 * (weighted_mean(cross_entropy, counts) + 0.25 * sum(balanced))}


def random_crops(rng: jax.Array, crop: int, *pictures: jax.Array, multiple: int = 8) -> list[jax.Array]:
  """The same random square of each of several `[b, h, w, c]`: `[b, crop, crop, c]`, a place per sample.

  Args:
    multiple: corners lie on multiples of this, and so should `crop`: the grid of the network's latents stays.
  """
  b, h, w, _ = pictures[0].shape
  steps = jnp.array([(h - crop) // multiple + 1, (w - crop) // multiple + 1])
  corners = jax.random.randint(rng, (b, 2), 0, steps) * multiple

  def one(picture, corner):
    return jax.lax.dynamic_slice(picture, (corner[0], corner[1], 0), (crop, crop, picture.shape[-1]))

  return [jax.vmap(one)(picture, corners) for picture in pictures]


def noisy_motion(motion: jax.Array, rng: jax.Array, scale: float) -> jax.Array:
  """Motion latents `[b, d]` with noise `scale` times the batch's own spread: what a diffusion model may hand
  over."""
  spread = jax.lax.stop_gradient(jnp.std(motion, axis=0))
  return motion + scale * spread * jax.random.normal(rng, motion.shape)
