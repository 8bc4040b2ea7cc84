"""Image autoencoder: rebuild pictures through a narrow, nearly normal latent."""

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
from seetalk_jax.stages import base, losses


@dataclasses.dataclass(frozen=True)
class AutoencoderStage(base.Stage):
  """L1 and edge losses, a light pull of the posterior to the unit normal.

  Attributes:
    image_size: of the batches.
    crop_size: train on random crops of so many pixels (a multiple of 8); 0 takes whole pictures. Crops cost
      less per picture, so more different pictures are seen in the same time.
    kl_weight: per latent number. Small: the latents' scale is divided out later.
    head_weight: how much more the head counts than the background; 1 needs no `parts`.
  """

  networks: Mapping[str, nn.Module]
  frozen: Mapping[str, nn.Module] = dataclasses.field(default_factory=dict)
  name: str = 'autoencoder'
  view: str = 'image'
  image_size: int = 256
  crop_size: int = 0
  edge_weight: float = 1.0
  kl_weight: float = 1e-5
  head_weight: float = 2.0

  def batch_spec(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
    names = ('image', 'parts') if self.head_weight != 1 else ('image',)
    return views.batch_spec(self.view, batch_size, self.image_size, only=names)

  def init(self, rng: jax.Array, frozen: base.Frozen) -> tuple[dict[str, Any], dict[str, Any]]:
    del frozen
    return {'autoencoder': self.networks['autoencoder'].init(rng, jnp.zeros((1, 64, 64, 3)))['params']}, {}

  def loss(self, params, frozen, collections, batch, rng, step):
    del frozen, step
    crop_rng, sample_rng = jax.random.split(rng)
    image = blocks.to_float(batch['image'])
    weight = jnp.ones((*image.shape[:3], 1))
    if self.head_weight != 1:
      head = (batch['parts'] > 0).astype(jnp.float32)[..., None]
      weight = 1.0 + (self.head_weight - 1.0) * blocks.upsample_nearest(head, 4)
    if self.crop_size:
      image, weight = losses.random_crops(crop_rng, self.crop_size, image, weight)
    weight = weight / jnp.mean(weight)

    rebuilt, mean, log_variance = self.networks['autoencoder'].apply(
      {'params': params['autoencoder']}, image, sample_rng
    )
    l1 = jnp.mean(weight * jnp.abs(rebuilt - image))
    edges = losses.edge_loss(rebuilt, image, weight)
    kl = 0.5 * jnp.mean(jnp.square(mean) + jnp.exp(log_variance) - 1.0 - log_variance)
    loss = l1 + self.edge_weight * edges + self.kl_weight * kl
    # Pixels run over 2, so the peak's square is 4.
    psnr = 10.0 * jnp.log10(4.0 / jnp.mean(jnp.square(jnp.clip(rebuilt, -1, 1) - image)))
    return loss, (
      {'l1': l1, 'edges': edges, 'kl': kl, 'psnr': psnr, 'latent_std': jnp.std(mean)},
      collections,
    )

  def preview(self, params, frozen, collections, batch, rng) -> np.ndarray:
    """Rows: pictures, rebuilt pictures."""
    del frozen, collections, rng
    image = blocks.to_float(jnp.asarray(batch['image'][:4]))
    rebuilt, _, _ = jax.jit(self.networks['autoencoder'].apply)({'params': params['autoencoder']}, image)
    return blocks.picture_grid([image, rebuilt])


def uses(config) -> base.Uses:
  """The network that it trains."""
  del config
  return base.Uses(trained=('autoencoder',))


def build(config, given: Mapping[str, nn.Module]) -> AutoencoderStage:
  """The stage of a configuration."""
  networks, _ = base.networks_for(uses(config), config, given)
  return AutoencoderStage(networks=networks, **base.options_of(AutoencoderStage, config))
