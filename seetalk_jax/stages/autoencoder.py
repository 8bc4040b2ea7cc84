"""Image autoencoder stage: reconstruction through a small latent that is close to unit normal."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.models.nn import blocks
from seetalk_jax.stages import base, losses


@dataclasses.dataclass(frozen=True)
class AutoencoderStage(base.Stage):
  """L1 loss, edge loss and a small KL term to the unit normal.

  Attributes:
    image_size: height and width of the images in a batch, in pixels.
    crop_size: side of the random training crops in pixels, a multiple of 8. 0 trains on whole images. Crops
      are cheaper, so more different images are seen in the same time.
    edge_weight: multiplies the edge loss (`losses.edge_loss`).
    kl_weight: multiplies the KL divergence to the unit normal, averaged over latent values. It is small
      because later stages divide by the scale of the latents.
    head_weight: pixel weight of the head in the L1 and edge losses; the background has weight 1. With 1 the
      batch needs no `parts`.
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
    size = self.image_size
    spec = {'image': jax.ShapeDtypeStruct((batch_size, size, size, 3), jnp.uint8)}
    if self.head_weight != 1:
      spec['parts'] = jax.ShapeDtypeStruct((batch_size, size // 4, size // 4), jnp.uint8)
    return spec

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
    # Pixels range over [-1, 1], so the squared peak is 4.
    psnr = 10.0 * jnp.log10(4.0 / jnp.mean(jnp.square(jnp.clip(rebuilt, -1, 1) - image)))
    return loss, (
      {'l1': l1, 'edges': edges, 'kl': kl, 'psnr': psnr, 'latent_std': jnp.std(mean)},
      collections,
    )

  def preview(self, params, frozen, collections, batch, rng) -> np.ndarray:
    """Rows: input images, reconstructions."""
    del frozen, collections, rng
    image = blocks.to_float(jnp.asarray(batch['image'][:4]))
    rebuilt, _, _ = jax.jit(self.networks['autoencoder'].apply)({'params': params['autoencoder']}, image)
    return blocks.picture_grid([image, rebuilt])


def uses(config) -> base.Uses:
  """The network that the stage trains."""
  del config
  return base.Uses(trained=('autoencoder',))


def build(config, given: Mapping[str, nn.Module]) -> AutoencoderStage:
  """The stage of a configuration."""
  networks, _ = base.networks_for(uses(config), config, given)
  return AutoencoderStage(networks=networks, **base.options_of(AutoencoderStage, config))
