"""Image autoencoder: rebuild pictures through a narrow, nearly normal latent."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.models import blocks
from seetalk_jax.stages import base


def edge_loss(
  image: jax.Array, truth: jax.Array, weight: jax.Array | float = 1.0, scales: int = 3
) -> jax.Array:
  """Mean absolute error of neighbouring-pixel differences at full, half, ... size: sharpness without a GAN.

  Args:
    image, truth: `[b, h, w, c]`.
    weight: `[b, h, w, 1]` or a number.
  """
  error, total = image - truth, 0.0
  weight = jnp.broadcast_to(weight, (*error.shape[:3], 1))
  for scale in range(scales):
    if scale:
      error, weight = (blocks.resize_image(a, (a.shape[1] // 2, a.shape[2] // 2)) for a in (error, weight))
    total += jnp.mean(jnp.abs(error[:, 1:] - error[:, :-1]) * weight[:, 1:])
    total += jnp.mean(jnp.abs(error[:, :, 1:] - error[:, :, :-1]) * weight[:, :, 1:])
  return total / scales


@dataclasses.dataclass(frozen=True)
class AutoencoderStage(base.StageBase):
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
      image, weight = self._crop(crop_rng, image, weight)
    weight = weight / jnp.mean(weight)

    rebuilt, mean, log_variance = self.networks['autoencoder'].apply(
      {'params': params['autoencoder']}, image, sample_rng
    )
    l1 = jnp.mean(weight * jnp.abs(rebuilt - image))
    edges = edge_loss(rebuilt, image, weight)
    kl = 0.5 * jnp.mean(jnp.square(mean) + jnp.exp(log_variance) - 1.0 - log_variance)
    loss = l1 + self.edge_weight * edges + self.kl_weight * kl
    # Pixels run over 2, so the peak's square is 4.
    psnr = 10.0 * jnp.log10(4.0 / jnp.mean(jnp.square(jnp.clip(rebuilt, -1, 1) - image)))
    return loss, (
      {'l1': l1, 'edges': edges, 'kl': kl, 'psnr': psnr, 'latent_std': jnp.std(mean)},
      collections,
    )

  def _crop(self, rng, image, weight):
    size, crop = self.image_size, self.crop_size
    corners = jax.random.randint(rng, (image.shape[0], 2), 0, (size - crop) // 8 + 1) * 8

    def one(picture, corner):
      start = (corner[0], corner[1], 0)
      return jax.lax.dynamic_slice(picture, start, (crop, crop, picture.shape[-1]))

    return jax.vmap(one)(image, corners), jax.vmap(one)(weight, corners)

  def preview(self, params, frozen, collections, batch, rng) -> np.ndarray:
    """Rows: pictures, rebuilt pictures."""
    del frozen, collections, rng
    image = blocks.to_float(jnp.asarray(batch['image'][:4]))
    rebuilt, _, _ = jax.jit(self.networks['autoencoder'].apply)({'params': params['autoencoder']}, image)
    return blocks.picture_grid([image, rebuilt])


def build(config, given: Mapping[str, nn.Module]) -> AutoencoderStage:
  """The stage of a configuration."""
  networks = {'autoencoder': base.network_for('autoencoder', config, given)}
  return AutoencoderStage(networks=networks, **base.options_of(AutoencoderStage, config))
