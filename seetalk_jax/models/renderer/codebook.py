"""Codebook (VQGAN) of face patches: encoder, vector quantizer with moving-average codes, decoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn import examples
from seetalk_jax.models.nn.blocks import ResBlock, conv, down_levels, group_norm, unit
from seetalk_jax.models.nn.image_ops import check_sides, pixel_shuffle
from seetalk_jax.sharding.constraints import refuse_explicit

STATE = 'codebook_state'  # collection of the codes and their running counts, updated without gradients

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(
    num_codes=16,
    code_dim=8,
    widths=(16, 16, 16),
    num_blocks=1,
    decay=0.97,
    revive_below=0.02,
    commitment=0.25,
  ),
  'demo': dict(
    num_codes=512,
    code_dim=64,
    widths=(48, 80, 128),
    num_blocks=1,
    decay=0.97,
    revive_below=0.02,
    commitment=0.25,
  ),
  'base': dict(
    num_codes=1024,
    code_dim=256,
    widths=(128, 256, 512),
    num_blocks=2,
    decay=0.97,
    revive_below=0.02,
    commitment=0.25,
  ),
  'large': dict(
    num_codes=1024,
    code_dim=256,
    widths=(192, 384, 768),
    num_blocks=3,
    decay=0.97,
    revive_below=0.02,
    commitment=0.25,
  ),
}

FuseFn = Callable[[int, jax.Array], jax.Array]  # (downsampling factor 16 | 8 | 4, features) -> features


class CodeEncoder(nn.Module):
  """Picture `[b, h, w, 3]` -> `[b, h / 16, w / 16, code_dim]`."""

  code_dim: int
  widths: tuple[int, int, int]
  num_blocks: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, image: jax.Array) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    x = down_levels(image, self.widths, self.num_blocks, **types)[-1]
    x = jax.nn.silu(group_norm(x.shape[-1], 'norm_out', **types)(x))
    return conv(self.code_dim, 1, 'conv_out', **types)(x)


class CodeDecoder(nn.Module):
  """Codes `[b, h / 16, w / 16, code_dim]` -> picture `[b, h, w, 3]`.

  `fuse` modifies the features of each level; `HRDecoder` uses it.
  """

  widths: tuple[int, int, int]
  num_blocks: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, codes: jax.Array, fuse: FuseFn | None = None) -> tuple[jax.Array, jax.Array]:
    """Returns (picture float32, last features `[b, h / 4, w / 4, widths[0]]`)."""
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    fuse = fuse or (lambda factor, x: x)
    x = conv(self.widths[-1], 3, 'conv_in', **types)(codes)
    for level, (factor, width) in enumerate(zip((16, 8, 4), reversed(self.widths), strict=True)):
      if level:
        x = pixel_shuffle(conv(4 * width, 1, f'up_{level}', **types)(jax.nn.silu(x)), 2)
      for i in range(self.num_blocks):
        x = ResBlock(width, zero_init=False, name=f'block_{level}_{i}', **types)(x)
      x = fuse(factor, x)
    x = jax.nn.silu(group_norm(x.shape[-1], 'norm_out', **types)(x))
    image = pixel_shuffle(conv(48, 3, 'conv_out', **types)(x), 4)
    return image.astype(jnp.float32), x


class Codebook(nn.Module):
  """VQGAN (arXiv 2012.09841) with codes updated by exponential moving averages (arXiv 1711.00937).

  The codes are in the collection `codebook_state` (`embedding`, `count`, `total`), which checkpoints store
  with the parameters. Codes and encoder outputs are unit vectors (arXiv 2110.04627).

  Attributes:
    num_codes: entries of the codebook.
    code_dim: width of an entry.
    widths: channels at 1/4, 1/8, 1/16.
    num_blocks: residual blocks per level.
    decay: decay of the moving averages.
    revive_below: a dead code, whose running count per batch is below this, is replaced by an encoder output
      of the batch.
    commitment: weight of the commitment loss.
  """

  num_codes: int = 512
  code_dim: int = 64
  widths: tuple[int, int, int] = (48, 80, 128)
  num_blocks: int = 1
  decay: float = 0.97
  revive_below: float = 0.02
  commitment: float = 0.25
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  def setup(self):
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    self.encoder = CodeEncoder(self.code_dim, self.widths, self.num_blocks, **types)
    self.decoder = CodeDecoder(self.widths, self.num_blocks, **types)

    shape = (self.num_codes, self.code_dim)
    self.embedding = self.variable(
      STATE, 'embedding', lambda: unit(jax.random.normal(self.make_rng('params'), shape))
    )
    self.count = self.variable(STATE, 'count', lambda: jnp.ones(shape[:1]))
    self.total = self.variable(STATE, 'total', lambda: self.embedding.value)

  def __call__(self, image: jax.Array, train: bool = False, pieces: int = 1):
    """`[b, h, w, 3]` in [-1, 1] -> (picture, indices, losses, stats); see `quantise`."""
    codes, indices, losses, stats = self.quantise(self.encode(image), train, pieces)
    return self.decode(codes), indices, losses, stats

  def encode(self, image: jax.Array) -> jax.Array:
    """Picture in [-1, 1] to unit vectors `[b, h / 16, w / 16, code_dim]`.

    Args:
      image: `[b, h, w, 3]`, sides multiples of 16.

    Raises:
      ValueError: a side is not a multiple of 16.
    """
    check_sides(image, 16, 'picture')
    return unit(self.encoder(image))

  def quantise(
    self, h: jax.Array, train: bool = False, pieces: int = 1
  ) -> tuple[jax.Array, jax.Array, dict[str, jax.Array], dict[str, jax.Array]]:
    """Nearest codes of `h [b, m, n, code_dim]`, with a straight-through gradient.

    Args:
      train: update the codes; needs the collection mutable and an rng named 'codebook' (for dead codes).
      pieces: `h` is one of so many pieces of a batch, see `update_codes`.

    Returns:
      codes `[b, m, n, code_dim]`; indices int32 `[b, m, n]`; losses {'commitment'}; stats {'perplexity':
      effective number of codes in the batch, 1 to num_codes; 'dead_codes': share of codes below
      `revive_below`}.
    """
    h = h.astype(jnp.float32)
    indices = nearest_codes(h, self.embedding.value)
    codes = self.embedding.value[indices]
    losses = {'commitment': self.commitment * jnp.mean(jnp.sum(jnp.square(h - codes), axis=-1))}
    use = jnp.mean(jax.nn.one_hot(indices.reshape(-1), self.num_codes), axis=0)
    stats = {
      'perplexity': jnp.exp(-jnp.sum(use * jnp.log(use + 1e-10))),
      'dead_codes': jnp.mean(self.count.value < self.revive_below),
    }
    if train and not self.is_initializing():
      self.embedding.value, self.count.value, self.total.value = update_codes(
        self.count.value,
        self.total.value,
        jax.lax.stop_gradient(h),
        indices,
        self.make_rng('codebook'),
        decay=self.decay,
        revive_below=self.revive_below,
        pieces=pieces,
      )
    return h + jax.lax.stop_gradient(codes - h), indices, losses, stats

  def decode(self, codes: jax.Array) -> jax.Array:
    """Decodes codes `[b, m, n, code_dim]` to float32 `[b, 16 m, 16 n, 3]`, about [-1, 1] (not clipped)."""
    return self.decoder(codes)[0]

  def lookup(self, indices: jax.Array) -> jax.Array:
    """Indices int `[*b]` in [0, num_codes) to codes `[*b, code_dim]`."""
    return self.embedding.value[indices]

  @nn.nowrap
  def example_inputs(
    self, others: examples.Modules | None = None, side: int = examples.SIDE
  ) -> tuple[Any, ...]:
    """Arguments of `__call__` as shapes; see `models.nn.examples`."""
    del others
    return (examples.image(side),)


def nearest_codes(h: jax.Array, embedding: jax.Array) -> jax.Array:
  """Index of the entry of `embedding [k, d]` nearest to each `h [*b, d]`; int32 `[*b]`.

  In full precision, so that all devices choose the same codes: with products of bfloat16, the default of TPUs, 0.2 to
  0.6 % are others.
  """
  distance = jnp.sum(jnp.square(embedding), axis=-1) - jnp.matmul(2 * h, embedding.T, precision='highest')
  return jnp.argmin(jax.lax.stop_gradient(distance), axis=-1).astype(jnp.int32)


def update_codes(
  count: jax.Array,
  total: jax.Array,
  vectors: jax.Array,
  indices: jax.Array,
  rng: jax.Array,
  *,
  decay: float,
  revive_below: float,
  pieces: int = 1,
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """One step of the exponential moving averages of the codes.

  Args:
    count: `[k]`, running mean of the number of vectors per code in a batch.
    total: `[k, d]`, running mean of the sum of the vectors of each code.
    vectors: encoder outputs `[*b, d]`.
    indices: nearest code of each, `[*b]`.
    rng: selects the vectors that replace dead codes.
    decay, revive_below: as in `Codebook`.
    pieces: number of equal pieces of a batch, of which the vectors are one. Counts and sums of a piece count for the
      whole batch, and the pieces together decay as one batch, so that the averages do not depend on this number.

  Returns:
    (embedding `[k, d]` of unit vectors, new count, new total).
  """
  k, d = total.shape
  vectors = vectors.reshape(-1, d)
  chosen = jax.nn.one_hot(indices.reshape(-1), k, dtype=vectors.dtype)
  decay = decay ** (1 / pieces)
  count = decay * count + (1 - decay) * pieces * jnp.sum(chosen, axis=0)
  total = decay * total + (1 - decay) * pieces * jnp.matmul(chosen.T, vectors, precision='highest')
  dead = count < revive_below
  fresh = vectors[jax.random.randint(rng, (k,), 0, vectors.shape[0])]
  # A replaced code starts with the count of a code in average use, so that it is not replaced again soon.
  start = jnp.maximum(1.0, pieces * vectors.shape[0] / k) * jnp.ones_like(count)
  count = jnp.where(dead, start, count)
  total = jnp.where(dead[:, None], start[:, None] * fresh, total)
  return unit(total), count, total


def average_codes(
  average: Mapping[str, jax.Array], state: Mapping[str, jax.Array], decay: jax.Array | float
) -> dict[str, jax.Array]:
  """Running average of the collection `codebook_state`, for an encoder and a decoder whose parameters are averaged.

  Codes follow the encoder within `1 / (1 - Codebook.decay)` steps, and averaged parameters are older than that.

  Args:
    average: the average so far: `embedding` `[k, d]`, `count` `[k]`, `total` `[k, d]`.
    state: the same after a step.
    decay: share of `average` in the result.
  """
  mean = {name: average[name] + (1.0 - decay) * (state[name] - average[name]) for name in ('count', 'total')}
  return {'embedding': unit(mean['total']), **mean}


def straight_through_lookup(logits: jax.Array, embedding: jax.Array) -> jax.Array:
  """Straight-through lookup: the code of largest logit, `[*b, d]`, with the gradient of the softmax average.

  Args:
    logits: `[*b, k]`.
    embedding: codes `[k, d]`.
  """
  refuse_explicit(logits)
  logits = logits.astype(jnp.float32)
  soft = jax.nn.softmax(logits) @ embedding
  hard = embedding[jnp.argmax(logits, axis=-1)]
  return soft + jax.lax.stop_gradient(hard - soft)
