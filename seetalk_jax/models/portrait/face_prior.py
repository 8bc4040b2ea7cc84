"""Statistical face prior p and sample-adaptive weighting (SAW) of the portrait diffusion.

The prior shifts the noisy latent of a portrait z0 by the weight beta of the sample
(`SampleAdaptiveWeighting`):

  x_t = sqrt(abar_t) z0 + (1 - sqrt(abar_t)) beta p + sqrt(1 - abar_t) eps.

In `y = x - beta p` this is ordinary diffusion of the residual `z0 - beta p`, which network and samplers work
on. `p` is the mean latent of aligned training portraits (`FacePrior.mean`). beta = 0 is plain latent
diffusion, a constant beta is arXiv 2310.03363.

The diffusion loss alone does not determine beta, since the network can compensate a known shift. SAW is
therefore also trained on the projection coefficient of the true latent, `beta* = <z0, p> / <p, p>`.

The paper does not specify how beta is computed; we use `beta = 2 sigmoid(MLP([e_s, pooled p]))`.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn import examples
from seetalk_jax.models.nn.blocks import MLP

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(hidden=16, beta0=1.0),
  'demo': dict(hidden=64, beta0=1.0),
  'base': dict(hidden=256, beta0=1.0),
  'large': dict(hidden=256, beta0=1.0),
}


# Products with directions are in full precision on every device: rounded ones would leave the subspaces.
matmul, tensordot = (
  functools.partial(product, precision='highest') for product in (jnp.matmul, jnp.tensordot)
)


@flax.struct.dataclass
class FacePrior:
  """Gaussian statistics of scaled latents (`z0 * latent_scale`) of aligned portraits.

  Attributes:
    mean, std: `[h, w, c]`; the mean is the prior p.
    directions: `[k, h, w, c]`, orthonormal principal components, or None if not computed.
    variances: `[k]`, variances along `directions`.
    rest: scalar, variance in every direction orthogonal to `directions`.
    voice, voice_mean: `[k, d]` and `[d]`, linear regression of the coordinates along `directions` on the
      voice vector: `E[coordinates | e_s] = voice @ (e_s - voice_mean)`. None if not computed.
    voice_variances: `[k]`, residual variances of that regression.
    voice_subspace: `[r, k]`, orthonormal rows: the subspace of the coordinates, in units of their residual
      standard deviations, that voices can predict. Sex and age lie in it, hair color does not.
  """

  mean: jax.Array
  std: jax.Array
  directions: jax.Array | None = None
  variances: jax.Array | None = None
  rest: jax.Array | None = None
  voice: jax.Array | None = None
  voice_mean: jax.Array | None = None
  voice_variances: jax.Array | None = None
  voice_subspace: jax.Array | None = None

  def conditional_moments(
    self, embedding: jax.Array, has_voice: jax.Array
  ) -> tuple[jax.Array | None, jax.Array]:
    """Conditional mean and variances of the latent given the voice.

    Args:
      embedding: voice vectors `[b, d]`.
      has_voice: bool `[b]`, True = the sample has a voice. Without one the prior's own statistics apply.

    Returns:
      The conditional mean minus `mean`, `[b, h, w, c]` (None without a voice regression), and the variances
      along `directions`, `[k]` or `[b, k]`.
    """
    if self.voice is None:
      return None, self.variances  # pyright: ignore[reportReturnType]
    along = matmul(embedding - self.voice_mean, self.voice.T) * has_voice[:, None]  # pyright: ignore[reportOperatorIssue]
    variances = jnp.where(has_voice[:, None], self.voice_variances, self.variances)  # pyright: ignore[reportArgumentType]
    return tensordot(along, self.directions, axes=1), variances  # pyright: ignore[reportArgumentType]

  def split_noise(self, noise: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Splits initial noise `[b, h, w, c]` into its projection on `voice_subspace` and the rest."""
    if self.voice_subspace is None:
      return jnp.zeros_like(noise), noise
    along = jnp.einsum('bhwc,khwc->bk', noise, self.directions, precision='highest')
    along = matmul(matmul(along, self.voice_subspace.T), self.voice_subspace)
    voice_component = tensordot(along, self.directions, axes=1)  # pyright: ignore[reportArgumentType]
    return voice_component, noise - voice_component

  def pooled(self) -> jax.Array:
    """Spatial mean of the prior, `[c]`."""
    return jnp.mean(self.mean, axis=(0, 1))


@flax.struct.dataclass
class PriorSums:
  """Running count (int32), mean and sum of squared deviations of latents, for any order of batches.

  Batches may be sharded: means and sums are over the global batch.
  """

  count: jax.Array
  mean: jax.Array
  squares: jax.Array

  @classmethod
  def empty(cls, shape: tuple[int, ...]) -> PriorSums:
    """Sums of zero latents; `shape` is that of one latent."""
    return cls(jnp.zeros((), jnp.int32), jnp.zeros(shape, jnp.float32), jnp.zeros(shape, jnp.float32))


def update_prior(sums: PriorSums, latents: jax.Array) -> PriorSums:
  """Adds a batch `[b, h, w, c]` to `sums` by Chan's pairwise update, which is stable over long passes."""
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
  """Prior with the mean and population standard deviation of all latents in `sums`."""
  return FacePrior(sums.mean, jnp.sqrt(sums.squares / jnp.maximum(sums.count, 1.0)))


def projection_coefficient(latents: jax.Array, prior_mean: jax.Array) -> jax.Array:
  """Projection coefficient `beta* = <z, p> / <p, p>`, `[b, 1, 1, 1]`: the training target of SAW's beta.

  Args:
    latents: z, `[b, h, w, c]`.
    prior_mean: p, `[h, w, c]`.
  """
  axes = (-3, -2, -1)
  dots = jnp.sum(latents * prior_mean, axis=axes, keepdims=True)
  return dots / jnp.maximum(jnp.sum(jnp.square(prior_mean), axis=axes, keepdims=True), 1e-6)


class SampleAdaptiveWeighting(nn.Module):
  """SAW: weight of the prior per sample, `beta = 2 sigmoid(MLP([e_s, pooled p]))`, initially `beta0`.

  Attributes:
    hidden: width of the MLP's hidden layer.
    beta0: initial value, inside (0, 2).
  """

  hidden: int = 64
  beta0: float = 1.0
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, embedding: jax.Array, prior_pooled: jax.Array) -> jax.Array:
    """Voice vectors `[b, 512]` and the pooled prior `[b, c]` (or `[c]`) to beta float32 `[b, 1, 1, 1]`.

    Raises:
      ValueError: `beta0` outside (0, 2).
    """
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
    offset = math.log(self.beta0 / (2 - self.beta0))  # so that the zero-initialized MLP gives beta0
    return 2.0 * jax.nn.sigmoid(raw + offset)[:, None, None, :]

  @nn.nowrap
  def example_inputs(
    self, others: examples.Modules | None = None, side: int = examples.SIDE
  ) -> tuple[Any, ...]:
    """Arguments of `__call__` as shapes; see `models.nn.examples`."""
    del side
    channels = examples.field(others, 'autoencoder', 'latent_channels', 4)
    return examples.embedding(), examples.array(1, channels)
