"""Motion codec stage: reconstruct one frame from another, supervised by true flow, occlusion and motion."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import LIPS, TRUTH_KNOWN
from seetalk_jax.data import views
from seetalk_jax.errors import ConfigError
from seetalk_jax.models.nn import image_ops
from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import (
  base,
  critics,
  crossed_losses,
  figures,
  landmark_losses,
  losses,
  picture_mask,
  truth_known,
  truth_losses,
)

_LIPS = np.array(LIPS)
_PREPARE_BATCHES = 8
# Parts of the codec that encode or decode m. They stay fixed where M_diff and the lip subspace depend on m.
KEPT = ('motion_encoder', 'truth_encoder', 'truth_reader')


@dataclasses.dataclass(frozen=True)
class MotionCodecStage(crossed_losses.CrossedOptions, critics.CriticOptions, base.Stage):
  """Training of phi_id, phi_m, the warper and the plain decoder.

  The target's motion is encoded from the target or from `driver`, another person with exactly the target's
  motion. The output image is the same for both, so m cannot carry identity. With ground truth, flow and
  occlusion are supervised directly, and the latents of the truth encoder and of phi_m are trained to agree.
  With estimates, landmarks supervise flow and occlusion of the records without maps, and motion that `seetalk prepare`
  measured teaches the truth encoder; `constants.STATUS_WEIGHTS` weighs both.

  Attributes:
    image_size: height and width of the images, in pixels.
    driver_rate: probability that the motion comes from `driver`.
    truth_rate: probability that the motions (source and target) come from the truth encoder instead of
      frames; with estimates, in samples without ground truth, this times the mean weight of their motion.
    with_truth: batches have canonical maps for the records whose entry `has_truth` is 1, and motion weighted by
      their entry `motion_weight`. Without this option and the next, records use only the image losses.
    with_estimates: batches have motion weighted by `motion_weight`, and landmarks weighted by `landmark_weight`, which
      supervise the records without maps.
    pixel_weight: multiplies the Charbonnier error of the decoded image against the target.
    edge_weight: multiplies the edge loss of the decoded image.
    texture_weight: multiplies the texture loss of the decoded image; 0 leaves it out.
    warped_weight: multiplies the Charbonnier error of the warped source against the target, over visible
      pixels.
    copy_weight: multiplies the mean share that the decoder does not copy from the warped source, over visible
      pixels. It favors sharp copies over averaged colors, which have a lower pixel error than a copy that is
      one pixel off.
    feature_weight: multiplies the Charbonnier error of the decoded image in the mouth and eye regions; needs
      ground truth.
    hidden_weight: multiplies the same error over the cells of these regions that the source does not show.
    flow_weight: multiplies the flow error plus half the error of `coarse_flow`.
    feature_flow_weight: multiplies the flow error in the mouth and eye regions plus half that of
      `coarse_flow`.
    occlusion_weight: multiplies the cross-entropy of the occlusion.
    places_weight: multiplies the error of the canonical coordinates that are predicted for the source.
    agree_weight: multiplies the squared difference of `motion` and `encode_truth`, divided by the variance of
      the latter. A sample counts by the mean weight of its motion fields.
    read_weight: multiplies the absolute error of `read_truth` in units of `motion_scales`, averaged over the
      latents of `motion` and `encode_truth`.
    motion_noise: standard deviation of the noise added to m before warping, so that m encodes motion with a
      margin.
    keep_motion: freeze phi_m and the truth networks, so that motion tracks of other stages stay valid.
    geometry_only: train the identity encoder, the warper and the truth networks alone, on exact motion: no frame is
      encoded as motion, and nothing is painted. Needs ground truth. Steps cost about a third, at smaller pictures less
      still, so that a long training can begin with it.
    reach_cells: search radius of the true flow, in cells of the flow.
  """

  preview_rows = (
    'source',
    'target',
    'driver',
    'warped source',
    "source with the target's motion",
    "source with the driver's motion",
    'visible in the source (white)',
  )
  networks: Mapping[str, nn.Module]
  frozen: Mapping[str, nn.Module] = dataclasses.field(default_factory=dict)
  name: str = 'motion_codec'
  view: str = 'motion_pair'
  image_size: int = 256
  driver_rate: float = 0.5
  truth_rate: float = 0.5
  with_truth: bool = True
  with_estimates: bool = False
  pixel_weight: float = 1.0
  edge_weight: float = 1.0
  texture_weight: float = 0.0
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
  keep_motion: bool = False
  geometry_only: bool = False
  reach_cells: int = 12

  def batch_spec(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
    read = truth_losses.entries(self.with_truth, self.with_estimates)
    pictures = ('source', 'target') if self.geometry_only else ('source', 'target', 'driver')
    names = (*pictures, 'picture_box', *read)
    return views.batch_spec(self.view, batch_size, self.image_size, only=names)

  @property
  def _with_motion(self) -> bool:
    """Whether batches have motion vectors, and part labels."""
    return self.with_truth or self.with_estimates

  def check_frozen(self, frozen: base.Frozen) -> None:
    """The codec whose truth networks stay as they are must have trained ones, if they are used."""
    if self.keep_motion and self._with_motion:
      truth_known.check(frozen, self.name, ', or set options.keep_motion=False')

  @property
  def statistics_entries(self) -> tuple[str, ...]:
    return ('motion_weight',) if self._with_motion and not self.keep_motion else ()

  def prepare(self, frozen: base.Frozen, batches) -> dict[str, dict[str, np.ndarray]]:
    """`truth_known`: 1 if this run, or with `keep_motion` the run before it, trains the truth encoder; else 0."""
    if self.keep_motion:
      known = truth_known.is_known(frozen.statistics)
    else:
      some = itertools.islice(batches if self._with_motion else (), _PREPARE_BATCHES)
      weights = (device_mesh.to_host(jnp.max(batch['motion_weight'])) for batch in some)
      known = bool(self.read_weight) and any(weight > 0 for weight in weights)
    return {'motion_codec': {TRUTH_KNOWN: np.float32(known)}}

  def init(self, rng: jax.Array, frozen: base.Frozen) -> tuple[dict[str, Any], dict[str, Any]]:
    del frozen
    image = jnp.zeros((1, self.image_size, self.image_size, 3))
    params = {'motion_codec': self.networks['motion_codec'].init(rng, image, image)['params']}
    return params | critics.init_discriminator(self.networks, rng, self.image_size), {}

  def trainable(self, params: Mapping[str, Any]) -> Any:
    """All parameters; with `keep_motion`, all except those of the parts in `KEPT`."""
    kept = KEPT if self.keep_motion else ()
    return base.trainable_but('motion_codec', kept, params)

  def loss(self, params, frozen, collections, batch, rng, step):
    run = functools.partial(self.networks['motion_codec'].apply, {'params': params['motion_codec']})
    if self.geometry_only:
      loss, metrics = self._geometry(run, batch, rng)
      return loss, (metrics, collections)
    source, target = image_ops.to_float(batch['source']), image_ops.to_float(batch['target'])
    driver_rng, truth_rng, noise_rng = jax.random.split(rng, 3)
    m_source, m_target = self._motions(run, source, target, batch['driver'], driver_rng)
    loss, metrics = 0.0, {}
    if self._with_motion:
      added, added_metrics, (source_truth, target_truth) = self._agreement(run, m_source, m_target, batch)
      loss += added
      metrics |= added_metrics
      use_truth = truth_losses.use_truth(truth_rng, self.truth_rate, batch, self.with_estimates)
      m_source = jnp.where(use_truth, source_truth, m_source)
      m_target = jnp.where(use_truth, target_truth, m_target)
    without_noise = m_target  # phi_m cannot recover the noise from a picture
    noise = self.motion_noise * jax.random.normal(noise_rng, (2, *m_source.shape))
    m_source, m_target = m_source + noise[0], m_target + noise[1]

    appearance = run(source, method='appearance')
    warped = run(appearance, m_source, m_target, method='warp')
    image, copied = run(warped, method='decode_parts')
    inside = picture_mask.of_batch(batch, target)
    image = picture_mask.only_inside(image, target, inside)

    weight = (
      losses.part_weights(batch['target_parts'], batch['parts_weight'])
      if self._with_motion
      else jnp.ones((len(image), 1, 1, 1))
    )
    picture_loss = losses.picture_loss(
      target, weight, self.pixel_weight, self.edge_weight, self.texture_weight
    )
    pictures, picture_metrics = picture_loss(image)
    critic_loss, critic_metrics = critics.critic_losses(
      self, self.networks, self.frozen, params, frozen, image, target, lambda x: picture_loss(x)[0], step
    )
    loss += pictures + critic_loss
    metrics |= {**picture_metrics, **critic_metrics}

    visible, head = jax.lax.stop_gradient(warped.occlusion), inside
    if self.with_truth:
      errors = truth_losses.truth_errors(warped, image, target, batch, self.reach_cells)
      coords_error = _coords_error(appearance, batch)
      loss = self._add_truth(loss, errors, coords_error)
      metrics |= figures.measured({**errors.metrics, 'places': coords_error}, batch['has_truth'])
      visible, head = errors.visible, truth_losses.head_mask(batch) * inside
    if self.with_estimates:
      errors = landmark_losses.landmark_errors(warped, image, target, batch)
      loss = self._add_truth(loss, errors, 0.0)
      metrics |= figures.measured(errors.metrics, landmark_losses.row_weights(batch))
    shown = image_ops.repeat_to(visible, target.shape[1:3]) * weight * inside
    added, added_metrics = self._copies(warped, copied, target, shown)
    loss += added
    metrics |= added_metrics
    if self.crosses:
      # The cycle alone does not change the motion that is to be recovered; the judges do.
      given = m_target if self.judges else jax.lax.stop_gradient(m_target)
      crossed = crossed_losses.crossed_picture(run, appearance, m_source, given)
      added, added_metrics = self._judge(
        run, params, frozen, crossed, source, without_noise, critic_metrics, step
      )
      loss += added
      metrics |= added_metrics
    metrics |= {
      **truth_losses.psnrs(image, warped, target, head, inside),
      'psnr_copy': losses.psnr(source, target, head),
      'visible': jnp.mean(visible),
    }
    return loss, (metrics, collections)

  def _geometry(self, run, batch, rng):
    """Loss and metrics of the warp by exact motion, and of the truth networks."""
    source, target = image_ops.to_float(batch['source']), image_ops.to_float(batch['target'])
    truth = jnp.concatenate([batch['source_motion'], batch['target_motion']])
    motion = run(truth, method='encode_truth')
    motion = motion + self.motion_noise * jax.random.normal(rng, motion.shape)
    read = run(motion, method='read_truth')
    weights = jnp.concatenate([batch['motion_weight'], batch['motion_weight']])
    scales = self.networks['motion_codec'].motion_scales
    read_truth = losses.weighted_mean(jnp.abs((read - truth) / scales), weights)

    appearance = run(source, method='appearance')
    warped = run(appearance, *jnp.split(motion, 2), method='warp')
    errors = truth_losses.truth_errors(warped, warped.image, target, batch, self.reach_cells)
    coords_error = _coords_error(appearance, batch)
    inside = picture_mask.of_batch(batch, target)
    visible, head = errors.visible, truth_losses.head_mask(batch) * inside
    weight = losses.part_weights(batch['target_parts'], batch['parts_weight']) * inside
    shown = image_ops.repeat_to(visible, target.shape[1:3]) * weight
    error = losses.weighted_mean(losses.charbonnier(warped.image - target), shown)
    warp = errors.warp
    loss = self.flow_weight * (warp['flow'] + 0.5 * warp['coarse_flow'])
    loss += self.feature_flow_weight * (warp['flow_features'] + 0.5 * warp['coarse_flow_features'])
    loss += self.places_weight * coords_error + self.occlusion_weight * warp['occlusion']
    loss += self.read_weight * read_truth + self.warped_weight * error
    return loss, {
      **figures.measured({**warp, 'places': coords_error}, batch['has_truth']),
      'read_truth': read_truth,
      'warped': error,
      'psnr_warped': losses.psnr(warped.image, target, head),
      'psnr_copy': losses.psnr(source, target, head),
      'visible': jnp.mean(visible),
    }

  def _motions(self, run, source, target, driver, rng):
    """Motions `[b, d]` of source and target as phi_m reads them; the target's partly off the driver."""
    use_driver = jax.random.uniform(rng, (len(source), 1, 1, 1)) < self.driver_rate
    driver = jnp.where(use_driver, image_ops.to_float(driver), target)
    return jnp.split(run(jnp.concatenate([source, driver]), method='motion'), 2)

  def _agreement(self, run, m_source, m_target, batch):
    """Agreement of phi_m with the truth encoder, and the errors of what `read_truth` reads off both.

    Returns:
      (loss, metrics, the truth encoder's motions of source and target).
    """
    truth = jnp.concatenate([batch['source_motion'], batch['target_motion']])
    m_frames, m_truth = jnp.concatenate([m_source, m_target]), run(truth, method='encode_truth')
    # phi_m follows the truth encoder, whose latents hold all motion and nothing else from the first step
    # on. In the other direction an untrained phi_m, which is constant, would collapse the truth encoder.
    m_truth_fixed = jax.lax.stop_gradient(m_truth)
    weights = jnp.concatenate([batch['motion_weight'], batch['motion_weight']])
    counts = jnp.mean(weights, axis=1, keepdims=True)  # of a whole motion: 1 for exact ones
    middle = jnp.sum(counts * m_truth_fixed, axis=0) / (jnp.sum(counts) + 1e-6)
    spread = losses.weighted_mean(jnp.square(m_truth_fixed - middle), counts)
    agree = losses.weighted_mean(jnp.square(m_frames - m_truth_fixed), counts) / (spread + 1e-3)
    read = run(jnp.concatenate([m_frames, m_truth]), method='read_truth')
    scales = self.networks['motion_codec'].motion_scales
    error = jnp.abs((read - jnp.concatenate([truth, truth])) / scales)
    of_frames, of_truth = (losses.weighted_mean(half, weights) for half in jnp.split(error, 2))
    metrics = {
      'agree': agree,
      'motion_spread': spread,
      'read': of_frames,
      'read_lips': losses.weighted_mean(error[: len(truth), _LIPS], weights[:, _LIPS]),
      'read_truth': of_truth,
    }
    loss = self.agree_weight * agree + self.read_weight * 0.5 * (of_frames + of_truth)
    return loss, figures.measured(metrics, weights), (m_truth[: len(m_source)], m_truth[len(m_source) :])

  def _add_truth(self, loss, errors, coords_error):
    """`loss` plus the weighted errors against the ground truth, added one by one: the order is part of the sum."""
    warp = errors.warp
    loss += self.flow_weight * (warp['flow'] + 0.5 * warp['coarse_flow'])
    loss += self.feature_flow_weight * (warp['flow_features'] + 0.5 * warp['coarse_flow_features'])
    loss += self.places_weight * coords_error
    loss += self.occlusion_weight * warp['occlusion']
    return loss + (self.feature_weight * errors.features + self.hidden_weight * errors.features_hidden)

  def _copies(self, warped, copied, target, shown):
    """Error of the warped portrait where it is visible, and how much the decoder paints there: (loss, metrics)."""
    error = losses.weighted_mean(losses.charbonnier(warped.image - target), shown)
    painted = losses.weighted_mean(1.0 - copied, shown)
    return self.warped_weight * error + self.copy_weight * painted, {'warped': error, 'painted': painted}

  def _judge(self, run, params, frozen, crossed, source, m_target, critic_metrics, step):
    """Cycle, identity and adversarial loss of portraits with another's motion: (loss, metrics)."""
    adaptive = critic_metrics.get('adaptive_weight', 1.0)
    judges = (self.networks, self.frozen, params, frozen)
    loss, metrics = crossed_losses.judge_losses(self, *judges, crossed, source, adaptive, step)
    if self.cycle_weight:
      metrics['cycle'] = crossed_losses.cycle_loss(run, crossed, m_target)
      loss += self.cycle_weight * metrics['cycle']
    return loss, metrics

  def preview(self, params, frozen, collections, batch, rng) -> np.ndarray:
    """Rows: source, target, driver, warped source, output for target's motion, for driver's, occlusion.

    With `geometry_only`, both outputs are those for the exact motion, by a decoder that was not trained.
    """
    del frozen, collections, rng
    source, target = (image_ops.to_float(jnp.asarray(batch[k][:4])) for k in ('source', 'target'))
    if self.geometry_only:
      driver, method = target, 'encode_truth'
      motions = [jnp.asarray(batch[f'{k}_motion'][:4]) for k in ('source', 'target', 'target')]
    else:
      driver, method = image_ops.to_float(jnp.asarray(batch['driver'][:4])), 'motion'
      motions = [source, target, driver]

    @jax.jit
    def draw(params, source, motions):
      run = functools.partial(self.networks['motion_codec'].apply, {'params': params})
      m_source, m_target, m_driver = (run(motion, method=method) for motion in motions)
      appearance = run(source, method='appearance')
      warped = run(appearance, m_source, m_target, method='warp')
      other = run(appearance, m_source, m_driver, method='warp')
      image, crossed = (run(warp, method='decode') for warp in (warped, other))
      occlusion = jnp.broadcast_to(
        image_ops.repeat_to(2 * warped.occlusion - 1, image.shape[1:3]), image.shape
      )
      return warped.image, image, crossed, occlusion

    return image_ops.picture_grid([source, target, driver, *draw(params['motion_codec'], source, motions)])


