"""Image autoencoder stage: reconstruction through a small latent that is close to unit normal."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn import image_ops
from seetalk_jax.stages import base, losses, picture_mask, reconstruction


@dataclasses.dataclass(frozen=True)
class AutoencoderStage(reconstruction.ReconstructionStage):
  """L1 loss, edge loss and a small KL term to the unit normal.

  Attributes:
    kl_weight: multiplies the KL divergence to the unit normal, averaged over latent values. It is small
      because later stages divide by the scale of the latents.
  """

  crop_multiple = 8
  name: str = 'autoencoder'
  kl_weight: float = 1e-5

  def init(self, rng: jax.Array, frozen: base.Frozen) -> tuple[dict[str, Any], dict[str, Any]]:
    del frozen
    return {'autoencoder': self.networks['autoencoder'].init(rng, jnp.zeros((1, 64, 64, 3)))['params']}, {}

  def loss(self, params, frozen, collections, batch, rng, step):
    del frozen, step
    crop_rng, sample_rng = jax.random.split(rng)
    image, weight, inside = self._crops(batch, crop_rng)
    weight = weight / jnp.mean(weight)

    rebuilt, mean, log_variance = self.networks['autoencoder'].apply(
      {'params': params['autoencoder']}, image, sample_rng
    )
    rebuilt = picture_mask.only_inside(rebuilt, image, inside)
    l1 = jnp.mean(weight * jnp.abs(rebuilt - image))
    edges = losses.edge_loss(rebuilt, image, weight)
    kl = 0.5 * jnp.mean(jnp.square(mean) + jnp.exp(log_variance) - 1.0 - log_variance)
    loss = l1 + self.edge_weight * edges + self.kl_weight * kl
    # Pixels range over [-1, 1], so the squared peak is 4.
    squared = picture_mask.mean_inside(jnp.square(jnp.clip(rebuilt, -1, 1) - image), inside)
    psnr = 10.0 * jnp.log10(4.0 / squared)
    return loss, (
      {'l1': l1, 'edges': edges, 'kl': kl, 'psnr': psnr, 'latent_std': jnp.std(mean)},
      collections,
    )

  def _pixel_weights(self, parts, status):
    head = (parts > 0).astype(jnp.float32)[..., None]
    weight = 1.0 + (self.head_weight - 1.0) * image_ops.upsample_nearest(head, 4)
    return losses.weight_by_status(weight, status)


def uses(config) -> base.Uses:
  """The network that the stage trains."""
  del config
  return base.Uses(trained=('autoencoder',))


def build(config, pretrained: Mapping[str, nn.Module]) -> AutoencoderStage:
  """The stage of a configuration."""
  networks, _ = base.networks_for(uses(config), config, pretrained)
  return AutoencoderStage(networks=networks, **base.options_of(AutoencoderStage, config))
