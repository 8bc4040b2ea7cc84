"""Motion codec: rebuild one frame from another, with the flow, the occlusion and the motion known."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import LIPS
from seetalk_jax.data import views
from seetalk_jax.models.nn import blocks
from seetalk_jax.stages import base, critics, losses, truth_losses

# Parts of the codec that make m or read it: kept, where m must keep its meaning for M_diff and the lip subspace.
KEPT = ('motion_encoder', 'truth_encoder', 'truth_reader')


@dataclasses.dataclass(frozen=True)
class MotionCodecStage(critics.CriticOptions, base.Stage):
  """phi_id, phi_m, warper and plain decoder.

  The target's motion is read off the target itself or off `driver`, another person with exactly the target's
  motion: the picture to draw is the same, so m cannot hold who moves. Where the truth is known, flow and
  occlusion are taught directly, and the truth encoder and `phi_m` learn to agree.

  Attributes:
    driver_rate: how often the motion comes from `driver`.
    truth_rate: how often motions (source and target) come from the truth encoder instead of frames.
    with_truth: batches carry motion truth and canonical maps where the entry `has_truth` is 1; of real recordings,
      and without it of all, only pictures teach.
    pixel_weight, edge_weight, warped_weight: of the picture, its edges, and the warped portrait where
      visible.
    copy_weight: of painting what the source shows: a mean of colours errs less than a copy that is a pixel off,
      but it is no face.
    feature_weight: of the picture of mouth and eyes alone; needs truth.
    hidden_weight: of what of them the source does not show alone.
    flow_weight, occlusion_weight: of the warp's truth; `coarse_flow` counts half.
    feature_flow_weight: of the flow of mouth and eyes alone.
    places_weight: of where each place of the source lies on a resting head.
    agree_weight, read_weight: of `motion` against `encode_truth` (its error relative to their spread), and of
      `read_truth`.
    motion_noise: added to m before it warps: what matters must stand out in m.
    cycle_weight: of the cycle over another identity: the next portrait of the batch is given the target's motion,
      and phi_m must read that motion off what is drawn. For real recordings, which have no `driver`.
    keep_motion: leave `phi_m` and the truth networks as they start: motion tracks of other stages stay valid.
    reach_cells: how far, in cells of 4 pixels, the true flow is searched.
  """

  networks: Mapping[str, nn.Module]
  frozen: Mapping[str, nn.Module] = dataclasses.field(default_factory=dict)
  name: str = 'motion_codec'
  view: str = 'motion_pair'
  image_size: int = 256
  driver_rate: float = 0.5
  truth_rate: float = 0.5
  with_truth: bool = True
  pixel_weight: float = 1.0
  edge_weight: float = 1.0
  warped_weight: float = 0.5
  copy_weight: float = 0.1
  feature_weight: float = 1.0
  hidden_weight: float = 0.5
  flow_weight: float = 0.3
  feature_flow_weight: float = 0.3
  occlusion_weight: float = 0.5
  places_weight: float = 0.5
  agree_weight: float = 0.5
  read_weight: float = 0.2
  motion_noise: float = 0.1
  cycle_weight: float = 0.0
  keep_motion: bool = False
  reach_cells: int = 12

  def batch_spec(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
    names = ('source', 'target', 'driver', *(truth_losses.ENTRIES if self.with_truth else ()))
    return views.batch_spec(self.view, batch_size, self.image_size, only=names)

  def init(self, rng: jax.Array, frozen: base.Frozen) -> tuple[dict[str, Any], dict[str, Any]]:
    del frozen
    image = jnp.zeros((1, self.image_size, self.image_size, 3))
    params = {'motion_codec': self.networks['motion_codec'].init(rng, image, image)['params']}
    return params | critics.init_discriminator(self.networks, rng, self.image_size), {}

  def trainable(self, params: Mapping[str, Any]) -> Any:
    """Everything, or everything but what makes m, as `keep_motion` says."""
    kept = KEPT if self.keep_motion else ()
    return trainable_but(kept, params)

  def loss(self, params, frozen, collections, batch, rng, step):
    run = functools.partial(self.networks['motion_codec'].apply, {'params': params['motion_codec']})
    source, target = blocks.to_float(batch['source']), blocks.to_float(batch['target'])
    driver_rng, truth_rng, noise_rng = jax.random.split(rng, 3)
    m_source, m_target = self._motions(run, source, target, batch['driver'], driver_rng)
    loss, metrics = 0.0, {}
    if self.with_truth:
      added, found, (source_truth, target_truth) = self._agreement(run, m_source, m_target, batch)
      loss += added
      metrics |= found
      use_truth = truth_losses.use_truth(truth_rng, self.truth_rate, batch)
      m_source = jnp.where(use_truth, source_truth, m_source)
      m_target = jnp.where(use_truth, target_truth, m_target)
    noise = self.motion_noise * jax.random.normal(noise_rng, (2, *m_source.shape))
    m_source, m_target = m_source + noise[0], m_target + noise[1]

    appearance = run(source, method='appearance')
    warped = run(appearance, m_source, m_target, method='warp')
    image, copied = run(warped, method='decode_parts')

    weight = (
      losses.part_weights(batch['target_parts']) if self.with_truth else jnp.ones((len(image), 1, 1, 1))
    )
    picture_loss = losses.picture_loss(target, weight, self.pixel_weight, self.edge_weight)
    pictures, picture_metrics = picture_loss(image)
    judged, judge_metrics = critics.judge(
      self, self.networks, self.frozen, params, frozen, image, target, lambda x: picture_loss(x)[0], step
    )
    loss += pictures + judged
    metrics |= {**picture_metrics, **judge_metrics}

    visible, head = jax.lax.stop_gradient(warped.occlusion), None
    if self.with_truth:
      errors = truth_losses.truth_errors(warped, image, target, batch, self.reach_cells)
      places = _places_error(appearance, batch)
      loss = self._add_truth(loss, errors, places)
      metrics |= {**errors.metrics, 'places': places}
      visible, head = errors.visible, truth_losses.head_mask(batch)
    added, found = self._copies(warped, copied, target, blocks.upsample_nearest(visible, 4) * weight)
    loss += added
    metrics |= found
    if self.cycle_weight:
      metrics['cycle'] = self._cycle(run, appearance, m_source, m_target)
      loss += self.cycle_weight * metrics['cycle']
    metrics |= {
      **truth_losses.psnrs(image, warped, target, head),
      'psnr_copy': losses.psnr(source, target, head),
      'visible': jnp.mean(visible),
    }
    return loss, (metrics, collections)

  def _motions(self, run, source, target, driver, rng):
    """Motions `[b, d]` of source and target as phi_m reads them; the target's partly off the driver."""
    use_driver = jax.random.uniform(rng, (len(source), 1, 1, 1)) < self.driver_rate
    driver = jnp.where(use_driver, blocks.to_float(driver), target)
    return jnp.split(run(jnp.concatenate([source, driver]), method='motion'), 2)

  def _agreement(self, run, m_source, m_target, batch):
    """Agreement of phi_m with the truth encoder, and the errors of what `read_truth` reads off both.

    Returns:
      (loss, metrics, the truth encoder's motions of source and target).
    """
    truth = jnp.concatenate([batch['source_motion'], batch['target_motion']])
    m_frames, m_truth = jnp.concatenate([m_source, m_target]), run(truth, method='encode_truth')
    # phi_m follows the truth encoder, whose latents hold all that moves and nothing else from the first
    # step on; the other way a fresh phi_m, which says the same of every frame, would pull all together.
    m_truth_fixed = jax.lax.stop_gradient(m_truth)
    counts = jnp.concatenate([batch['has_truth'], batch['has_truth']])[:, None]
    middle = jnp.sum(counts * m_truth_fixed, axis=0) / (jnp.sum(counts) + 1e-6)
    spread = losses.weighted_mean(jnp.square(m_truth_fixed - middle), counts)
    agree = losses.weighted_mean(jnp.square(m_frames - m_truth_fixed), counts) / (spread + 1e-3)
    read = run(jnp.concatenate([m_frames, m_truth]), method='read_truth')
    scales = self.networks['motion_codec'].motion_scales
    error = jnp.abs((read - jnp.concatenate([truth, truth])) / scales)
    of_frames, of_truth = (losses.weighted_mean(half, counts) for half in jnp.split(error, 2))
    metrics = {
      'agree': agree,
      'motion_spread': spread,
      'read': of_frames,
      'read_lips': losses.weighted_mean(error[: len(truth), LIPS], counts),
      'read_truth': of_truth,
    }
    loss = self.agree_weight * agree + self.read_weight * 0.5 * (of_frames + of_truth)
    return loss, metrics, (m_truth[: len(m_source)], m_truth[len(m_source) :])

  def _add_truth(self, loss, errors, places):
    """`loss` plus the weighted errors against the ground truth, added one by one: the order is part of the sum."""
    warp = errors.warp
    loss += self.flow_weight * (warp['flow'] + 0.5 * warp['coarse_flow'])
    loss += self.feature_flow_weight * (warp['flow_features'] + 0.5 * warp['coarse_flow_features'])
    loss += self.places_weight * places
    loss += self.occlusion_weight * warp['occlusion']
    return loss + (self.feature_weight * errors.features + self.hidden_weight * errors.features_hidden)

  def _copies(self, warped, copied, target, shown):
    """Error of the warped portrait where it is visible, and how much the decoder paints there: (loss, metrics)."""
    error = losses.weighted_mean(losses.charbonnier(warped.image - target), shown)
    painted = losses.weighted_mean(1.0 - copied, shown)
    return self.warped_weight * error + self.copy_weight * painted, {'warped': error, 'painted': painted}

  def _cycle(self, run, appearance, m_source, m_target):
    """Error of the motion read off other people who were given it, over the batch's own spread."""
    others = jax.tree.map(lambda a: jnp.roll(a, 1, axis=0), (appearance, m_source))
    wanted = jax.lax.stop_gradient(m_target)
    crossed = run(run(*others, wanted, method='warp'), method='decode')
    error = jnp.mean(jnp.square(run(crossed, method='motion') - wanted))
    return error / (jnp.mean(jnp.var(wanted, axis=0)) + 1e-3)

  def preview(self, params, frozen, collections, batch, rng) -> np.ndarray:
    """Rows: source, target, driver, warped, drawn from the target's motion, from the driver's, occlusion."""
    del frozen, collections, rng
    source, target, driver = (
      blocks.to_float(jnp.asarray(batch[k][:4])) for k in ('source', 'target', 'driver')
    )

    @jax.jit
    def draw(params, source, target, driver):
      apply = self.networks['motion_codec'].apply
      image, warped, m_source, _ = apply({'params': params}, source, target)
      appearance = apply({'params': params}, source, method='appearance')
      m_driver = apply({'params': params}, driver, method='motion')
      other = apply({'params': params}, appearance, m_source, m_driver, method='warp')
      crossed = apply({'params': params}, other, method='decode')
      occlusion = jnp.broadcast_to(blocks.upsample_nearest(2 * warped.occlusion - 1, 4), image.shape)
      return warped.image, image, crossed, occlusion

    return blocks.picture_grid(
      [source, target, driver, *draw(params['motion_codec'], source, target, driver)]
    )