def _coords_error(appearance, batch: base.Batch) -> jax.Array:
  """Mean error of where each place of the source lies on the resting head; the head counts twice."""
  has_truth = batch['has_truth'][:, None, None, None]
  coords = appearance.basis.canonical_coords
  true_coords, parts = (
    image_ops.every_nth(batch[f'source_{what}'], coords.shape[1:3]) for what in ('canonical', 'parts')
  )
  weight = has_truth * (1.0 + (parts > losses.BODY)[..., None])
  return losses.weighted_mean(losses.charbonnier(coords - true_coords), weight)


def uses(config) -> base.Uses:
  """The codec, and the networks of its critics."""
  discriminator, frozen_critics = critics.networks_of(config)
  frozen = dict.fromkeys((*frozen_critics, *crossed_losses.frozen_networks(config)))
  return base.Uses(trained=('motion_codec', *discriminator), frozen=tuple(frozen))


def build(config, pretrained: Mapping[str, nn.Module]) -> MotionCodecStage:
  """The stage of a configuration."""
  options = base.options_of(MotionCodecStage, config)
  if options.get('geometry_only') and not options.get('with_truth', True):
    raise ConfigError(
      'geometry_only without with_truth, configuration of motion_codec: it needs exact flows; set both or none'
    )
  networks, frozen = base.networks_for(uses(config), config, pretrained)
  return MotionCodecStage(networks=networks, frozen=frozen, **options)
