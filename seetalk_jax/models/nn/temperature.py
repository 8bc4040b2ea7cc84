"""Temperature of a contrastive loss: a learned logarithm that stays within bounds."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def clip_straight_through(x: jax.Array, low: jax.Array | float, high: jax.Array | float) -> jax.Array:
  """`x` clipped to [low, high], with the gradient of `x` itself: it is not 0 outside of the bounds.

  With the gradient of a plain clip, a parameter that a step takes out of its bounds would stay there.
  """
  # x - stop_gradient(x) is exactly 0, so the value is that of the plain clip to the last bit.
  return jax.lax.stop_gradient(jnp.clip(x, low, high)) + (x - jax.lax.stop_gradient(x))


def bounded_temperature(log_temperature: jax.Array, low: float, high: float) -> jax.Array:
  """Temperature of a contrastive loss, in [low, high], from its learned logarithm; see `clip_straight_through`."""
  return jnp.exp(clip_straight_through(log_temperature, jnp.log(low), jnp.log(high)))


def temperature_penalty(log_temperature: jax.Array, low: float, high: float) -> jax.Array:
  """Squared distance of a logarithm from those of [low, high], 0 inside; a term of the loss.

  It keeps the parameter near its bounds while the contrastive loss pulls it out, so that it is soon back inside when
  that changes.
  """
  return jnp.square(log_temperature - jnp.clip(log_temperature, jnp.log(low), jnp.log(high)))
