"""Image autoencoder stage: reconstruction through a small latent that is close to unit normal."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn import image_ops
from seetalk_jax.models.portrait.autoencoder import sample_posterior
from seetalk_jax.stages import base, critics, losses, picture_mask, reconstruction


@dataclasses.dataclass(frozen=True)
class AutoencoderStage(critics.CriticOptions, reconstruction.ReconstructionStage):
  """L1 loss, edge loss, a small KL term to the unit normal, and the critics whose weights are not 0.

  Attributes:
    kl_weight: multiplies the KL divergence to the unit normal, averaged over latent values. It is small
      because later stages divide by the scale of the latents.
    keep_encoder: train the decoder alone, so that what other stages learned of the latents stays valid.
    latent_noise: noise is added to latents before they are decoded, of a standard deviation that is uniform in [0,
      `latent_noise`] times theirs, another for every picture. A decoder that has only seen latents of pictures turns
      the remaining noise of sampled latents into grain (noise-augmented decoding, arXiv 2510.11690).
  """

  name: str = 'autoencoder'
  kl_weight: float = 1e-5
  keep_encoder: bool = False
  latent_noise: float = 0.0

  @property
  def crop_multiple(self) -> int:
    return self.networks['autoencoder'].factor  # whole latents  # pyright: ignore[reportAttributeAccessIssue]

  def trainable(self, params: Mapping[str, Any]) -> Any:
    """All parameters; with `keep_encoder`, all except those that make latents of pictures."""
    kept = ('encoder', 'quant') if self.keep_encoder else ()
    return base.trainable_but('autoencoder', kept, params)

  def init(self, rng: jax.Array, frozen: base.Frozen) -> tuple[dict[str, Any], dict[str, Any]]:
    del frozen
    params = {'autoencoder': self.networks['autoencoder'].init(rng, jnp.zeros((1, 64, 64, 3)))['params']}
    return params | critics.init_discriminator(self.networks, rng, 64), {}

  def loss(self, params, frozen, collections, batch, rng, step):
    crop_rng, sample_rng = jax.random.split(rng)
    image, weight, inside = self._crops(batch, crop_rng)
    weight = weight / jnp.mean(weight)

    rebuilt, mean, log_variance = self._rebuilt(params['autoencoder'], image, sample_rng)
    rebuilt = picture_mask.only_inside(rebuilt, image, inside)

    def errors(picture):
      l1 = jnp.mean(weight * jnp.abs(picture - image))
      edges = losses.edge_loss(picture, image, weight)
      texture, texture_metrics = self._texture(picture, image, weight)
      return l1 + self.edge_weight * edges + texture, {'l1': l1, 'edges': edges, **texture_metrics}

    loss, metrics = errors(rebuilt)
    kl = 0.5 * jnp.mean(jnp.square(mean) + jnp.exp(log_variance) - 1.0 - log_variance)
    critic_loss, critic_metrics = critics.critic_losses(
      self, self.networks, self.frozen, params, frozen, rebuilt, image, lambda x: errors(x)[0], step
    )
    loss += self.kl_weight * kl + critic_loss
    # Pixels range over [-1, 1], so the squared peak is 4.
    squared = picture_mask.mean_inside(jnp.square(jnp.clip(rebuilt, -1, 1) - image), inside)
    psnr = 10.0 * jnp.log10(4.0 / squared)
    return loss, (
      {**metrics, 'kl': kl, 'psnr': psnr, 'latent_std': jnp.std(mean), **critic_metrics},
      collections,
    )

  def _rebuilt(self, params, image, rng):
    """(Picture from a noisy latent, mean and log variance of the latent)."""
    run = functools.partial(self.networks['autoencoder'].apply, {'params': params})
    if not self.latent_noise:
      return run(image, rng)
    mean, log_variance = run(image, method='encode')
    rng, size_rng, noise_rng = jax.random.split(rng, 3)
    sizes = self.latent_noise * jax.random.uniform(size_rng, (len(image), 1, 1, 1))
    noise = sizes * jnp.std(jax.lax.stop_gradient(mean)) * jax.random.normal(noise_rng, mean.shape)
    return run(sample_posterior(mean, log_variance, rng) + noise, method='decode'), mean, log_variance

  def _pixel_weights(self, parts, status):
    head = (parts > 0).astype(jnp.float32)[..., None]
    weight = 1.0 + (self.head_weight - 1.0) * image_ops.upsample_nearest(head, 4)
    return losses.weight_by_status(weight, status)


def uses(config) -> base.Uses:
  """The autoencoder, and the networks of its critics."""
  discriminator, frozen_critics = critics.networks_of(config)
  return base.Uses(trained=('autoencoder', *discriminator), frozen=frozen_critics)


def build(config, pretrained: Mapping[str, nn.Module]) -> AutoencoderStage:
  """The stage of a configuration."""
  networks, frozen = base.networks_for(uses(config), config, pretrained)
  return AutoencoderStage(networks=networks, frozen=frozen, **base.options_of(AutoencoderStage, config))
