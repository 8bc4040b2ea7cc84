"""Losses against the ground truth of warps: flow, occlusion, and the picture of mouth and eyes.

Synthetic pairs carry motion, canonical maps and part labels of both frames; the maps of real recordings are zeros and
do not count. `motion_weight` weighs the motion fields: those of real recordings are estimated, or absent. The stages
`motion_codec` and `render` weigh what `truth_errors` gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seetalk_jax.models.motion import canonical
from seetalk_jax.models.motion.motion_codec import Warped
from seetalk_jax.models.nn import image_ops
from seetalk_jax.stages import landmark_losses, losses

Batch = Mapping[str, jax.Array]
_MOTION = ('motion_weight', 'source_motion', 'target_motion')
# The entries of view `motion_pair` that hold the ground truth of a pair.
ENTRIES = (
  'has_truth',
  *_MOTION,
  *(f'{side}_{what}' for side in ('source', 'target') for what in ('canonical', 'parts')),
  'parts_weight',
)


def entries(with_truth: bool, with_estimates: bool) -> tuple[str, ...]:
  """The entries of view `motion_pair` that losses against maps (`with_truth`), and against estimates, read."""
  names = (
    *(ENTRIES if with_truth else ()),
    *((*_MOTION, *landmark_losses.ENTRIES) if with_estimates else ()),
  )
  return tuple(dict.fromkeys(names))


class TruthErrors(NamedTuple):
  """Errors of a warp and of the picture made from it against the ground truth, over the samples that have one.

  Attributes:
    warp: what `losses.flow_losses` gives, by name.
    features: mean absolute error of mouth and eyes, scalar.
    features_hidden: that of what the source does not show of them, scalar.
    visible: 1 where the source shows what the target needs, on the grid of the flow, `[b, m, n, 1]`; no gradient
      passes. Samples without ground truth have the predicted occlusion here.
  """

  warp: dict[str, jax.Array]
  features: jax.Array
  features_hidden: jax.Array
  visible: jax.Array

  @property
  def metrics(self) -> dict[str, jax.Array]:
    """All errors by name."""
    return {**self.warp, 'features': self.features, 'features_hidden': self.features_hidden}


def truth_errors(
  warped: Warped, image: jax.Array, target: jax.Array, batch: Batch, reach_cells: int = 12
) -> TruthErrors:
  """Compares a warp, and the picture made from it, with the ground truth of the pair.

  Args:
    warped: the codec's warp of the source.
    image, target: predicted and true picture, `[b, h, w, 3]`.
    batch: with `has_truth` and the canonical maps and part labels of both frames.
    reach_cells: how far the true flow is searched, in cells of the flow.
  """
  grid = warped.flow.shape[1:3]
  maps = {
    name: image_ops.every_nth(batch[name], grid)
    for name in (f'{side}_{what}' for what in ('canonical', 'parts') for side in ('source', 'target'))
  }
  truth = canonical.match_canonical(*maps.values(), reach=(reach_cells, reach_cells))
  warp = losses.flow_losses(
    warped.flow,
    warped.coarse_flow,
    warped.occlusion_logits,
    truth,
    maps['target_parts'],
    maps['target_canonical'],
    batch['has_truth'],
  )
  has_truth = batch['has_truth'][:, None, None, None]
  in_regions = has_truth * maps['target_canonical']  # zeros lie in no region
  features, hidden = losses.feature_error(image, target, in_regions, truth.visible)
  visible = jnp.where(has_truth > 0, truth.visible, warped.occlusion)
  return TruthErrors(warp, features, hidden, jax.lax.stop_gradient(visible))


def use_truth(rng: jax.Array, rate: float, batch: Batch, with_estimates: bool = False) -> jax.Array:
  """Bool `[b, 1]`: which samples take their motion from the truth encoder.

  Args:
    rate: share of the samples with ground truth.
    batch: with `has_truth`, or with `motion_weight` if estimates are used.
    with_estimates: samples without ground truth take it too, at `rate` times the mean weight of their motion.
  """
  counts = batch.get('has_truth', jnp.zeros(len(batch['motion_weight'])))
  if with_estimates:
    counts = jnp.maximum(counts, jnp.mean(batch['motion_weight'], axis=-1))
  counts = counts[:, None]
  return jax.random.uniform(rng, counts.shape) < rate * counts


def head_mask(batch: Batch) -> jax.Array:
  """Where the target shows the head, `[b, h, w, 1]`; 1 everywhere in real recordings."""
  head = (batch['target_parts'] > losses.BODY)[..., None] | (batch['has_truth'] == 0)[:, None, None, None]
  return image_ops.upsample_nearest(head * 1.0, 4)


def psnrs(
  image: jax.Array, warped: Warped, target: jax.Array, head: jax.Array, inside: jax.Array
) -> dict[str, jax.Array]:
  """PSNR in dB of the picture, of its head and of the warped portrait's head, under the masks `head` and `inside`."""
  return {
    'psnr': losses.psnr(image, target, inside),
    'psnr_head': losses.psnr(image, target, head),
    'psnr_warped': losses.psnr(warped.image, target, head),
  }
