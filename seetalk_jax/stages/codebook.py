"""Codebook: rebuild pictures from a grid of discrete codes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.data import views
from seetalk_jax.models.nn import blocks
from seetalk_jax.models.renderer.codebook import STATE
from seetalk_jax.stages import base, critics, losses


@dataclasses.dataclass(frozen=True)
class CodebookStage(critics.CriticOptions, base.Stage):
  """L1, edges, commitment, and what the critics say where they are asked; the codes themselves move by running
  averages, in the collection `codebook_state`.

  Attributes:
    crop_size: train on random crops of so many pixels (a multiple of 16), as the autoencoder does; 0 takes whole
      pictures.
    head_weight: how much more the head counts than the background; 1 needs no `parts`.
    feature_weight: the same for eyes, lips and mouth.
    edge_weight: of the picture's edges.
  """

  networks: Mapping[str, nn.Module]
  frozen: Mapping[str, nn.Module] = dataclasses.field(default_factory=dict)
  name: str = 'codebook'
  view: str = 'image'
  image_size: int = 256
  crop_size: int = 0
  head_weight: float = 2.0
  feature_weight: float = 5.0
  edge_weight: float = 1.0

  def batch_spec(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
    names = ('image', 'parts') if self.head_weight != 1 else ('image',)
    return views.batch_spec(self.view, batch_size, self.image_size, only=names)

  def init(self, rng: jax.Array, frozen: base.Frozen) -> tuple[dict[str, Any], dict[str, Any]]:
    del frozen
    variables = self.networks['codebook'].init(rng, jnp.zeros((1, 64, 64, 3)))
    critic = critics.init_discriminator(self.networks, rng, 64)
    return {'codebook': variables['params'], **critic}, {'codebook': {STATE: variables[STATE]}}

  def loss(self, params, frozen, collections, batch, rng, step):
    image = blocks.to_float(batch['image'])
    weight = jnp.ones((*image.shape[:3], 1))
    if self.head_weight != 1:
      weight = losses.part_weights(batch['parts'], self.head_weight, self.feature_weight)
    crop_rng, code_rng = jax.random.split(rng)
    if self.crop_size:
      image, weight = losses.random_crops(crop_rng, self.crop_size, image, weight, multiple=16)
    variables = {'params': params['codebook'], **collections['codebook']}
    (rebuilt, _, penalties, stats), state = self.networks['codebook'].apply(
      variables, image, train=True, rngs={'codebook': code_rng}, mutable=[STATE]
    )
    picture_loss = losses.picture_loss(image, weight, 1.0, self.edge_weight)
    loss, metrics = picture_loss(rebuilt)
    judged, opinions = critics.judge(
      self, self.networks, self.frozen, params, frozen, rebuilt, image, lambda x: picture_loss(x)[0], step
    )
    loss += sum(penalties.values()) + judged
    metrics = {
      **metrics,
      'psnr': losses.psnr(rebuilt, image),
      **penalties,
      **stats,
      **opinions,
    }
    return loss, (metrics, {**collections, 'codebook': dict(state)})

  def preview(self, params, frozen, collections, batch, rng) -> np.ndarray:
    """Rows: pictures, rebuilt pictures."""
    del frozen, rng
    image = blocks.to_float(jnp.asarray(batch['image'][:4]))
    variables = {'params': params['codebook'], **collections['codebook']}
    rebuilt = jax.jit(self.networks['codebook'].apply)(variables, image)[0]
    return blocks.picture_grid([image, rebuilt])


def uses(config) -> base.Uses:
  """The codebook, and what its critics need."""
  discriminator, judges = critics.networks_of(config)
  return base.Uses(trained=('codebook', *discriminator), frozen=judges)


def build(config, given: Mapping[str, nn.Module]) -> CodebookStage:
  """The stage of a configuration."""
  options = base.options_of(CodebookStage, config)
  networks, frozen = base.networks_for(uses(config), config, given)
  return CodebookStage(networks=networks, frozen=frozen, **options)
