"""Prediction types ('eps', 'x0', 'v'): training targets, conversion to x0, and loss weights over time."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from seetalk_jax.diffusion.schedule import Schedule

PREDICTION_TYPES = ('eps', 'x0', 'v')


def target(
  prediction_type: str, schedule: Schedule, x0: jax.Array, noise: jax.Array, t: jax.Array
) -> jax.Array:
  """The training target at `x_t`: noise, x0, or `v = sqrt(abar) noise - sqrt(1 - abar) x0`."""
  _check(prediction_type)
  if prediction_type == 'eps':
    return noise
  if prediction_type == 'x0':
    return x0
  signal, sigma = schedule.scales(t, x0.ndim)
  return signal * noise - sigma * x0


def to_x0(
  prediction_type: str, schedule: Schedule, prediction: jax.Array, xt: jax.Array, t: jax.Array
) -> jax.Array:
  """The estimate of x0 from `prediction` at `xt [b, ...]`, `t [b]`.

  At zero SNR an 'eps' prediction does not determine x0. The estimate is 0 there.
  """
  _check(prediction_type)
  if prediction_type == 'x0':
    return prediction
  signal, sigma = schedule.scales(t, xt.ndim)
  if prediction_type == 'eps':
    known = signal > 0
    return jnp.where(known, (xt - sigma * prediction) / jnp.where(known, signal, 1.0), 0.0)
  return signal * xt - sigma * prediction


def loss_weight(
  prediction_type: str, schedule: Schedule, t: jax.Array, gamma: float | None = None
) -> jax.Array:
  """Loss weights `[b]` of squared errors at times `t [b]`: min-SNR-gamma (arXiv 2303.09556); None: all ones.

  For 'v' and 'x0' the clipped SNR is increased by 1. The original rule gives weight 0 to a last step of zero
  SNR, where sampling starts. The weights `(min(snr, gamma) + 1) / (snr + 1)` for 'v' and
  `min(snr, gamma) + 1` for 'x0' define the same loss.
  """
  _check(prediction_type)
  if gamma is None:
    return jnp.ones(jnp.shape(t), jnp.float32)
  snr = schedule.snr(t)
  clipped = jnp.minimum(snr, gamma)
  if prediction_type == 'x0':
    return clipped + 1.0
  if prediction_type == 'eps':
    return clipped / jnp.maximum(snr, 1e-8)
  return (clipped + 1.0) / (snr + 1.0)


def _check(prediction_type: str) -> None:
  if prediction_type not in PREDICTION_TYPES:
    raise ValueError(f'prediction type must be one of {PREDICTION_TYPES}, got {prediction_type!r}')