def trainable_but(kept: Collection[str], params: Mapping[str, Any]) -> Any:
  """True for every array of `params`, False for those of the codec's parts in `kept`."""

  def of(network, tree):
    if network != 'motion_codec':
      return jax.tree.map(lambda _: True, tree)
    return {part: jax.tree.map(lambda _, keep=part in kept: not keep, sub) for part, sub in tree.items()}

  return {network: of(network, tree) for network, tree in params.items()}


def _places_error(appearance, batch: base.Batch) -> jax.Array:
  """Mean error of where each place of the source lies on the resting head; the head counts twice."""
  has_truth = batch['has_truth'][:, None, None, None]
  weight = has_truth * (1.0 + (batch['source_parts'] > losses.BODY)[..., None])
  return losses.weighted_mean(losses.charbonnier(appearance.ways.places - batch['source_canonical']), weight)


def uses(config) -> base.Uses:
  """The codec, and what its critics need."""
  discriminator, judges = critics.networks_of(config)
  return base.Uses(trained=('motion_codec', *discriminator), frozen=judges)


def build(config, given: Mapping[str, nn.Module]) -> MotionCodecStage:
  """The stage of a configuration."""
  options = base.options_of(MotionCodecStage, config)
  networks, frozen = base.networks_for(uses(config), config, given)
  return MotionCodecStage(networks=networks, frozen=frozen, **options)
