"""Statistical face prior p and sample-adaptive weighting (SAW) of the portrait diffusion.

The prior shifts the noisy latent of a portrait z0 by the weight beta of the sample
(`SampleAdaptiveWeighting`):

  x_t = sqrt(abar_t) z0 + (1 - sqrt(abar_t)) beta p + sqrt(1 - abar_t) eps.

In `y = x - beta p` this is ordinary diffusion of the residual `z0 - beta p`, which network and samplers work
on. `p` is the mean latent of aligned training portraits (`FacePrior.mean`). beta = 0 is plain latent
diffusion, a constant beta is arXiv 2310.03363.

The diffusion loss alone does not determine beta, since the network can compensate a known shift. SAW is
therefore also trained on the projection coefficient of the true latent, `beta* = <z0, p> / <p, p>`.

The paper does not specify how beta is computed; we use cross-attention of the prior to the speech
(`SampleAdaptiveWeighting`).
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
from seetalk_jax.models.nn.attention import MultiHeadAttention, key_mask
from seetalk_jax.models.nn.blocks import MLP, dense, layer_norm
from seetalk_jax.models.nn.embeddings import sinusoidal_embedding
from seetalk_jax.models.nn.image_ops import check_sides, pixel_unshuffle

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(hidden=16, num_heads=2, patch_size=2, beta0=1.0),
  'demo': dict(hidden=64, num_heads=4, patch_size=4, beta0=1.0),
  'base': dict(hidden=256, num_heads=8, patch_size=8, beta0=1.0),
  'large': dict(hidden=256, num_heads=8, patch_size=8, beta0=1.0),
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
  """SAW: the weight beta of the face prior for one speech sample, by cross-attention of the prior to the speech.

  The name and the purpose are from See the Speaker (arXiv 2510.26819), which does not specify the network; we use:

  * queries `[b, n, hidden]`: patches of the prior's mean and standard deviation with their positions, `n = h w /
    patch_size^2`;
  * keys and values `[b, 1 + t, hidden]`: the voice vector and the speech tokens;
  * an MLP that gives one number for each query, `[b, n, 1]`, and their mean, weighted by the energy of the prior's
    mean in each patch. The projection coefficient, which beta is trained on, is such a mean of local ones;
  * `beta = 2 sigmoid(mean + log(beta0 / (2 - beta0)))`, in (0, 2). The last layer of the MLP starts at zero, so
    that beta starts at `beta0`.

  Attributes:
    hidden: width of queries, keys, values and the MLP; a multiple of 4 and of `num_heads`.
    num_heads: attention heads.
    patch_size: side of the patches, in latent cells.
    beta0: initial value, inside (0, 2).
  """

  hidden: int = 64
  num_heads: int = 4
  patch_size: int = 4
  beta0: float = 1.0
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(
    self,
    embedding: jax.Array,
    tokens: jax.Array,
    tokens_valid: jax.Array,
    prior_mean: jax.Array,
    prior_std: jax.Array,
  ) -> jax.Array:
    """beta of each speech sample, float32 `[b, 1, 1, 1]` in (0, 2).

    Args:
      embedding: voice vectors `[b, 512]`, unit length.
      tokens: speech tokens `[b, t, d]`.
      tokens_valid: bool `[b, t]`, True = valid.
      prior_mean, prior_std: mean and standard deviation of the face prior, `[1, h, w, c]`, h and w multiples of
        `patch_size`.

    Raises:
      ValueError: `beta0` outside (0, 2), a `hidden` that does not fit, or sides that are no multiples of
        `patch_size`.
    """
    if not 0 < self.beta0 < 2:
      raise ValueError(f'beta0 must lie inside (0, 2), got {self.beta0}')
    voice = embedding * jnp.sqrt(embedding.shape[-1]).astype(embedding.dtype)
    raw = self._raw(voice, tokens, tokens_valid, prior_mean, prior_std)
    offset = math.log(self.beta0 / (2 - self.beta0))  # so that the zero-initialized MLP gives beta0
    return 2.0 * jax.nn.sigmoid(raw + offset)[:, None, None, :]

  @nn.nowrap
  def _raw(self, voice, tokens, tokens_valid, prior_mean, prior_std):
    if self.hidden % 4 or self.hidden % self.num_heads:
      raise ValueError(
        f'hidden must be a multiple of 4 and of num_heads, got {self.hidden} with {self.num_heads} heads'
      )
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    voice_token = dense(self.hidden, 'voice_token', axes=('mlp', 'embed'), **types)(voice)[:, None]
    speech = dense(self.hidden, 'token_proj', axes=('mlp', 'embed'), **types)(tokens)
    context = layer_norm('norm_context', **types)(jnp.concatenate([voice_token, speech], axis=1))
    valid = jnp.concatenate([jnp.ones((len(voice), 1), bool), jnp.asarray(tokens_valid, bool)], axis=1)

    queries, energy = self._prior_patches(prior_mean, prior_std)
    queries = jnp.broadcast_to(queries, (len(voice), *queries.shape[1:]))
    attention = MultiHeadAttention(self.num_heads, self.hidden // self.num_heads, name='attention', **types)
    x = queries + attention(layer_norm('norm_query', **types)(queries), context, key_mask(valid))
    each = self._mlp()(layer_norm('norm_out', **types)(x)).astype(jnp.float32)
    return jnp.sum(each * energy, axis=1) / (jnp.sum(energy, axis=1) + 1e-6)

  @nn.nowrap
  def _prior_patches(self, prior_mean, prior_std):
    """Queries `[1, n, hidden]`, and the energy of the mean in each patch, float32 `[1, n, 1]`."""
    check_sides(prior_mean, self.patch_size, 'the face prior')
    mean, std = (
      pixel_unshuffle(jnp.asarray(x, jnp.float32), self.patch_size) for x in (prior_mean, prior_std)
    )
    queries = dense(
      self.hidden, 'prior_proj', axes=('conv_in', 'embed'), dtype=self.dtype, param_dtype=self.param_dtype
    )(jnp.concatenate([mean, std], axis=-1))
    _, h, w, _ = queries.shape
    rows, columns = (sinusoidal_embedding(jnp.arange(side), self.hidden // 2) for side in (h, w))
    shape = (h, w, self.hidden // 2)
    places = [jnp.broadcast_to(rows[:, None], shape), jnp.broadcast_to(columns[None], shape)]
    queries = queries + jnp.concatenate(places, axis=-1).astype(queries.dtype)
    energy = jnp.sum(jnp.square(mean), axis=-1, keepdims=True)
    return queries.reshape(len(queries), h * w, self.hidden), energy.reshape(len(energy), h * w, 1)

  @nn.nowrap
  def _mlp(self):
    return MLP(self.hidden, 1, zero_init=True, dtype=self.dtype, param_dtype=self.param_dtype, name='mlp')

  @nn.nowrap
  def example_inputs(
    self, others: examples.Modules | None = None, side: int = examples.SIDE
  ) -> tuple[Any, ...]:
    """Arguments of `__call__` as shapes; see `models.nn.examples`."""
    channels = examples.field(others, 'autoencoder', 'latent_channels', 4)
    latent = examples.array(1, side // 8, side // 8, channels)
    return examples.embedding(), examples.tokens(others), examples.valid(), latent, latent
