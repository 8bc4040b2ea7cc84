"""Codebook stage: image reconstruction from a grid of discrete codes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.data import views
from seetalk_jax.models.nn import image_ops
from seetalk_jax.models.renderer.codebook import STATE, average_codes
from seetalk_jax.stages import base, critics, losses, picture_mask, reconstruction, region_crops


@dataclasses.dataclass(frozen=True)
class CodebookStage(critics.CriticOptions, reconstruction.ReconstructionStage):
  """L1 loss, edge loss, commitment loss, and the critics whose weights are not 0.

  The code vectors are not trained by gradients: they are running averages in the collection `codebook_state`.

  Attributes:
    feature_weight: pixel weight of eyes, lips and mouth in the same losses; unused with `head_weight` 1.
    regions: train on crops around mouths and eyes, for a code transformer with `num_regions`. The view is
      `motion_pair`, whose batches have landmarks; `crop_size` and the pixel weights of parts are not used.
    pieces: pieces of a batch, `config.accumulate`: the running averages of the codes do not depend on it.
  """

  name: str = 'codebook'
  feature_weight: float = 5.0
  regions: bool = False
  pieces: int = 1

  @property
  def crop_multiple(self) -> int:
    return 16

  def batch_spec(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
    if not self.regions:
      return super().batch_spec(batch_size)
    names = ('target', 'target_landmarks', 'landmark_weight', 'picture_box')
    return views.batch_spec(self.view, batch_size, self.image_size, only=names)

  def _crops(self, batch: base.Batch, rng: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    if not self.regions:
      return super()._crops(batch, rng)
    image = image_ops.to_float(batch['target'])
    inside = picture_mask.of_batch(batch, image)
    image, inside = region_crops.random_regions(
      rng, batch['target_landmarks'], batch['landmark_weight'], image, inside
    )
    return image, jnp.ones_like(inside), inside

  def preview(self, params, frozen, collections, batch, rng):
    if self.regions:
      batch = {'image': self._crops(batch, rng)[0]}
    return super().preview(params, frozen, collections, batch, rng)

  def init(self, rng: jax.Array, frozen: base.Frozen) -> tuple[dict[str, Any], dict[str, Any]]:
    del frozen
    variables = self.networks['codebook'].init(rng, jnp.zeros((1, 64, 64, 3)))
    critic = critics.init_discriminator(self.networks, rng, 64)
    return {'codebook': variables['params'], **critic}, {'codebook': {STATE: variables[STATE]}}

  def loss(self, params, frozen, collections, batch, rng, step):
    crop_rng, code_rng = jax.random.split(rng)
    image, weight, inside = self._crops(batch, crop_rng)
    variables = {'params': params['codebook'], **collections['codebook']}
    (rebuilt, _, penalties, stats), state = self.networks['codebook'].apply(
      variables, image, train=True, pieces=self.pieces, rngs={'codebook': code_rng}, mutable=[STATE]
    )
    rebuilt = picture_mask.only_inside(rebuilt, image, inside)

    def errors(picture):
      loss, metrics = losses.picture_loss(image, weight, 1.0, self.edge_weight)(picture)
      texture, texture_metrics = self._texture(picture, image, weight)
      return loss + texture, {**metrics, **texture_metrics}

    loss, metrics = errors(rebuilt)
    critic_loss, critic_metrics = critics.critic_losses(
      self, self.networks, self.frozen, params, frozen, rebuilt, image, lambda x: errors(x)[0], step
    )
    loss += sum(penalties.values()) + critic_loss
    metrics = {
      **metrics,
      'psnr': losses.psnr(rebuilt, image, inside),
      **penalties,
      **stats,
      **critic_metrics,
    }
    return loss, (metrics, {**collections, 'codebook': dict(state)})

  def average_collections(self, average, collections, decay):
    state = collections['codebook'][STATE]
    if average is not None:
      state = average_codes(average['codebook'][STATE], state, decay)
    return {'codebook': {STATE: state}}

  def _pixel_weights(self, parts, status):
    return losses.part_weights(parts, status, self.head_weight, self.feature_weight)


def uses(config) -> base.Uses:
  """The codebook, and the networks of its critics."""
  discriminator, frozen_critics = critics.networks_of(config)
  return base.Uses(trained=('codebook', *discriminator), frozen=frozen_critics)


def build(config, pretrained: Mapping[str, nn.Module]) -> CodebookStage:
  """The stage of a configuration."""
  options = {**base.options_of(CodebookStage, config), 'pieces': config.get('accumulate', 1)}
  options['view'] = 'motion_pair' if options.get('regions') else 'image'
  networks, frozen = base.networks_for(uses(config), config, pretrained)
  return CodebookStage(networks=networks, frozen=frozen, **options)
