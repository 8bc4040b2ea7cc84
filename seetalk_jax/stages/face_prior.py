"""The statistical face prior: mean and spread of the latents of aligned portraits, in one pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.models import blocks
from seetalk_jax.models.face_prior import FacePrior, PriorSums, finalize_prior, update_prior
from seetalk_jax.stages import base


def prior_statistics(raw: FacePrior) -> dict[str, np.ndarray]:
  """What later stages and releases keep, from mean and std `[h, w, c]` of unscaled latents.

  Returns:
    latent_scale: 1 / standard deviation over everything (Stable Diffusion's convention: one number).
    latent_mean: `[c]`, unscaled, for reports.
    face_prior_mean, face_prior_std: `[h, w, c]` of scaled latents.
  """
  mean, std = np.asarray(raw.mean, np.float64), np.asarray(raw.std, np.float64)
  variance = np.mean(std**2 + mean**2) - np.mean(mean) ** 2
  scale = 1.0 / np.sqrt(max(variance, 1e-12))
  statistics = {
    'latent_scale': scale,
    'latent_mean': mean.mean((0, 1)),
    'face_prior_mean': mean * scale,
    'face_prior_std': std * scale,
  }
  return {name: np.asarray(value, np.float32) for name, value in statistics.items()}


@dataclasses.dataclass(frozen=True)
class FacePriorStage:
  """A pass over portraits; see `base.PassStage`."""

  frozen: Mapping[str, nn.Module]
  networks: Mapping[str, nn.Module] = dataclasses.field(default_factory=dict)
  name: str = 'face_prior'
  view: str = 'image'
  image_size: int = 256

  def batch_spec(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
    return {'image': jax.ShapeDtypeStruct((batch_size, self.image_size, self.image_size, 3), jnp.uint8)}

  def data_options(self) -> dict[str, Any]:
    return {'portraits_only': True}

  def start(self, frozen: base.Frozen) -> PriorSums:
    del frozen
    autoencoder = self.frozen['autoencoder']
    size = self.image_size // autoencoder.factor
    return PriorSums.empty((size, size, autoencoder.latent_channels))

  def update(self, accumulator: PriorSums, frozen: base.Frozen, batch: base.Batch) -> PriorSums:
    image = blocks.to_float(batch['image'])
    mean, _ = self.frozen['autoencoder'].apply(frozen.variables('autoencoder'), image, method='encode')
    return update_prior(accumulator, mean)

  def finalize(self, accumulator: PriorSums) -> dict[str, np.ndarray]:
    return prior_statistics(finalize_prior(accumulator))

  def preview(self, params, frozen, collections, batch, rng) -> np.ndarray:
    """The mean face: the prior, decoded."""
    del params, collections, batch, rng
    mean = jnp.asarray(frozen.statistics['face_prior_mean'])[None] / frozen.statistics['latent_scale']
    image = self.frozen['autoencoder'].apply(frozen.variables('autoencoder'), mean, method='decode')
    return blocks.picture_grid([image])


def build(config, given: Mapping[str, nn.Module]) -> FacePriorStage:
  """The stage of a configuration."""
  frozen = {'autoencoder': base.network_for('autoencoder', config, given)}
  return FacePriorStage(frozen=frozen, **base.options_of(FacePriorStage, config))
