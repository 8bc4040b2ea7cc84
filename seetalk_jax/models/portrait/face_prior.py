"""The statistical face prior, and how far each speaker leans on it (sample-adaptive weighting)."""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn.blocks import MLP

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(hidden=16, beta0=1.0),
  'demo': dict(hidden=64, beta0=1.0),
  'base': dict(hidden=256, beta0=1.0),
  'large': dict(hidden=256, beta0=1.0),
}


@flax.struct.dataclass
class FacePrior:
  """Statistics of scaled latents (`z0 * latent_scale`) of aligned portraits.

  Attributes:
    mean, std: `[h, w, c]`.
    directions: `[k, h, w, c]`, orthonormal: the principal components, or None where they were not computed.
    variances: `[k]` along them.
    rest: variance in every other direction, a scalar.
    voice, voice_mean: `[k, d]` and `[d]`: a voice vector's coordinates along the directions are expected at
      `voice @ (e_s - voice_mean)`; None where that was not measured.
    voice_variances: `[k]`, what is left around that.
    told: `[r, k]`, orthonormal: the few combinations of the coordinates, each counted in what is left around it,
      that voices tell apart; sex and age are among them, hair colour is not.
  """

  mean: jax.Array
  std: jax.Array
  directions: jax.Array | None = None
  variances: jax.Array | None = None
  rest: jax.Array | None = None
  voice: jax.Array | None = None
  voice_mean: jax.Array | None = None
  voice_variances: jax.Array | None = None
  told: jax.Array | None = None

  def expected(self, embedding: jax.Array, heard: jax.Array) -> tuple[jax.Array | None, jax.Array]:
    """What is known of a face before it is seen.

    Args:
      embedding: voice vectors `[b, d]`.
      heard: bool `[b]`; False: there is no voice.

    Returns:
      The expected departure from `mean`, `[b, h, w, c]` (None: nothing is known), and the variances along the
      directions, `[k]` or `[b, k]`.
    """
    if self.voice is None:
      return None, self.variances  # pyright: ignore[reportReturnType]
    along = (embedding - self.voice_mean) @ self.voice.T * heard[:, None]  # pyright: ignore[reportOperatorIssue]
    variances = jnp.where(heard[:, None], self.voice_variances, self.variances)  # pyright: ignore[reportArgumentType]
    return jnp.tensordot(along, self.directions, axes=1), variances  # pyright: ignore[reportArgumentType]

  def split_noise(self, noise: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Starting noise `[b, h, w, c]` as (what is the voice's to say, the rest), which sum to it."""
    if self.told is None:
      return jnp.zeros_like(noise), noise
    along = jnp.einsum('bhwc,khwc->bk', noise, self.directions)
    voiced = jnp.tensordot((along @ self.told.T) @ self.told, self.directions, axes=1)  # pyright: ignore[reportArgumentType]
    return voiced, noise - voiced

  def pooled(self) -> jax.Array:
    """The mean over the picture, `[c]`."""
    return jnp.mean(self.mean, axis=(0, 1))


@flax.struct.dataclass
class PriorSums:
  """Running count (int32), mean and sum of squared deviations of latents: exact over any order of batches.

  Batches may lie on many devices: their means and sums are over the whole batch.
  """

  count: jax.Array
  mean: jax.Array
  squares: jax.Array

  @classmethod
  def empty(cls, shape: tuple[int, ...]) -> PriorSums:
    """Nothing seen yet; `shape` is that of one latent."""
    return cls(jnp.zeros((), jnp.int32), jnp.zeros(shape, jnp.float32), jnp.zeros(shape, jnp.float32))


def update_prior(sums: PriorSums, latents: jax.Array) -> PriorSums:
  """`sums` with a batch `[b, h, w, c]` more (Chan's pairwise update: no loss of digits over long passes)."""
  latents = latents.astype(jnp.float32)
  number = latents.shape[0]
  mean = jnp.mean(latents, axis=0)
  squares = jnp.sum(jnp.square(latents - mean), axis=0)
  count = sums.count + number
  share = number / count.astype(jnp.float32)
  delta = mean - sums.mean
  return PriorSums(
    count,
    sums.mean + delta * share,
    sums.squares + squares + jnp.square(delta) * (sums.count.astype(jnp.float32) * share),
  )


def finalize_prior(sums: PriorSums) -> FacePrior:
  """Mean and (population) standard deviation of everything seen."""
  return FacePrior(sums.mean, jnp.sqrt(sums.squares / jnp.maximum(sums.count, 1.0)))


def projection_coefficient(latents: jax.Array, prior_mean: jax.Array) -> jax.Array:
  """`<z, p> / <p, p>` of latents `[b, h, w, c]`: how far each leans on the prior `[h, w, c]`, `[b, 1, 1, 1]`."""
  axes = (-3, -2, -1)
  dots = jnp.sum(latents * prior_mean, axis=axes, keepdims=True)
  return dots / jnp.maximum(jnp.sum(jnp.square(prior_mean), axis=axes, keepdims=True), 1e-6)


class SampleAdaptiveWeighting(nn.Module):
  """beta of each sample from its voice and the prior: `2 sigmoid(MLP([e_s, p pooled]))`, starting at `beta0`.

  The paper names the module; its form here is our reading.
  """

  hidden: int = 64
  beta0: float = 1.0
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, embedding: jax.Array, prior_pooled: jax.Array) -> jax.Array:
    """Voices `[b, 512]` and the pooled prior `[b, c]` (or `[c]`) to beta `[b, 1, 1, 1]`."""
    if not 0 < self.beta0 < 2:
      raise ValueError(f'beta0 must lie inside (0, 2), got {self.beta0}')
    channels = prior_pooled.shape[-1]
    pooled = jnp.broadcast_to(prior_pooled, (embedding.shape[0], channels)).astype(embedding.dtype)
    voice = embedding * jnp.sqrt(embedding.shape[-1]).astype(embedding.dtype)
    mlp = MLP(
      self.hidden,
      1,
      zero_init=True,
      dtype=self.dtype,
      param_dtype=self.param_dtype,
      name='mlp',
    )
    raw = mlp(jnp.concatenate([voice, pooled], axis=-1)).astype(jnp.float32)
    offset = math.log(self.beta0 / (2 - self.beta0))  # so that the zero-initialised MLP gives beta0
    return 2.0 * jax.nn.sigmoid(raw + offset)[:, None, None, :]
