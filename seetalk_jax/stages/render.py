"""Render stage: warper, code transformer and HR decoder, trained end to end on inference-like inputs."""

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

from seetalk_jax.constants import SYNC_FRAMES
from seetalk_jax.data import views
from seetalk_jax.errors import ConfigError
from seetalk_jax.models.critics.sync_expert import cosine_of_frames
from seetalk_jax.models.nn import image_ops
from seetalk_jax.models.renderer.codebook import straight_through_lookup
from seetalk_jax.models.renderer.drawing import draw_from_codes
from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import (
  base,
  critics,
  figures,
  landmark_losses,
  losses,
  picture_mask,
  truth_known,
  truth_losses,
)
from seetalk_jax.stages.code_transformer import code_losses, init_renderer
from seetalk_jax.stages.motion_codec import KEPT
from seetalk_jax.stages.sync_expert import expert_name, sync_loss

_CHECKED_BATCHES = 8  # by then a corpus of small weight has had its rows
# Entries of view `talking_pair` that the sync loss reads.
_CLIP = ('clip_frames', 'clip_mouth', 'clip_speech', 'has_clip')


@dataclasses.dataclass(frozen=True)
class RenderStage(critics.CriticOptions, base.Stage):
  """Image, lip, sync, code, flow and occlusion losses of the whole renderer.

  The inputs resemble those of inference: some portraits are reconstructions of the autoencoder, some motions
  come from the truth encoder, and the target's motion has noise.

  Attributes:
    view: `motion_pair`, or `talking_pair` for the sync loss.
    image_size: height and width of the images, in pixels.
    with_truth: batches have exact motion and canonical maps for the records whose entry `has_truth` is 1.
    with_estimates: batches have motion and landmarks, weighted by their status, which supervise the records without
      maps.
    roundtrip_rate: share of the portraits that are encoded and decoded by the autoencoder; 0 needs no
      autoencoder.
    truth_rate: probability that the target's motion comes from the truth encoder; with estimates, in samples without
      ground truth, this times the mean weight of their motion.
    motion_noise: standard deviation of the noise on the target's motion, in units of its spread.
    fusion_low: the fusion weight is 1 for half of the batch, and uniform between this and 1 for the rest.
    pixel_weight: multiplies the Charbonnier error of the HR decoder's image against the target.
    edge_weight: multiplies the edge loss of the HR decoder's image.
    texture_weight: multiplies the texture loss of the picture; 0 leaves it out.
    warped_weight: multiplies the Charbonnier error of the warped source against the target, over visible
      pixels.
    lip_weight: multiplies the pixel and edge errors of the HR decoder's image inside the target's lip box, with
      `pixel_weight` and `edge_weight`, as a mean over the box. With part labels, lips and mouth count more
      than the skin around them (`losses.part_weights`).
    sync_weight: multiplies the loss of the frozen sync expert on the mouth of five rendered frames and the true
      speech. The frames have the motion of five successive frames of the source's clip. The gradient reaches
      HR decoder, code transformer and warper; phi_m stays. 0 needs no expert.
    sync_share: share of the batch that is rendered for the sync loss, at least one portrait.
    feature_weight: multiplies the Charbonnier error of the image in the mouth and eye regions; needs ground
      truth.
    hidden_weight: multiplies the same error over the cells of these regions that the source does not show.
    flow_weight: multiplies the flow error plus half the error of `coarse_flow`.
    feature_flow_weight: multiplies the flow error in the mouth and eye regions.
    occlusion_weight: multiplies the cross-entropy of the occlusion.
    code_weight: multiplies the cross-entropy to the target's codes.
    label_smoothing: label smoothing of that cross-entropy.
  """

  preview_rows = (
    'source',
    'target',
    'warped source',
    'decoder of the codec',
    'fusion weight 1',
    'fusion weight 0.5',
    'fusion weight 0',
  )
  networks: Mapping[str, nn.Module]
  frozen: Mapping[str, nn.Module]
  name: str = 'render'
  view: str = 'motion_pair'
  image_size: int = 256
  with_truth: bool = True
  with_estimates: bool = False
  roundtrip_rate: float = 0.5
  truth_rate: float = 0.4
  motion_noise: float = 0.05
  fusion_low: float = 0.3
  pixel_weight: float = 1.0
  edge_weight: float = 1.0
  texture_weight: float = 0.0
  warped_weight: float = 0.3
  lip_weight: float = 0.0
  sync_weight: float = 0.0
  sync_share: float = 0.0625
  feature_weight: float = 1.0
  hidden_weight: float = 0.5
  flow_weight: float = 0.2
  feature_flow_weight: float = 0.2
  occlusion_weight: float = 0.2
  code_weight: float = 0.05
  label_smoothing: float = 0.05

  def batch_spec(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
    names = ('source', 'target', 'picture_box', *truth_losses.entries(self.with_truth, self.with_estimates))
    names += ('lip_box',) if self.lip_weight else ()
    names += _CLIP if self.sync_weight else ()
    return views.batch_spec(self.view, batch_size, self.image_size, only=names)

  @property
  def _with_motion(self) -> bool:
    """Whether batches have motion vectors, and part labels."""
    return self.with_truth or self.with_estimates

  def check_frozen(self, frozen: base.Frozen) -> None:
    """Motion from the truth encoder needs a trained one."""
    if self._with_motion and self.truth_rate:
      truth_known.check(frozen, self.name, ', or set options.truth_rate=0')

  @property
  def statistics_entries(self) -> tuple[str, ...]:
    return ('has_clip',) if self.sync_weight else ()

  def prepare(self, frozen: base.Frozen, batches) -> dict[str, dict[str, np.ndarray]]:
    """No statistics. Checks that the sync loss has data.

    Raises:
      ConfigError: `sync_weight` is set, and no sample of the first batches has a clip.
    """
    del frozen
    if not self.sync_weight:
      return {}
    has_any = jax.jit(jnp.any)
    first = itertools.islice(batches, _CHECKED_BATCHES)
    if not any(device_mesh.to_host(has_any(batch['has_clip'])) for batch in first):
      raise ConfigError(
        f'sync_weight={self.sync_weight:g} needs successive frames with speech, config.data.corpora: add real records '
        'or clips, or set --config.options.sync_weight=0'
      )
    return {}

  def init(self, rng: jax.Array, frozen: base.Frozen) -> tuple[dict[str, Any], dict[str, Any]]:
    params = init_renderer(rng, frozen, self.networks, self.frozen, self.image_size)
    return params | critics.init_discriminator(self.networks, rng, self.image_size), {}

  def trainable(self, params: Mapping[str, Any]) -> Any:
    """All parameters except phi_m, the truth networks, `phi_id` and the codec's own decoder if it draws nothing."""
    unused = () if self.networks['code_transformer'].num_regions else ('decoder',)
    kept = {*KEPT, 'identity_encoder', 'motion_modes', *unused}
    return base.trainable_but('motion_codec', kept, params)

  def loss(self, params, frozen, collections, batch, rng, step):
    portrait_rng, truth_rng, noise_rng, fusion_rng = jax.random.split(rng, 4)
    target = image_ops.to_float(batch['target'])
    source = self._portraits(frozen, image_ops.to_float(batch['source']), portrait_rng)
    warped = self._warp(params, source, target, batch, truth_rng, noise_rng)
    image, pieces = self._draw(params, frozen, warped, self._fusion(fusion_rng, len(source)))
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
    loss, metrics = picture_loss(image)
    cross_entropy, accuracy = self._code_losses(frozen, pieces, target, inside)
    critic_loss, critic_metrics = critics.critic_losses(
      self, self.networks, self.frozen, params, frozen, image, target, lambda x: picture_loss(x)[0], step
    )
    loss += self.code_weight * cross_entropy + critic_loss
    metrics |= {'cross_entropy': cross_entropy, 'code_accuracy': accuracy, **critic_metrics}
    if self.lip_weight:
      in_box = losses.lip_weights(batch['lip_box'], image.shape[1:3], weight)
      metrics['lips'] = losses.picture_loss(target, in_box, self.pixel_weight, self.edge_weight)(image)[0]
      loss += self.lip_weight * metrics['lips']
    if self.sync_weight:
      # A key that the split above does not give.
      added, added_metrics = self._sync(params, frozen, source, batch, jax.random.fold_in(rng, 4))
      loss += self.sync_weight * added
      metrics |= added_metrics

    visible, head = jax.lax.stop_gradient(warped.occlusion), inside
    if self.with_truth:
      errors = truth_losses.truth_errors(warped, image, target, batch)
      loss = self._add_truth(loss, errors)
      metrics |= figures.measured(errors.metrics, batch['has_truth'])
      visible, head = errors.visible, truth_losses.head_mask(batch) * inside
    if self.with_estimates:
      errors = landmark_losses.landmark_errors(warped, image, target, batch)
      loss = self._add_truth(loss, errors)
      metrics |= figures.measured(errors.metrics, landmark_losses.row_weights(batch))
    shown = image_ops.repeat_to(visible, target.shape[1:3]) * weight * inside
    copied = losses.weighted_mean(losses.charbonnier(warped.image - target), shown)
    loss += self.warped_weight * copied
    metrics |= {'warped': copied, **truth_losses.psnrs(image, warped, target, head, inside)}
    return loss, (metrics, collections)

  def _warp(self, params, source, target, batch, truth_rng, noise_rng):
    """The source warped to the target's motion, which is noisy and partly comes from the truth encoder."""
    run = functools.partial(self.networks['motion_codec'].apply, {'params': params['motion_codec']})
    m_source, m_target = jnp.split(run(jnp.concatenate([source, target]), method='motion'), 2)
    if self._with_motion:
      from_truth = run(batch['target_motion'], method='encode_truth')
      use_truth = truth_losses.use_truth(truth_rng, self.truth_rate, batch, self.with_estimates)
      m_target = jnp.where(use_truth, from_truth, m_target)
    m_target = losses.noisy_motion(m_target, noise_rng, self.motion_noise)
    appearance = run(source, method='appearance')
    return run(*jax.lax.stop_gradient((appearance, m_source, m_target)), method='warp')

  def _sync(self, params, frozen, source, batch, rng):
    """Sync loss of rendered mouths against the true speech: (loss, metrics).

    Args:
      source: portraits `[b, h, w, 3]`; `sync_share` of them are rendered.
    """
    name = expert_name(self.frozen)
    expert = self.frozen[name]
    clips = {entry: batch[entry] for entry in _CLIP}
    source, clips = base.random_share(rng, self.sync_share, (source, clips))
    run = functools.partial(self.networks['motion_codec'].apply, {'params': params['motion_codec']})
    repeat = functools.partial(jnp.repeat, repeats=SYNC_FRAMES, axis=0)
    frames = image_ops.to_float(clips['clip_frames'])
    m_target = run(frames.reshape(-1, *frames.shape[2:]), method='motion')
    still = jax.tree.map(repeat, (run(source, method='appearance'), run(source, method='motion')))
    warped = run(*jax.lax.stop_gradient((*still, m_target)), method='warp')
    image, _ = self._draw(params, frozen, warped, 1.0)
    speech = clips['clip_speech'][:, : expert.num_samples]
    image = image.reshape(-1, SYNC_FRAMES, *image.shape[1:])
    cosine = cosine_of_frames(expert, frozen.variables(name), speech, image, clips['clip_mouth'])
    loss = sync_loss(cosine, clips['has_clip'])
    return loss, figures.measured({'sync': loss}, clips['has_clip'])

  def _fusion(self, rng, count):
    """Fusion weights `[count, 1, 1, 1]`: 1 for half of the batch, between `fusion_low` and 1 for the rest."""
    least = self.fusion_low - (1 - self.fusion_low)
    ramp = jax.random.uniform(rng, (count, 1, 1, 1), minval=least, maxval=1.0)
    return jnp.where(ramp < self.fusion_low, 1.0, ramp)

  def _code_losses(self, frozen, pieces, target, inside):
    """Cross-entropy to the target's codes, and accuracy, as means over the pieces."""
    book, variables = self.frozen['codebook'], frozen.variables('codebook')
    found = []
    for piece, logits in pieces:
      h = book.apply(variables, piece.cut(target), method='encode')
      indices = book.apply(variables, h, method='quantise')[1]
      cells = image_ops.resize_image(piece.cut(inside), indices.shape[1:3])
      found.append(code_losses(logits, indices, self.label_smoothing, cells))
    return (sum(values) / len(found) for values in zip(*found, strict=True))

  def _add_truth(self, loss, errors):
    """`loss` plus the weighted errors against the ground truth, added one by one: the order is part of the sum."""
    warp = errors.warp
    loss += self.flow_weight * (warp['flow'] + 0.5 * warp['coarse_flow'])
    loss += self.feature_flow_weight * warp['flow_features']
    loss += self.occlusion_weight * warp['occlusion']
    return loss + (self.feature_weight * errors.features + self.hidden_weight * errors.features_hidden)

  def _draw(self, params, frozen, warped, fusion):
    """(Picture, its pieces with the logits of their codes)."""
    embedding = frozen.collections['codebook']['codebook_state']['embedding']
    lookup = functools.partial(straight_through_lookup, embedding=embedding)
    return draw_from_codes(self.networks, params, warped, fusion, lookup)

  def _portraits(self, frozen, source, rng):
    """The portraits, with a share `roundtrip_rate` replaced by the autoencoder's reconstructions."""
    count = round(self.roundtrip_rate * source.shape[0])
    if not count:
      return source
    # The choice of rows is random, because a corpus of small weight has fixed rows in the batch.
    rows = base.in_groups(source, count)
    each, first = count // rows.shape[0], jax.random.randint(rng, (), 0, rows.shape[1])
    rows = jnp.roll(rows, -first, axis=1)
    autoencoder, variables = self.frozen['autoencoder'], frozen.variables('autoencoder')
    chosen = rows[:, :each].reshape(count, *source.shape[1:])
    latent, _ = autoencoder.apply(variables, chosen, method='encode')
    redrawn = jnp.clip(autoencoder.apply(variables, latent, method='decode'), -1, 1).astype(source.dtype)
    rows = jnp.concatenate([redrawn.reshape(rows[:, :each].shape), rows[:, each:]], axis=1)
    return jax.lax.stop_gradient(jnp.roll(rows, first, axis=1).reshape(source.shape))

  def preview(self, params, frozen, collections, batch, rng) -> np.ndarray:
    """Rows: source, target, warped source, plain decoder, HR decoder with fusion weight 1, 0.5 and 0."""
    del collections, rng
    source, target = (image_ops.to_float(jnp.asarray(batch[k][:4])) for k in ('source', 'target'))

    @jax.jit
    def draw(params, frozen, source, target):
      plain, warped, _, _ = self.networks['motion_codec'].apply(
        {'params': params['motion_codec']}, source, target
      )
      return [warped.image, plain, *(self._draw(params, frozen, warped, w)[0] for w in (1.0, 0.5, 0.0))]

    return image_ops.picture_grid([source, target, *draw(params, frozen, source, target)])


def uses(config) -> base.Uses:
  """The networks of the renderer and of the critics; the autoencoder and the sync expert if the options use them."""
  discriminator, frozen_critics = critics.networks_of(config)
  portraits = ('autoencoder',) if base.option(RenderStage, config, 'roundtrip_rate') else ()
  expert = (expert_name(config.init),) if base.option(RenderStage, config, 'sync_weight') else ()
  return base.Uses(
    trained=('motion_codec', 'code_transformer', 'hr_decoder', *discriminator),
    frozen=('codebook', *portraits, *expert, *frozen_critics),
  )


def build(config, pretrained: Mapping[str, nn.Module]) -> RenderStage:
  """The stage of a configuration.

  Without an autoencoder in `config.init`, `roundtrip_rate` must be 0; without a sync expert, `sync_weight`.
  """
  options = base.options_of(RenderStage, config)
  options = {'view': 'talking_pair' if options.get('sync_weight') else 'motion_pair', **options}
  networks, frozen = base.networks_for(uses(config), config, pretrained)
  return RenderStage(networks=networks, frozen=frozen, **options)
