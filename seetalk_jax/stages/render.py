"""Render stage: warper, code transformer and HR decoder, trained end to end on inference-like inputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.models.motion.canonical import match_canonical
from seetalk_jax.models.nn import blocks
from seetalk_jax.models.renderer.codebook import straight_through_lookup
from seetalk_jax.stages import base, critics, losses
from seetalk_jax.stages.code_transformer import code_losses, init_renderer
from seetalk_jax.stages.motion_codec import KEPT, head_mask, pair_spec, trainable_but


@dataclasses.dataclass(frozen=True)
class RenderStage(critics.CriticOptions, base.Stage):
  """Image, code, flow and occlusion losses of the whole renderer.

  The inputs resemble those of inference: some portraits are reconstructions of the autoencoder, some motions
  come from the truth encoder, and the target's motion has noise.

  Attributes:
    image_size: height and width of the images, in pixels.
    with_truth: batches have true motion and canonical maps for the records whose entry `known` is 1.
    roundtrip_rate: share of the portraits that are encoded and decoded by the autoencoder; 0 needs no
      autoencoder.
    truth_rate: probability that the target's motion comes from the truth encoder.
    motion_noise: standard deviation of the noise on the target's motion, in units of its spread.
    fusion_low: the fusion weight is 1 for half of the batch, and uniform between this and 1 for the rest.
    pixel_weight: multiplies the Charbonnier error of the HR decoder's image against the target.
    edge_weight: multiplies the edge loss of the HR decoder's image.
    warped_weight: multiplies the Charbonnier error of the warped source against the target, over visible
      pixels.
    feature_weight: multiplies the Charbonnier error of the image in the mouth and eye regions; needs ground
      truth.
    hidden_weight: multiplies the same error over the cells of these regions that the source does not show.
    flow_weight: multiplies the flow error plus half the error of `coarse_flow`.
    feature_flow_weight: multiplies the flow error in the mouth and eye regions.
    occlusion_weight: multiplies the cross-entropy of the occlusion.
    code_weight: multiplies the cross-entropy to the target's codes.
    label_smoothing: label smoothing of that cross-entropy.
  """

  networks: Mapping[str, nn.Module]
  frozen: Mapping[str, nn.Module]
  name: str = 'render'
  view: str = 'motion_pair'
  image_size: int = 256
  with_truth: bool = True
  roundtrip_rate: float = 0.5
  truth_rate: float = 0.4
  motion_noise: float = 0.05
  fusion_low: float = 0.3
  pixel_weight: float = 1.0
  edge_weight: float = 1.0
  warped_weight: float = 0.3
  feature_weight: float = 1.0
  hidden_weight: float = 0.5
  flow_weight: float = 0.2
  feature_flow_weight: float = 0.2
  occlusion_weight: float = 0.2
  code_weight: float = 0.05
  label_smoothing: float = 0.05

  def batch_spec(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
    spec = pair_spec(batch_size, self.image_size, with_truth=self.with_truth)
    del spec['driver']
    return spec

  def init(self, rng: jax.Array, frozen: base.Frozen) -> tuple[dict[str, Any], dict[str, Any]]:
    params = init_renderer(rng, frozen, self.networks, self.frozen, self.image_size)
    return params | critics.init_discriminator(self.networks, rng, self.image_size), {}

  def trainable(self, params: Mapping[str, Any]) -> Any:
    """All parameters except phi_m, the truth networks, `phi_id` and the codec's own decoder."""
    return trainable_but({*KEPT, 'identity_encoder', 'motion_modes', 'decoder'}, params)

  def loss(self, params, frozen, collections, batch, rng, step):
    codec = self.networks['motion_codec']
    stop = jax.lax.stop_gradient
    portrait_rng, truth_rng, noise_rng, fusion_rng = jax.random.split(rng, 4)
    target = blocks.to_float(batch['target'])
    source = self._portraits(frozen, blocks.to_float(batch['source']), portrait_rng)
    b = source.shape[0]

    def run(*args, method):
      return codec.apply({'params': params['motion_codec']}, *args, method=method)

    m_source, m_target = jnp.split(run(jnp.concatenate([source, target]), method='motion'), 2)
    if self.with_truth:
      from_truth = run(batch['target_motion'], method='encode_truth')
      use_truth = jax.random.uniform(truth_rng, (b, 1)) < self.truth_rate * batch['known'][:, None]
      m_target = jnp.where(use_truth, from_truth, m_target)
    m_target = losses.noisy_motion(m_target, noise_rng, self.motion_noise)
    m_source, m_target = stop((m_source, m_target))
    appearance = stop(run(source, method='appearance'))
    warped = run(appearance, m_source, m_target, method='warp')

    ramp = jax.random.uniform(
      fusion_rng, (b, 1, 1, 1), minval=self.fusion_low - (1 - self.fusion_low), maxval=1.0
    )
    fusion = jnp.where(ramp < self.fusion_low, 1.0, ramp)
    image, logits = self._draw(params, frozen, warped, fusion)

    weight = losses.part_weights(batch['target_parts']) if self.with_truth else jnp.ones((b, 1, 1, 1))
    picture_loss = losses.picture_loss(target, weight, self.pixel_weight, self.edge_weight)
    loss, metrics = picture_loss(image)
    book, variables = self.frozen['codebook'], frozen.variables('codebook')
    indices = book.apply(variables, book.apply(variables, target, method='encode'), method='quantise')[1]
    cross_entropy, accuracy = code_losses(logits, indices, self.label_smoothing)
    judged, opinions = critics.judge(
      self, self.networks, self.frozen, params, frozen, image, target, lambda x: picture_loss(x)[0], step
    )
    loss += self.code_weight * cross_entropy + judged
    metrics |= {'cross_entropy': cross_entropy, 'code_accuracy': accuracy, **opinions}

    head, visible = None, stop(warped.occlusion)
    if self.with_truth:
      truth = match_canonical(
        *(batch[f'{side}_{what}'] for what in ('canonical', 'parts') for side in ('source', 'target'))
      )
      found = losses.flow_losses(
        warped.flow,
        warped.coarse_flow,
        warped.occlusion_logits,
        truth,
        batch['target_parts'],
        batch['target_canonical'],
        batch['known'],
      )
      loss += self.flow_weight * (found['flow'] + 0.5 * found['coarse_flow'])
      loss += self.feature_flow_weight * found['flow_features']
      loss += self.occlusion_weight * found['occlusion']
      is_known = batch['known'][:, None, None, None]
      canonical = is_known * batch['target_canonical']  # zeros are in no region
      features, hidden = losses.feature_error(image, target, canonical, truth.visible)
      loss += self.feature_weight * features + self.hidden_weight * hidden
      metrics |= {**found, 'features': features, 'features_hidden': hidden}
      visible = jnp.where(is_known > 0, truth.visible, visible)
      head = head_mask(batch)
    shown = blocks.upsample_nearest(visible, 4)
    copied = losses.weighted_mean(losses.charbonnier(warped.image - target), shown * weight)
    loss += self.warped_weight * copied
    metrics |= {
      'warped': copied,
      'psnr': losses.psnr(image, target),
      'psnr_head': losses.psnr(image, target, head),
      'psnr_warped': losses.psnr(warped.image, target, head),
    }
    return loss, (metrics, collections)

  def _draw(self, params, frozen, warped, fusion):
    logits = self.networks['code_transformer'].apply({'params': params['code_transformer']}, warped.features)
    embedding = frozen.collections['codebook']['codebook_state']['embedding']
    codes = straight_through_lookup(logits, embedding)
    return self.networks['hr_decoder'].apply({'params': params['hr_decoder']}, codes, warped, fusion), logits

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
    source, target = (blocks.to_float(jnp.asarray(batch[k][:4])) for k in ('source', 'target'))

    @jax.jit
    def draw(params, frozen, source, target):
      plain, warped, _, _ = self.networks['motion_codec'].apply(
        {'params': params['motion_codec']}, source, target
      )
      return [warped.image, plain, *(self._draw(params, frozen, warped, w)[0] for w in (1.0, 0.5, 0.0))]

    return blocks.picture_grid([source, target, *draw(params, frozen, source, target)])


def uses(config) -> base.Uses:
  """The networks of the renderer and of the critics, and the autoencoder if `roundtrip_rate` is not 0."""
  discriminator, judges = critics.networks_of(config)
  portraits = ('autoencoder',) if base.option(RenderStage, config, 'roundtrip_rate') else ()
  return base.Uses(
    trained=('motion_codec', 'code_transformer', 'hr_decoder', *discriminator),
    frozen=('codebook', *portraits, *judges),
  )


def build(config, given: Mapping[str, nn.Module]) -> RenderStage:
  """The stage of a configuration. Without an autoencoder in `config.init`, `roundtrip_rate` must be 0."""
  options = base.options_of(RenderStage, config)
  networks, frozen = base.networks_for(uses(config), config, given)
  return RenderStage(networks=networks, frozen=frozen, **options)
