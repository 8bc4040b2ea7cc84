"""Losses against face landmarks of warps: flow, occlusion, and the picture of mouth and eyes.

They stand in for `truth_losses` where a frame has landmarks and no canonical map, as in real recordings. A row counts
by `landmark_weight`, relative to the rows of the batch that have maps.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.media import landmark_indices as indices
from seetalk_jax.models.motion.motion_codec import Warped
from seetalk_jax.models.motion.warping import grid_sample, identity_grid
from seetalk_jax.models.nn import image_ops
from seetalk_jax.stages import base, losses

# The entries of view `motion_pair` that these losses read. `has_truth`, if it is there, leaves out rows with maps.
ENTRIES = ('source_landmarks', 'target_landmarks', 'landmark_weight', 'target_parts', 'parts_weight')

# MediaPipe moves the outline of the face along the visible edge, and irises are guesses under closed lids: the same
# number is not the same place of the head.
_FIXED = np.array(
  sorted({*range(indices.NUM_LANDMARKS)} - {*indices.FACE_OUTLINE, *indices.RIGHT_IRIS, *indices.LEFT_IRIS})
)
_LIPS = (*indices.OUTER_LIP_CONTOUR, *indices.INNER_LIP_CONTOUR)
_RIGHT_EYE = (*indices.RIGHT_EYE_CONTOUR, *indices.RIGHT_BROW)
_LEFT_EYE = (*indices.LEFT_EYE_CONTOUR, *indices.LEFT_BROW)
_IS_LIP, _IS_EYE = (np.isin(_FIXED, group).astype(np.float32) for group in (_LIPS, (*_RIGHT_EYE, *_LEFT_EYE)))
# Two landmarks within this distance, in picture units, are in one place: a cell at 256 pixels.
_SAME_PLACE = 1 / 64
_APART = 1 / 64  # shifts that differ by more than this are those of two surfaces
_MARGIN = 0.02  # around the landmarks of mouth and eyes


class LandmarkErrors(NamedTuple):
  """Errors of a warp, and of the picture made from it, against landmarks; scalars, 0 without landmarks.

  Attributes:
    warp: 'flow', 'flow_features', 'coarse_flow', 'coarse_flow_features' and 'occlusion', as `losses.flow_losses`
      defines them, at landmarks.
    features: mean absolute error of mouth and eyes.
    features_hidden: that of what the source does not show of them.
  """

  warp: dict[str, jax.Array]
  features: jax.Array
  features_hidden: jax.Array

  @property
  def metrics(self) -> dict[str, jax.Array]:
    """All errors, as 'landmark_' and their name."""
    named = {**self.warp, 'features': self.features, 'features_hidden': self.features_hidden}
    return {f'landmark_{name}': value for name, value in named.items()}


def landmark_errors(warped: Warped, image: jax.Array, target: jax.Array, batch: base.Batch) -> LandmarkErrors:
  """Compares a warp, and the picture made from it, with the landmarks of the pair.

  Args:
    warped: the codec's warp of the source.
    image, target: predicted and true picture, `[b, h, w, 3]`.
    batch: with `ENTRIES`; rows whose `has_truth` is 1 do not count.
  """
  rows, mapped = row_weights(batch), _has_map(batch)
  # A mean over the rows that count, times their share of the weight of the batch: beside rows with maps, estimates
  # have less effect; alone, they have all of it.
  share = jnp.sum(rows) / (jnp.sum(jnp.maximum(rows, mapped)) + 1e-6)
  shown = visible_share(batch)
  clear = rows[:, None] * clear_points(batch['source_landmarks'], batch['target_landmarks'])
  points = jnp.asarray(batch['target_landmarks'])[:, _FIXED]
  shift = batch['source_landmarks'][:, _FIXED] - points
  names = ('flow', 'flow_features', 'coarse_flow', 'coarse_flow_features')
  errors = [
    error for flow in (warped.flow, warped.coarse_flow) for error in _flow_errors(flow, points, shift, clear)
  ]
  warp = dict(zip(names, errors, strict=True))
  warp['occlusion'] = _occlusion_error(warped.occlusion_logits, points, clear, shown, rows, batch)
  regions = rows[:, None, None, None] * feature_regions(batch['target_landmarks'], warped.flow.shape[1:3])
  parts = image_ops.every_nth(batch['target_parts'], warped.flow.shape[1:3])
  visible = 1.0 - _openings(parts) * (1.0 - shown)[:, None, None]
  features, hidden = losses.region_error(image, target, regions, visible)
  return LandmarkErrors({name: share * x for name, x in warp.items()}, share * features, share * hidden)


def row_weights(batch: base.Batch) -> jax.Array:
  """Weight of each row in these losses, `[b]`: that of its landmarks, 0 for rows with maps."""
  return batch['landmark_weight'] * (1.0 - _has_map(batch))


def _has_map(batch):
  return batch.get('has_truth', jnp.zeros_like(batch['landmark_weight']))


def clear_points(source: jax.Array, target: jax.Array) -> jax.Array:
  """Which landmarks say where the flow must lead: float32 `[b, n]` of the `n` that are fixed to the head, 0 or 1.

  A landmark outside of either picture does not. Nor do landmarks that lie in one place of the target and apart in the
  source, such as closed lips or the far side of a turned head: only one of them is visible.

  Args:
    source, target: landmarks `[b, 478, 2]`, relative 0 to 1.
  """
  source, target = source[:, _FIXED], target[:, _FIXED]
  inside = jnp.all((jnp.minimum(source, target) > 0) & (jnp.maximum(source, target) < 1), axis=-1)

  def distance(points):
    return jnp.max(jnp.abs(points[:, :, None] - points[:, None]), axis=-1)

  unclear = (distance(target) < _SAME_PLACE) & (distance(source - target) > _APART)
  return (inside & ~jnp.any(unclear, axis=-1)).astype(jnp.float32)


def visible_share(batch: base.Batch) -> jax.Array:
  """How much of what the target shows between the lips, and between the lids, the source shows too.

  Returns:
    float32 `[b, 2]` of mouth and eyes, 0 to 1: the ratio of the openings; 1 where the target is closed.
  """
  gaps = [_gaps(batch[f'{side}_landmarks']) for side in ('source', 'target')]
  ratio = jnp.clip(gaps[0] / jnp.maximum(gaps[1], 1e-6), 0.0, 1.0)
  return jnp.where(gaps[1] < _SAME_PLACE / 2, 1.0, ratio)


def feature_regions(landmarks: jax.Array, size: tuple[int, int]) -> jax.Array:
  """Masks of mouth and eyes, float32 `[b, *size, 2]`: boxes around the lips, and around each eye with its brow."""
  grid = identity_grid(*size)

  def box(group):
    points = landmarks[:, np.array(group)]
    low, high = jnp.min(points, axis=1) - _MARGIN, jnp.max(points, axis=1) + _MARGIN
    return jnp.all((grid > low[:, None, None]) & (grid < high[:, None, None]), axis=-1)

  return jnp.stack([box(_LIPS), box(_RIGHT_EYE) | box(_LEFT_EYE)], axis=-1).astype(jnp.float32)


def _gaps(landmarks):
  """Mean distance of opposite points of the inner lips and of the lids, `[b, 2]`, in picture units."""

  def gap(contour):
    half = len(contour) // 2  # corner, upper edge, corner, lower edge backwards
    upper, lower = np.array(contour[1:half]), np.array(contour[:half:-1])
    return jnp.mean(jnp.linalg.norm(landmarks[:, upper] - landmarks[:, lower], axis=-1), axis=-1)

  eyes = 0.5 * (gap(indices.RIGHT_EYE_CONTOUR) + gap(indices.LEFT_EYE_CONTOUR))
  return jnp.stack([gap(indices.INNER_LIP_CONTOUR), eyes], axis=-1)


def _openings(parts):
  """Masks of what lies between the lips and between the lids, float32 `[b, m, n, 2]`."""
  return jnp.stack([parts == losses.MOUTH, parts == losses.EYE], axis=-1).astype(jnp.float32)


def _flow_errors(flow, points, shift, weight):
  """Errors in cells of all landmarks, and the mean of those of lips and of eyes."""
  cells = jnp.array([flow.shape[2], flow.shape[1]], jnp.float32)
  error = losses.charbonnier((grid_sample(flow, points[:, None])[:, 0] - shift) * cells, 0.1)
  of_regions = [losses.weighted_mean(error, (weight * group)[..., None]) for group in (_IS_LIP, _IS_EYE)]
  return losses.weighted_mean(error, weight[..., None]), 0.5 * sum(of_regions)


def _occlusion_error(logits, points, clear, shown, rows, batch):
  """Cross-entropy of the occlusion: one half at landmarks, which are visible, one half between lips and lids."""
  at_points = jax.nn.softplus(-grid_sample(logits, points[:, None])[:, 0])
  parts = image_ops.every_nth(batch['target_parts'], logits.shape[1:3])
  openings = rows[:, None, None, None] * _openings(parts)
  cross_entropy = jax.nn.softplus(logits) - shown[:, None, None] * logits
  of_openings = [
    losses.weighted_mean(cross_entropy[..., i : i + 1], openings[..., i : i + 1]) for i in (0, 1)
  ]
  return 0.5 * losses.weighted_mean(at_points, clear[..., None]) + 0.25 * sum(of_openings)
