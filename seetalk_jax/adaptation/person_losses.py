"""Losses of the fit to one person: geometry of the warps, and pictures of the decoder."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seetalk_jax.adaptation import face_region
from seetalk_jax.inference import renderer
from seetalk_jax.models.motion.motion_codec import Warped
from seetalk_jax.models.nn import image_ops
from seetalk_jax.stages import landmark_losses, losses, picture_mask
from seetalk_jax.stages.motion_codec import MotionCodecStage

PyTree = Any
Batch = Mapping[str, jax.Array]

# Weights of stage `motion_codec`, whose losses these are.
_STAGE = MotionCodecStage
# Mean error of a color, in [-1, 1], below which a pixel of the warped source is right.
_RIGHT = 0.1
# The edge loss prefers a blurred edge to a sharp one that is off by a pixel; this error outweighs it.
_ENERGY_WEIGHT = 2.0
# Motion of one person varies little. A smaller spread would make noise of the estimates as large as errors.
_LEAST_SPREAD = 0.1


class Pair(NamedTuple):
  """Sources warped to targets.

  Attributes:
    warped: the codec's warp.
    target: `[b, s, s, 3]` in [-1, 1].
    inside: `[b, s, s, 1]`, 1 where the target shows the recording.
    weight: `[b, s, s, 1]`, pixel weights with mean 1; 0 outside.
    shown: `weight` where the warp says that the source shows the target.
  """

  warped: Warped
  target: jax.Array
  inside: jax.Array
  weight: jax.Array
  shown: jax.Array


def spread_of(codec: Any, params: PyTree, motion: jax.Array, known: jax.Array) -> jax.Array:
  """Variance of the truth encoder's latents of measured motion, at least 0.1; the unit of errors of motion.

  Args:
    codec, params: the motion codec and its parameters.
    motion: motion vectors `[n, 58]`.
    known: `[n]`, 1 where the motion counts, else 0.
  """
  latents, rows = codec.apply({'params': params}, motion, method='encode_truth'), known[:, None]
  middle = jnp.sum(rows * latents, axis=0) / (jnp.sum(rows) + 1e-6)
  return jnp.maximum(losses.weighted_mean(jnp.square(latents - middle), rows), _LEAST_SPREAD)


def batch_of(frames: Batch, pairs: jax.Array, from_truth: jax.Array) -> dict[str, jax.Array]:
  """The rows of pairs, by the names that `stages.landmark_losses` reads.

  Args:
    frames: 'pixels', 'inside', 'landmarks', 'motion', 'measured', 'parts' (see `Examples`), `known [n]`: 1 where the
      truth encoder can encode the measured motion.
    pairs: int32 `[b, 2]`, rows of source and target.
    from_truth: `[b]`, 1 where the motion of the target comes from the truth encoder, if it is known.
  """
  batch = {}
  for column, side in enumerate(('source', 'target')):
    rows = pairs[:, column]
    batch[side] = image_ops.to_float(frames['pixels'][rows])
    batch |= {f'{side}_{name}': frames[name][rows] for name in ('landmarks', 'motion', 'known')}
  batch['landmark_weight'] = jnp.prod(frames['measured'][pairs], axis=1)
  batch['target_parts'] = frames['parts'][pairs[:, 1]]
  batch['inside'] = frames['inside'][pairs[:, 1]][..., None].astype(jnp.float32)
  batch['from_truth'] = from_truth * batch['source_known'] * batch['target_known']
  return batch


def geometry_loss(codec: Any, params: PyTree, batch: Batch, spread: jax.Array) -> tuple[jax.Array, Pair]:
  """Errors of flow and occlusion at landmarks, of the motion that phi_m reads, and of the warped sources.

  No decoder draws here, so the pictures can only come closer by moving pixels to their place. Where the warped source
  is right, it has to be visible, which favors copying over painting.

  Args:
    codec, params: the motion codec and its parameters.
    batch: from `batch_of`.
    spread: from `spread_of`.

  Returns:
    (loss, the warped pairs).
  """
  run = functools.partial(codec.apply, {'params': params})
  read, truth, agree = _motion(run, batch, spread)
  m_source, m_target = jnp.split(read, 2)
  m_target = jnp.where(batch['from_truth'][:, None] > 0, jnp.split(truth, 2)[1], m_target)
  warped = run(run(batch['source'], method='appearance'), m_source, m_target, method='warp')
  pair = _pair(warped, batch)
  errors = landmark_losses.landmark_errors(warped, warped.image, pair.target, batch).warp
  loss = _STAGE.agree_weight * agree
  loss += _STAGE.flow_weight * (errors['flow'] + 0.5 * errors['coarse_flow'])
  loss += _STAGE.feature_flow_weight * (errors['flow_features'] + 0.5 * errors['coarse_flow_features'])
  loss += _STAGE.occlusion_weight * errors['occlusion']
  loss += _STAGE.copy_weight * _hidden_error(pair)
  image = picture_mask.only_inside(warped.image, pair.target, pair.inside)
  weights = (_STAGE.warped_weight * _STAGE.pixel_weight, _STAGE.warped_weight * _STAGE.edge_weight)
  return loss + losses.picture_loss(pair.target, pair.shown, *weights)(image)[0], pair


def decoder_loss(
  modules: Mapping[str, Any],
  complete: bool,
  params: Mapping[str, PyTree],
  collections: Mapping[str, Any],
  pair: Pair,
  batch: Batch,
) -> jax.Array:
  """Errors of the drawn pictures, and the share that the decoder paints where the source shows the target.

  Args:
    modules, params, collections: the networks that draw.
    complete: whether the HR decoder draws, see `inference.renderer.draw`.
    pair, batch: from `geometry_loss` and `batch_of`.
  """
  image, copied = renderer.draw_parts(
    modules, complete, params, collections, pair.warped, 1.0, differentiable=True
  )
  image = picture_mask.only_inside(image, pair.target, pair.inside)
  loss = losses.picture_loss(pair.target, pair.weight, _STAGE.pixel_weight, _STAGE.edge_weight)(image)[0]
  loss += _ENERGY_WEIGHT * face_region.energy_error(image, pair.target, pair.weight)
  errors = landmark_losses.landmark_errors(pair.warped, image, pair.target, batch)
  loss += _STAGE.feature_weight * errors.features + _STAGE.hidden_weight * errors.features_hidden
  return loss + _STAGE.copy_weight * losses.weighted_mean(1.0 - copied, pair.shown)


def _motion(run, batch: Batch, spread: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Latents `[2 b, d]` of sources and targets: phi_m's, the truth encoder's, and the error of the first."""
  read = run(jnp.concatenate([batch['source'], batch['target']]), method='motion')
  motion, known = (
    jnp.concatenate([batch[f'{side}_{name}'] for side in ('source', 'target')])
    for name in ('motion', 'known')
  )
  truth = jax.lax.stop_gradient(run(motion, method='encode_truth'))
  return read, truth, losses.weighted_mean(jnp.square(read - truth), known[:, None]) / spread


def _hidden_error(pair: Pair) -> jax.Array:
  """Cross-entropy of the occlusion where the warped source is right, which no painting improves."""
  error = jnp.mean(jnp.abs(pair.warped.image - pair.target), axis=-1, keepdims=True)
  cells = pair.warped.occlusion_logits.shape[1:3]
  error, weight = (image_ops.resize_image(jax.lax.stop_gradient(x), cells) for x in (error, pair.weight))
  return losses.weighted_mean(jax.nn.softplus(-pair.warped.occlusion_logits), weight * (error < _RIGHT))


def _pair(warped: Warped, batch: Batch) -> Pair:
  weight = face_region.weights(batch['target'].shape[1]) * batch['inside']
  weight /= jnp.maximum(jnp.mean(weight), 1e-6)
  shown = image_ops.repeat_to(jax.lax.stop_gradient(warped.occlusion), weight.shape[1:3]) * weight
  return Pair(warped, batch['target'], batch['inside'], weight, shown)
