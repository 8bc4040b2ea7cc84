"""Regularization of speech encoders in training: dropout, layer drop, and SpecAugment (arXiv 1904.08779).

All of it is off without a random key, as at inference. Rates are those of a training run, not fields of the network.
"""

from __future__ import annotations

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

TIME_SPAN_SECONDS = 0.2  # of a masked stretch of time, as published models have it
_FEATURE_SPANS = 12  # a masked stretch of features is this part of all: 64 of 768 channels, 6 of 80 bands


class Regularization(NamedTuple):
  """Rates of a training run, each 0 or more and below 1; 0 is off.

  Attributes:
    dropout: probability that a value is zeroed, after the positional convolution and in both branches of a layer.
      Attention weights have none: the fused kernels of accelerators compute none.
    layer_drop: probability that a layer is skipped, for the whole batch.
    time_mask: share of the time that is masked, in stretches of 0.2 s.
    feature_mask: share of the features that are masked, in neighboring ones, for the whole recording.
  """

  dropout: float = 0.0
  layer_drop: float = 0.0
  time_mask: float = 0.0
  feature_mask: float = 0.0

  @property
  def is_on(self) -> bool:
    """Whether any rate is above 0."""
    return any(rate > 0 for rate in self)


def dropped_out(x: jax.Array, rate: float, key: jax.Array | None) -> jax.Array:
  """`x` with dropout; `x` itself without a key."""
  if key is None or not rate:
    return x
  return nn.Dropout(rate, deterministic=False, parent=None).apply({}, x, rng=key)  # pyright: ignore[reportReturnType]


def layer_or_skip(new: jax.Array, old: jax.Array, rate: float, key: jax.Array | None) -> jax.Array:
  """Output `new` of a layer, or its input `old` with probability `rate`; `new` without a key."""
  if key is None or not rate:
    return new
  return jnp.where(jax.random.bernoulli(key, rate), old, new)


def span_mask(key: jax.Array, shape: tuple[int, int], share: float, length: int) -> jax.Array:
  """Mask of random spans, bool `[rows, n]`, True = masked.

  Args:
    shape: (rows, n).
    share: expected share of masked places in the middle of a row, 0 or more and below 1.
    length: of a span, 1 or more; spans may overlap.
  """
  # A place stays if none of the `length` starts before it begins a span.
  start = 1.0 - (1.0 - share) ** (1.0 / length)
  starts = jnp.cumsum(jax.random.bernoulli(key, start, shape), axis=-1)
  before = jnp.pad(starts, ((0, 0), (length, 0)))[:, : shape[-1]]
  return starts > before


def spec_augment(
  x: jax.Array, rates: Regularization, key: jax.Array | None, steps_per_second: int, num_features: int = 0
) -> jax.Array:
  """`x [b, t, d]` with stretches of time and of features set to 0; `x` itself without a key.

  Args:
    num_features: features that repeat side by side in `x`: log-mel features hold every band twice. Those after the
      last whole repetition are not masked. 0: all of d, once.
  """
  if key is None:
    return x
  time_key, feature_key = jax.random.split(key)
  b, t, d = x.shape
  zero = jnp.zeros((), x.dtype)
  if rates.time_mask:
    length = max(1, round(TIME_SPAN_SECONDS * steps_per_second))
    x = jnp.where(span_mask(time_key, (b, t), rates.time_mask, length)[..., None], zero, x)
  if rates.feature_mask:
    count = num_features or d
    masked = span_mask(feature_key, (b, count), rates.feature_mask, max(1, count // _FEATURE_SPANS))
    masked = jnp.tile(masked, (1, d // count))
    x = jnp.where(jnp.pad(masked, ((0, 0), (0, d - masked.shape[-1])))[:, None], zero, x)
  return x
