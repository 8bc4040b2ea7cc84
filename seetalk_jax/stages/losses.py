"""Losses that several stages share: weighted pictures, and the flow that canonical maps give away."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seetalk_jax.models import blocks

# Cell labels of the embedded world (`data.synthetic.head.Part`) that the losses tell apart.
EYE, LIP, MOUTH = 6, 7, 8
# Skin, brows and lips are one group; a match between different groups is none.
_GROUPS = (0, 1, 2, 2, 3, 2, 4, 2, 5, 6)
# Mouth with lips, and eyes with lids and brows, on the resting head: (|x|, y) of the centre, half sizes.
_REGIONS = (((0.0, -0.62), (0.27, 0.18)), ((0.23, 0.06), (0.23, 0.22)))
_FRONT = 0.1  # they lie before this z, the back of the mouth too
_BELOW_NOSE = -0.2  # lips move nothing above this y, on the head, in the hair and behind it


class FlowTruth(NamedTuple):
  """Where the target's surface lies in the source.

  Attributes:
    flow: `[b, h, w, 2]`, (x, y) offsets target -> source in picture units.
    visible: `[b, h, w, 1]` in [0, 1]: 1 where the source shows that place.
  """

  flow: jax.Array
  visible: jax.Array


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
  weight = jnp.where(parts > 1, head, 1.0)
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


def still_under_speech(canonical: jax.Array) -> jax.Array:
  """What lips do not move, from a canonical map `[b, h, w, 3]`: `[b, h, w, 1]`, 1 above the mouth and the cheeks."""
  return (canonical[..., 1:2] > _BELOW_NOSE).astype(jnp.float32)


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


def _search(source, target, tall, wide):
  """Offsets (dy, dx) in cells, `[b, h, w]` each, of the nearest coordinate in a window around every cell."""
  # Planes, channels first: the search is elementwise.
  planes = jnp.moveaxis(source, -1, 0)
  wanted = jnp.moveaxis(target, -1, 0)
  far = jnp.pad(planes, ((0, 0), (0, 0), (tall, tall), (wide, wide)), constant_values=1e3)

  def look(i, best):
    distance, winner = best
    dy, dx = i // (2 * wide + 1), i % (2 * wide + 1)
    there = jax.lax.dynamic_slice(far, (0, 0, dy, dx), planes.shape)
    # A breath of preference for short ways settles ties.
    way = 1e-7 * ((dy - tall) ** 2 + (dx - wide) ** 2)
    found = jnp.sum(jnp.square(there - wanted), axis=0) + way
    nearer = found < distance
    return jnp.where(nearer, found, distance), jnp.where(nearer, i, winner)

  start = (jnp.full(planes.shape[1:], jnp.inf), jnp.zeros(planes.shape[1:], jnp.int32))
  _, winner = jax.lax.fori_loop(0, (2 * tall + 1) * (2 * wide + 1), look, start)
  return winner // (2 * wide + 1) - tall, winner % (2 * wide + 1) - wide


def _refine(source, target, dy, dx, reach):
  """The best offsets within `reach` cells of the given ones."""
  b, h, w, _ = source.shape
  flat = source.reshape(b * h * w, 3)
  first = (jnp.arange(b) * h * w)[:, None, None]
  side = 2 * reach + 1

  def look(i, best):
    distance, winner = best
    y = jnp.clip(jnp.arange(h)[:, None] + dy + i // side - reach, 0, h - 1)
    x = jnp.clip(jnp.arange(w) + dx + i % side - reach, 0, w - 1)
    way = 1e-7 * ((y - jnp.arange(h)[:, None]) ** 2 + (x - jnp.arange(w)) ** 2)
    found = jnp.sum(jnp.square(flat[first + y * w + x] - target), axis=-1) + way
    nearer = found < distance
    return jnp.where(nearer, found, distance), jnp.where(nearer, i, winner)

  start = (jnp.full((b, h, w), jnp.inf), jnp.zeros((b, h, w), jnp.int32))
  _, winner = jax.lax.fori_loop(0, side * side, look, start)
  return dy + winner // side - reach, dx + winner % side - reach


def match_canonical(
  source: jax.Array,
  target: jax.Array,
  source_parts: jax.Array,
  target_parts: jax.Array,
  *,
  reach: tuple[int, int] = (12, 12),
  tolerance: float = 0.035,
) -> FlowTruth:
  """The true flow, from where each cell lies on the resting head.

  Every target cell looks for the nearest canonical coordinate among the source cells around it (coarse to
  fine when the window is large), then moves by a fraction of a cell along the source's local slope. What is
  not found within `tolerance` is hidden in the source.

  Args:
    source, target: canonical maps `[b, h, w, 3]` (head about -1 to 1; the background lies flat behind it).
    source_parts, target_parts: labels `[b, h, w]`.
    reach: how many cells up or down, and left or right, are searched. Memory does not grow with it.
    tolerance: of canonical distance, left over after the fraction.
  """
  source, target = jnp.asarray(source, jnp.float32), jnp.asarray(target, jnp.float32)
  source_parts, target_parts = jnp.asarray(source_parts), jnp.asarray(target_parts)
  b, h, w, _ = source.shape
  tall, wide = min(reach[0], h - 1), min(reach[1], w - 1)
  rows = jnp.arange(b)[:, None, None]
  if tall * wide > 36:
    # A search over every second cell finds the neighbourhood at a sixteenth of the cost.
    dy, dx = _search(source[:, ::2, ::2], target[:, ::2, ::2], (tall + 1) // 2, (wide + 1) // 2)
    dy, dx = (2 * jnp.repeat(jnp.repeat(a, 2, axis=1), 2, axis=2)[:, :h, :w] for a in (dy, dx))
    dy, dx = _refine(source, target, dy, dx, 2)
  else:
    dy, dx = _search(source, target, tall, wide)
  y = jnp.clip(jnp.arange(h)[:, None] + dy, 0, h - 1)
  x = jnp.clip(jnp.arange(w) + dx, 0, w - 1)

  def slope(axis, index, size):
    ahead, behind = jnp.minimum(index + 1, size - 1), jnp.maximum(index - 1, 0)
    pair = (
      (source[rows, ahead, x], source[rows, behind, x])
      if axis == 1
      else (source[rows, y, ahead], source[rows, y, behind])
    )
    return (pair[0] - pair[1]) / jnp.maximum(ahead - behind, 1)[..., None]

  # Least squares of (target - source) on the two slopes, damped where they vanish.
  along_y, along_x = slope(1, y, h), slope(2, x, w)
  rest = target - source[rows, y, x]
  damping = 1e-6
  yy, xx = jnp.sum(along_y**2, -1) + damping, jnp.sum(along_x**2, -1) + damping
  xy = jnp.sum(along_x * along_y, -1)
  ry, rx = jnp.sum(along_y * rest, -1), jnp.sum(along_x * rest, -1)
  determinant = yy * xx - xy**2 + damping**2
  part_y = jnp.clip((xx * ry - xy * rx) / determinant, -0.6, 0.6)
  part_x = jnp.clip((yy * rx - xy * ry) / determinant, -0.6, 0.6)
  left = rest - part_y[..., None] * along_y - part_x[..., None] * along_x

  group = jnp.asarray(_GROUPS + (0,) * 6, jnp.int32)
  groups = [group[jnp.minimum(parts.astype(jnp.int32), 15)] for parts in (source_parts, target_parts)]
  same = groups[0][rows, y, x] == groups[1]
  near = jnp.exp(-jnp.sum(left**2, axis=-1) / tolerance**2)
  flow = jnp.stack([(dx + part_x) / w, (dy + part_y) / h], axis=-1)
  return FlowTruth(*jax.lax.stop_gradient((flow, (near * same)[..., None])))


def flow_losses(
  flow: jax.Array,
  coarse_flow: jax.Array,
  occlusion_logits: jax.Array,
  truth: FlowTruth,
  parts: jax.Array,
  canonical: jax.Array,
  known: jax.Array | None = None,
) -> dict[str, jax.Array]:
  """How far a warp is from the true one.

  Args:
    flow, coarse_flow, occlusion_logits: of a `Warped`.
    truth: at their resolution.
    parts: labels of the target there; eyeballs turn under their canonical coordinates and are left out.
    canonical: map of the target there.
    known: `[b]`, 1 where there is a truth, 0 for real recordings, which do not count; None: all have one.

  Returns:
    'flow': mean absolute error in cells over what is visible; 'flow_features': over the mouth and over the
    eyes; 'coarse_flow', 'coarse_flow_features': the same of `coarse_flow`; 'occlusion': cross-entropy, half of it that
    of the mouth and of the eyes, in each of which hidden and shown count alike: a lid or teeth are few cells.
  """
  h, w = flow.shape[1:3]
  cells = jnp.array([w, h], jnp.float32)
  counts = jnp.ones(flow.shape[:1]) if known is None else known
  counts = jnp.broadcast_to(counts[:, None, None, None], (*flow.shape[:3], 1))
  weight = counts * truth.visible * (parts != EYE)[..., None] * jnp.where(parts > 1, 2.0, 1.0)[..., None]
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
