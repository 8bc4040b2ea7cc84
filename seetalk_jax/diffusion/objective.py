"""What the network predicts ('eps', 'x0' or 'v'), the clean sample from it, and how the loss weighs times."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from seetalk_jax.diffusion.schedule import Schedule

PREDICTION_TYPES = ('eps', 'x0', 'v')
# Keeps 'eps' -> x0 finite where no signal is left; there the answer is arbitrary anyway.
_TINY = 1e-4


def target(
  prediction_type: str, schedule: Schedule, x0: jax.Array, noise: jax.Array, t: jax.Array
) -> jax.Array:
  """What a perfect network answers at `x_t`: noise, x0, or `v = sqrt(abar) noise - sqrt(1 - abar) x0`."""
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
  """The clean sample that `prediction` at `xt [b, ...]`, `t [b]` stands for."""
  _check(prediction_type)
  if prediction_type == 'x0':
    return prediction
  signal, sigma = schedule.scales(t, xt.ndim)
  if prediction_type == 'eps':
    return (xt - sigma * prediction) / jnp.maximum(signal, _TINY)
  return signal * xt - sigma * prediction


def loss_weight(
  prediction_type: str, schedule: Schedule, t: jax.Array, gamma: float | None = None
) -> jax.Array:
  """Weights `[b]` of squared errors at times `t [b]`; min-SNR-gamma (arXiv 2303.09556), None: all ones.

  For 'v' and 'x0' one is added to the clipped SNR: the plain rule would give a zero-SNR last step no weight,
  and it is where sampling starts. `(min(snr, gamma) + 1) / (snr + 1)` for 'v' and `min(snr, gamma) + 1` for
  'x0' make one and the same loss of the two.
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
